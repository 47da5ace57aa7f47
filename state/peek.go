package state

import (
	"errors"

	"crmsyncd/fieldmap/record"
)

// Peek returns what has to be known of a remote record to leave it alone: the
// hub record it is linked with, the digest of its raw fields when it was last
// settled, and the link's state.
func (l *Links) Peek(remote string) (hub HubID, raw record.Digest, st LinkState, ok bool) {
	id, ok := l.ByRemote(remote)
	if !ok {
		return 0, 0, 0, false
	}
	var link Link
	found, err := l.Get(id, &link)
	if errors.Is(err, ErrDamaged) {
		return id, 0, LinkOpen, true
	}
	if err != nil || !found {
		return 0, 0, 0, false
	}
	return id, link.Raw, link.State, true
}
