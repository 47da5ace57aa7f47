package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
)

// R126, R129: a change that Close did not flag is found by a full run, and by
// that alone.
func TestR126_FullRunFindsWhatWasNotFlagged(t *testing.T) {
	w := newCloseWorld(t)
	lead := w.lead("Acme", "8")
	old := w.now
	w.pullClose()
	w.tick()
	w.pullClose()
	w.change(lead, closeiosim.Fields{"name": "Acme Labs"})
	if err := w.cl.SetUpdated(lead, old); err != nil {
		t.Fatal(err)
	}
	w.tick()
	w.pullClose()
	if got := valueOf(w.hub("account", "8"), "name"); got != "Acme" {
		t.Fatalf("name %q: the simulator flagged it after all", got)
	}
	w.fullClose()
	if got := valueOf(w.hub("account", "8"), "name"); got != "Acme Labs" {
		t.Errorf("name %q after a full run", got)
	}
}

// R120, F3, F5: a lead that is flagged though nothing of it changed is looked at
// and changes nothing; one that changes while its page is read is met again.
func TestR120_FlaggedAndChangedMeanwhile(t *testing.T) {
	w := newCloseWorld(t)
	lead, _, _, _ := w.family("Acme", "8")
	w.pullClose()
	if err := w.cl.Touch(lead); err != nil {
		t.Fatal(err)
	}
	number := w.counter()
	run := w.pullClose()
	if run.Counts["changed"]+run.Counts["new"] != 0 || w.counter() != number {
		t.Errorf("an e-mail changed the hub: %v", run.Counts)
	}
	w.change(lead, closeiosim.Fields{"name": "Acme One"})
	w.cl.OnCall(func(call string) {
		if call == "search.lead" {
			w.cl.OnCall(nil)
			w.change(lead, closeiosim.Fields{"name": "Acme Two"})
		}
	})
	w.pullClose()
	w.pullClose()
	if got := valueOf(w.hub("account", "8"), "name"); got != "Acme Two" {
		t.Errorf("name %q: what changed during the reading is lost", got)
	}
}

// F4: the search lags behind; what was done just before a run comes with the
// next one, and no old version ever takes the place of a newer.
func TestF4_LaggingSearch(t *testing.T) {
	w := closeWorldWith(t, closeiosim.Options{IndexLag: 4 * time.Minute})
	lead := w.lead("Acme", "8")
	w.pullClose()
	w.now = w.now.Add(15*time.Minute - time.Second)
	w.change(lead, closeiosim.Fields{"name": "Acme Two"})
	w.now = w.now.Add(time.Second)
	w.mustPull(engine.Request{System: "close"})
	if got := valueOf(w.hub("account", "8"), "name"); got != "Acme" {
		t.Fatalf("name %q: the search did not lag", got)
	}
	w.lead("Later", "9")
	w.pullClose()
	if got := valueOf(w.hub("account", "8"), "name"); got != "Acme Two" {
		t.Errorf("name %q after the lag", got)
	}
}

// R63, R64, D1: a contact of Close is the person of QBench by its
// ContactExternalID, else by its e-mail in any case; one that neither finds is a
// contact of its own and no error.
func TestR63_ContactIdentity(t *testing.T) {
	for key, hub := range map[string]string{"the e-mail": "email, compare: email", "the person's id": "user_id"} {
		t.Run(key, func(t *testing.T) { contactIdentity(t, hub) })
	}
}

func contactIdentity(t *testing.T, hub string) {
	w := newCloseWorld(t, edited(closeRoutes, "remote: custom.ContactExternalID, hub: email, compare: email", "remote: custom.ContactExternalID, hub: "+hub))
	acme := w.qb.AddCustomer(customer("Acme"))
	byID := w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.qb.AddContact(person("Bob", "Roe", "bob@acme.example"), acme)
	w.pull()
	lead := w.lead("Acme", acme)
	mail := func(address string) closeiosim.Fields {
		return closeiosim.Fields{"name": "Some Body", "emails": []any{map[string]any{"type": "office", "email": address}}}
	}
	first := w.cl.AddContact(lead, mail("private@home.example"))
	w.custom(first, "ContactExternalID", map[bool]string{true: fmt.Sprint(byID), false: "Ann@Acme.example"}[hub == "user_id"])
	second := w.cl.AddContact(lead, mail("BOB@acme.example"))
	third := w.cl.AddContact(lead, mail("new@acme.example"))
	w.pullClose()
	for key, want := range map[string]string{fmt.Sprint(byID): first, "bob@acme.example": second, "new@acme.example": third} {
		if got := linkOf(w.hub("contact", key), "close").Remote; got != want {
			t.Errorf("%s is linked with %q, want %s", key, got, want)
		}
	}
	if got := w.hub("contact", fmt.Sprint(byID)); valueOf(got, "email") != "ann@acme.example" || w.count("contact") != 3 {
		t.Errorf("email %q, %d contacts", valueOf(got, "email"), w.count("contact"))
	}
	w.wantHeld("close")
}

