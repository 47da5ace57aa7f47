package state_test

import (
	"fmt"
	"testing"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// fill stores n accounts with their links, a hold, an exclusion, a journal
// entry and the rest for some of them.
func fill(t testing.TB, s *state.Store, n int) {
	t.Helper()
	f := nums(t, s, "name", "email", "qbench", "rule")
	update(t, s, func(tx *state.Tx) error {
		for i := 1; i <= n; i++ {
			if err := fillRow(tx, f, i); err != nil {
				return err
			}
		}
		return nil
	})
}

func fillRow(tx *state.Tx, f []state.Num, i int) error {
	id := state.HubID(i)
	rec := state.HubRecord{ID: id}
	rec.Set(f[0], record.Of(fmt.Sprintf("Customer %d", i)), f[2], 1000, f[3])
	rec.Set(f[1], record.Of(fmt.Sprintf("c%d@example.com", i)), f[2], 1000, f[3])
	if err := tx.Hub("account").Put(&rec, []state.IndexKey{{Field: f[1], Digest: record.Digest(i) * 0x9E3779B97F4A7C15}}); err != nil {
		return err
	}
	link := state.Link{Hub: id, Remote: fmt.Sprintf("001%06d", i), Version: int64(i)}
	link.Set(state.LinkField{Field: f[0], Seen: record.Digest(i), Told: record.Digest(i)})
	link.Set(state.LinkField{Field: f[1], Seen: record.Digest(i), Told: record.Digest(i + 1), Sent: i%2 == 0})
	if err := tx.Links("salesforce", "Account").Put(&link); err != nil {
		return err
	}
	if i%50 != 0 {
		return nil
	}
	if err := tx.PutHold(state.Hold{System: "salesforce", Object: "Contact", Hub: id, Reason: "waiting_for_parent", Event: "linked"}); err != nil {
		return err
	}
	if err := tx.Exclude("qbench", "customer", link.Remote, state.Excluded{Clause: "x"}); err != nil {
		return err
	}
	return tx.Journal([]state.JournalEntry{{Run: 1, Object: "account", Hub: id, New: record.Of("x"), Reason: "created"}})
}
