package ledger

import (
	"slices"
	"strings"

	"crmsyncd/state"
)

// A person who unlinks a record of a source says that it is not the hub record: its
// keys must not bring the two together again. Files of former builds call that apart.

func (r *Route) exclusionKey(remote string) string { return "apart:" + r.Key() + "/" + remote }

// Exclude remembers that a remote record is not a record of the hub.
func (r *Route) Exclude(tx *state.Tx, remote string, hub state.HubID) error {
	ids := r.Excluded(tx, remote)
	if slices.Contains(ids, hub) {
		return nil
	}
	return r.setExcluded(tx, remote, append(ids, hub))
}

// Include forgets it: a person says that it is, after all.
func (r *Route) Include(tx *state.Tx, remote string, hub state.HubID) error {
	ids := r.Excluded(tx, remote)
	if !slices.Contains(ids, hub) {
		return nil
	}
	return r.setExcluded(tx, remote, slices.DeleteFunc(ids, func(id state.HubID) bool { return id == hub }))
}

func (r *Route) setExcluded(tx *state.Tx, remote string, ids []state.HubID) error {
	var texts []string
	for _, id := range ids {
		texts = append(texts, id.String())
	}
	return tx.SetMeta(r.exclusionKey(remote), []byte(strings.Join(texts, " ")))
}

// Excluded returns the records of the hub that a remote record is not.
func (r *Route) Excluded(tx *state.Tx, remote string) []state.HubID {
	var out []state.HubID
	for text := range strings.FieldsSeq(string(tx.Meta(r.exclusionKey(remote)))) {
		if id, err := state.ParseHubID(text); err == nil {
			out = append(out, id)
		}
	}
	return out
}
