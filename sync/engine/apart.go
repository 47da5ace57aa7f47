package engine

import (
	"slices"
	"strings"

	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// A person who unlinks a record of a source says that it is not the hub record:
// its keys must not bring the two together again.

func apartKey(r *ledger.Route, remote string) string { return "apart:" + r.Key() + "/" + remote }

// keepApart remembers that a record is not a hub record.
func keepApart(tx *state.Tx, r *ledger.Route, remote string, hub state.HubID) error {
	ids := apartFrom(tx, r, remote)
	if slices.Contains(ids, hub) {
		return nil
	}
	return setApart(tx, r, remote, append(ids, hub))
}

// bringTogether forgets it: a person says that it is, after all.
func bringTogether(tx *state.Tx, r *ledger.Route, remote string, hub state.HubID) error {
	ids := apartFrom(tx, r, remote)
	if !slices.Contains(ids, hub) {
		return nil
	}
	return setApart(tx, r, remote, withoutID(ids, hub))
}

func setApart(tx *state.Tx, r *ledger.Route, remote string, ids []state.HubID) error {
	var texts []string
	for _, id := range ids {
		texts = append(texts, id.String())
	}
	return tx.SetMeta(apartKey(r, remote), []byte(strings.Join(texts, " ")))
}

// apartFrom returns the hub records that a record is not.
func apartFrom(tx *state.Tx, r *ledger.Route, remote string) []state.HubID {
	var out []state.HubID
	for text := range strings.FieldsSeq(string(tx.Meta(apartKey(r, remote)))) {
		if id, err := state.ParseHubID(text); err == nil {
			out = append(out, id)
		}
	}
	return out
}