// R65, R66, R67, D11: checking says which organization the key opens, what is
// missing, and what is thinly filled; nothing runs before a needed field exists.
func TestR66_CheckIsTheGate(t *testing.T) {
	w := newCloseWorld(t, unaudited("the schema stays unfit"))
	for i := range 10 {
		lead := w.lead(fmt.Sprintf("L%d", i), nil)
		if i < 5 {
			w.custom(lead, "AccountExternalID", fmt.Sprint(i+1))
		}
	}
	w.tick()
	id, findings, err := w.eng.Check(t.Context(), "close")
	if err != nil || id.Org != w.cl.OrganizationID() {
		t.Fatalf("%+v %v, want organization %s", id, err, w.cl.OrganizationID())
	}
	thin := slices.IndexFunc(findings, func(f engine.Finding) bool {
		return f.Field == "custom.AccountExternalID" && f.Filled == 5 && f.Of == 10 && f.Warning
	})
	if thin < 0 {
		t.Errorf("the half-empty key is not pointed out: %v", findings)
	}
	if err := w.cl.DeleteCustomField("lead", "AccountExternalID"); err != nil {
		t.Fatal(err)
	}
	w.tick()
	run, err := w.eng.Pull(t.Context(), engine.Request{System: "close"})
	if err == nil || !strings.Contains(err.Error(), "AccountExternalID") || run.Status != engine.StatusFailed || w.count("account") != 0 {
		t.Errorf("%v, %s, %d accounts: it ran without the field that it needs", err, run.Status, w.count("account"))
	}
}

// F3, F4: a record that was read too early to be believed is read again by id;
// where that fails, the position does not pass it.
func TestF4_PositionWaitsForWhatMustBeReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCloseWorld(t)
		lead := w.lead("Acme", "8")
		w.pullClose()
		w.change(lead, closeiosim.Fields{"name": "Acme Two"})
		w.now = w.now.Add(15 * time.Minute)
		w.wroteToLead(lead)
		if err := w.cl.AddFault("500,method=GET,path=/lead/lead_"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.eng.Pull(t.Context(), engine.Request{System: "close"}); err == nil {
			t.Fatal("the read by id did not fail")
		}
		w.cl.Faults().Clear()
		w.tick()
		w.pullClose()
		if got := valueOf(w.hub("account", "8"), "name"); got != "Acme Two" {
			t.Errorf("name %q: the change is lost", got)
		}
		_ = w.store.Close()
	})
}

// A hold ends when the record is again what it was before, though that looks
// like no change at all.
func TestHoldEndsWhenTheSourceIsAsBefore(t *testing.T) {
	w := newCloseWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.pull()
	for _, name := range []string{"", "Acme"} {
		if err := w.qb.UpdateCustomer(acme, map[string]any{"customer_name": name}); err != nil {
			t.Fatal(err)
		}
		w.tick()
		w.pull()
		if held := len(w.held("qbench")); held != 1-min(1, len(name)) {
			t.Errorf("%d held while the name is %q", held, name)
		}
	}
}

// R105: of Close's objects leads, contacts, opportunities, tasks and users are
// read; a route to another one is refused with those named.
func TestR105_NoOtherObjects(t *testing.T) {
	w := newCloseWorld(t, unaudited("a route names an object that Close does not have"), edited(closeRoutes, "  - object: task\n", "  - object: note\n"))
	run, err := w.eng.Pull(t.Context(), engine.Request{System: "close"})
	if err == nil || !strings.Contains(err.Error(), `no object "note"`) || !strings.Contains(err.Error(), "opportunity") {
		t.Errorf("%v, %s", err, run.Status)
	}
}

// wroteToLead says that we write to a lead now.
func (w *closeWorld) wroteToLead(lead string) {
	w.t.Helper()
	if err := w.store.Update(func(tx *state.Tx) error {
		var l state.Link
		links := tx.Links("close", "lead")
		id, _ := links.ByRemote(lead)
		if _, err := links.Get(id, &l); err != nil {
			return err
		}
		l.Wrote = w.now.UnixMilli()
		return links.Put(&l)
	}); err != nil {
		w.t.Fatal(err)
	}
}
