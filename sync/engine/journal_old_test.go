package engine_test

import (
	"testing"

	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/state"
)

// pushedOld are the journal's old and new values of a field of Salesforce
// accounts, with how the old one is known.
func (w *world) pushedOld(field string) (out []string) {
	w.t.Helper()
	if err := w.store.View(func(tx *state.Tx) error {
		return tx.EachJournal("account", 0, 0, func(j state.JournalEntry) error {
			if w.store.Name(j.System) == "s:salesforce" && w.store.Name(j.Field) == "f:"+field {
				out = append(out, j.Reason+" "+text(j.Old)+">"+text(j.New)+" "+j.OldKnown.String())
			}
			return nil
		})
	}); err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) wantOld(field string, want ...string) {
	w.t.Helper()
	got := w.pushedOld(field)
	if len(got) != len(want) {
		w.t.Fatalf("journal of %s: %v, want %v", field, got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			w.t.Errorf("journal of %s: %v, want %v", field, got, want)
		}
	}
}

// C2.5: what a full run overwrites is in the journal as it stood there, and what
// a routine run overwrites is our own last value, which creation wrote.
func TestC2_5_OverwrittenIsJournaled(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
	w.sync()
	w.wantOld("description", "source_changed A lab>New own_last")
	w.tick()
	_ = w.sf.SetField("Account", w.account("Acme")["Id"], "Description", "By hand")
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "Newer"})
	w.tick()
	w.pull()
	w.push(true)
	if got := w.account("Acme")["Description"]; got != "Newer" {
		t.Fatalf("Description %q", got)
	}
	w.wantOld("description", "source_changed A lab>New own_last", "overwritten By hand>Newer read")
}

// A record that was found keeps what was read at the first meeting for the
// journal, and a route with read_before knows every old value.
func TestC2_5_OldValuesOfFoundRecordsAndReadBefore(t *testing.T) {
	for name, opts := range map[string][]worldOption{
		"first meeting": nil,
		"read_before":   {edited("routes/salesforce.yaml", "    create_needs: [name]\n", "    create_needs: [name]\n    read_before: true\n")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, opts...)
			w.insert("Account", map[string]string{"Name": "Acme", "Website": "https://acme.example", "Description": "Theirs"})
			acme := w.qb.AddCustomer(customer("Acme"))
			w.sync()
			w.wantOld("description", "first_meeting Theirs>A lab read")
			if opts == nil {
				return
			}
			w.tick()
			_ = w.sf.SetField("Account", w.account("Acme")["Id"], "Description", "By hand")
			_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
			w.sync()
			w.wantOld("description", "first_meeting Theirs>A lab read", "source_changed By hand>New read")
		})
	}
}
