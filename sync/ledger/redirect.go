package ledger

import (
	"errors"
	"strconv"

	"crmsyncd/fieldmap"
	"crmsyncd/state"
)

// A record whose link moves leaves an empty hub record behind that stands for the
// other one: a redirect. Files of former builds call that an alias.

// MaxChain bounds how far redirects, and parents, are followed.
const MaxChain = 64

// Moved is the note that says that records of an object moved and what refers to them
// is still to be turned; it holds how many there were.
func Moved(object string) string { return "moved:" + object }

func redirectsKey(object string) string { return "aliases:" + object }

// NoteMoved remembers that a record of an object moved, and counts it.
func NoteMoved(tx *state.Tx, object string) error {
	if err := tx.SetMeta(redirectsKey(object), strconv.AppendInt(nil, int64(redirects(tx, object)+1), 10)); err != nil {
		return err
	}
	return tx.SetMeta(Moved(object), tx.Meta(redirectsKey(object)))
}

func redirects(tx *state.Tx, object string) int {
	n, _ := strconv.Atoi(string(tx.Meta(redirectsKey(object)))) // nothing is none
	return n
}

// Records returns how many records the hub holds of an object, without redirects.
func Records(tx *state.Tx, object string) int {
	return tx.Hub(object).Count() - redirects(tx, object)
}

// Redirect returns the record that a redirect leads to, and whether it is one.
func Redirect(tx *state.Tx, object *fieldmap.HubObject, id state.HubID) (state.HubID, bool) {
	var rec state.HubRecord
	moved := false
	for range MaxChain {
		ok, err := tx.Hub(object.Name).Get(id, &rec)
		if err != nil && !errors.Is(err, state.ErrDamaged) || !ok || rec.State != state.HubAlias {
			break
		}
		id, moved = rec.AliasOf, true
	}
	return id, moved
}
