package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

func (w *world) lookup(object, key string) []engine.RecordView {
	w.t.Helper()
	views, err := w.eng.Lookup(object, key)
	if err != nil {
		w.t.Fatal(err)
	}
	return views
}

func (w *world) one(object string, id any) engine.RecordView {
	w.t.Helper()
	key := fmt.Sprint(id)
	views := w.lookup(object, key)
	if len(views) != 1 {
		w.t.Fatalf("%d %s records go by %q, want 1", len(views), object, key)
	}
	return views[0]
}

func hubID(t *testing.T, v engine.RecordView) state.HubID {
	t.Helper()
	id, err := state.ParseHubID(v.ID)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// R24: get finds by id, hub id, e-mail, an id in a target and by name, and a
// name lists every hit. R42, R43, D17: the ids that links tell.
func TestLookup(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	twin := w.qb.AddCustomer(customer("ACME", qbenchsim.Fields{"website": "https://twin.example"}))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	if hits := w.lookup("account", "acme"); len(hits) != 2 {
		t.Errorf("%d hits for a name that two accounts have, want both", len(hits))
	}
	v := w.one("account", acme)
	accountID := w.sf.Find("Account", "Name", "Acme")[0]
	if v.IDs["crm_account_id"] != accountID {
		t.Errorf("crm_account_id is %q, want %q", v.IDs["crm_account_id"], accountID)
	}
	for _, key := range []string{"hub:" + v.ID, accountID} {
		if got := w.one("account", key); got.ID != v.ID {
			t.Errorf("%q finds hub %s, want %s", key, got.ID, v.ID)
		}
	}
	if w.one("account", twin).ID == v.ID {
		t.Error("two ids find one record")
	}
	c := w.one("contact", "ANN@acme.example")
	if c.IDs["crm_account_user_id"] != w.sf.Find("Contact", "Email", "ann@acme.example")[0] || c.IDs["crm_account_id"] != accountID {
		t.Errorf("the contact's ids are %v", c.IDs)
	}
	for _, f := range v.Fields {
		if f.Name == "name" && (f.Value != "Acme" || f.Source != "qbench" || f.Since.IsZero()) {
			t.Errorf("the name shows as %+v", f)
		}
	}
	for _, f := range c.Fields {
		if f.Name == "account" && !strings.Contains(f.Refers, "Acme") {
			t.Errorf("the account of the contact shows as %+v", f)
		}
	}
	if len(w.lookup("account", "nobody")) != 0 {
		t.Error("a name that nobody has was found")
	}
	if _, err := w.eng.Lookup("lead", "x"); !errors.Is(err, engine.ErrNoObject) {
		t.Errorf("an unknown object: %v", err)
	}
}

func TestExport(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"Acme", "Bolt", "Core"} {
		w.qb.AddCustomer(customer(name))
	}
	w.pull()
	var labels []string
	if err := w.eng.ExportWithout("account", "", func(v engine.RecordView) error { labels = append(labels, v.Label); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(labels) != 3 || !strings.HasSuffix(labels[2], "Core") {
		t.Errorf("exported %q", labels)
	}
	ids, fields, err := w.eng.Columns("account")
	if err != nil || len(fields) == 0 || len(ids)+len(fields) < 20 {
		t.Errorf("columns %v %v %v", ids, fields, err)
	}
}

// D1: two hits hold the record; a person's link ends it, and the next run
// writes to the chosen record only.
func TestLinkEndsAmbiguousMatch(t *testing.T) {
	w := newWorld(t)
	first, _ := w.sf.Insert("Account", map[string]string{"Name": "Acme A", "Website": "https://acme.example"})
	second, _ := w.sf.Insert("Account", map[string]string{"Name": "Acme B", "Website": "https://www.acme.example"})
	id := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	holds := w.held("salesforce")
	if len(holds) != 1 || holds[0].Reason != ledger.HoldAmbiguous {
		t.Fatalf("held %v, want one ambiguous match", reasons(holds))
	}
	hub := hubID(t, w.one("account", id))
	if err := w.eng.Link(t.Context(), "salesforce", "Account", hub, second); err != nil {
		t.Fatal(err)
	}
	if holds := w.held("salesforce"); len(holds) != 0 {
		t.Errorf("still held: %v", reasons(holds))
	}
	w.sync() // reads the record for the first time
	w.sync()
	if got := w.sf.Record("Account", second)["Name"]; got != "Acme" {
		t.Errorf("the chosen account has the name %q", got)
	}
	if got := w.sf.Record("Account", first)["Name"]; got != "Acme A" {
		t.Errorf("the other account was written: %q", got)
	}
	link := w.one("account", id).Links
	if link[len(link)-1].Origin != "person" {
		t.Errorf("links %+v", link)
	}
}

// A link is refused where either side has another, and both are named.
func TestLinkRefuses(t *testing.T) {
	w := newWorld(t)
	a, b := w.qb.AddCustomer(customer("Acme")), w.qb.AddCustomer(customer("Bolt"))
	w.sync()
	hubA, hubB := hubID(t, w.one("account", a)), hubID(t, w.one("account", b))
	theirA, theirB := w.sf.Find("Account", "Name", "Acme")[0], w.sf.Find("Account", "Name", "Bolt")[0]
	err := w.eng.Link(t.Context(), "salesforce", "Account", hubA, "001000000000000AAA")
	if !errors.Is(err, engine.ErrLinked) || !strings.Contains(err.Error(), theirA) {
		t.Errorf("a second remote record: %v", err)
	}
	if err := w.eng.Unlink("salesforce", "Account", hubA); err != nil {
		t.Fatal(err)
	}
	err = w.eng.Link(t.Context(), "salesforce", "Account", hubA, theirB)
	if !errors.Is(err, engine.ErrLinked) || !strings.Contains(err.Error(), hubB.String()) || !strings.Contains(err.Error(), theirB) {
		t.Errorf("a remote record that is taken: %v", err)
	}
	if err := w.eng.Link(t.Context(), "salesforce", "Account", hubA, theirA); err != nil {
		t.Errorf("linked again: %v", err)
	}
	if err := w.eng.Unlink("salesforce", "Account", hubA); err != nil {
		t.Fatal(err)
	}
	err = w.eng.Link(t.Context(), "salesforce", "Account", hubA, "0018d0000099999AAA")
	if !errors.Is(err, engine.ErrNoRecord) || !strings.Contains(err.Error(), "0018d0000099999AAA") {
		t.Errorf("a remote record that is not there: %v", err)
	}
	w.sf.RefuseSessions(1000)
	if err := w.eng.Link(t.Context(), "salesforce", "Account", hubA, theirA); err == nil || !strings.Contains(err.Error(), "cannot be asked") {
		t.Errorf("a system that cannot be asked: %v", err)
	}
	w.sf.RefuseSessions(0)
	for name, err := range map[string]error{
		"no such route":  w.eng.Link(t.Context(), "salesforce", "Lead", hubA, "x"),
		"no such record": w.eng.Link(t.Context(), "salesforce", "Account", 9999, "x"),
		"an empty id":    w.eng.Link(t.Context(), "salesforce", "Account", hubA, " "),
		"not linked":     w.eng.Unlink("salesforce", "Account", 9999),
	} {
		if err == nil {
			t.Errorf("%s was not refused", name)
		}
	}
}

// D12, R166: what was blocked after creation is listed with both values.
func TestCreateOnlyDriftShowsBothValues(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"city": "Shelbyville"})
	w.sync()
	var rows []engine.DifferView
	if err := w.eng.Differences(context.Background(), engine.DifferFilter{Reason: "create_only"}, func(v engine.DifferView) error { rows = append(rows, v); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1 {
		t.Fatalf("%d fields differ, want the city alone: %+v", len(rows), rows)
	}
	if r := rows[0]; r.Field != "addresses.BILLING.city" || r.Ours != "Shelbyville" || r.Theirs != "Springfield" || !r.Known {
		t.Errorf("got %+v", r)
	}
}

// A record that a person links with another twin keeps our id at the first: the hold
// names what is to be cleared there, and ends with it.
func TestLinkWithTheOtherTwin(t *testing.T) {
	doors(t, func(t *testing.T, d *door) {
		acme := d.qb.AddCustomer(customer("Acme"))
		d.go1()
		first := d.id("account", "name", "Acme")
		second := d.put("account", map[string]string{"name": "The other"})
		hub := d.hubOfRemote(d.system, d.names["account"], first)
		if err := d.eng.Unlink(d.system, d.names["account"], hub); err != nil {
			t.Fatal(err)
		}
		if err := d.eng.Link(t.Context(), d.system, d.names["account"], hub, second); err != nil {
			t.Fatal(err)
		}
		d.go1()
		views := d.views(d.system)
		if len(views) != 1 || !strings.Contains(views[0].Mend, "clear "+d.names["our id"]+" there") {
			t.Fatalf("held %+v", views)
		}
		d.byHand("account", first, map[string]string{"our id": "", "name": "Was Acme"})
		if _, err := d.eng.RetryHolds(engine.HoldFilter{System: d.system}, false); err != nil {
			t.Fatal(err)
		}
		d.go1()
		d.want("account", second, map[string]string{"our id": fmt.Sprint(acme), "name": "Acme"})
		d.want("account", first, map[string]string{"name": "Was Acme"})
	})
}

// C10.5: a record that a person unlinked from a target is held, and so is what
// belongs to it; nothing is written there or made. A retry has it matched again, by
// our id with the same record, and a link gives it another.
func TestC10_5_UnlinkedIsHeld(t *testing.T) {
	doors(t, func(t *testing.T, d *door) {
		acme := d.qb.AddCustomer(customer("Acme"))
		d.go1()
		id := d.id("account", "name", "Acme")
		hub := d.hubOfRemote(d.system, d.names["account"], id)
		unlink := func() {
			t.Helper()
			if err := d.eng.Unlink(d.system, d.names["account"], hub); err != nil {
				t.Fatal(err)
			}
			d.wantHeld(d.system, d.names["account"]+" "+ledger.HoldUnlinked)
		}
		unlink()
		d.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
		_ = d.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
		for _, full := range []bool{false, true} {
			d.go1(full)
			d.want("account", id, map[string]string{"description": "A lab"})
			d.wantHeld(d.system, d.names["account"]+" "+ledger.HoldUnlinked, d.names["contact"]+" "+ledger.HoldParentWaits)
		}
		for _, v := range d.views(d.system) {
			if v.Reason == ledger.HoldParentWaits && !strings.Contains(v.Mend, "its own hold says how") {
				t.Errorf("the contact's hold says %q", v.Mend)
			}
		}
		if n, err := d.eng.RetryHolds(engine.HoldFilter{System: d.system, Reason: ledger.HoldUnlinked}, false); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		d.go1()
		d.go1()
		d.wantHeld(d.system)
		if got := d.id("account", "name", "Acme"); got != id {
			t.Errorf("linked with %s, not %s", got, id)
		}
		d.want("account", id, map[string]string{"description": "New"})
		unlink()
		if err := d.eng.Link(t.Context(), d.system, d.names["account"], hub, id); err != nil {
			t.Fatal(err)
		}
		d.go1()
		d.wantHeld(d.system)
	})
}

// A line that is new or changed makes every linked record due, at most, until a run
// compared them.
func TestStandingCountsWhatALineMakesDue(t *testing.T) {
	doors(t, func(t *testing.T, d *door) {
		d.qb.AddCustomer(customer("Acme"))
		d.qb.AddCustomer(customer("Best"))
		d.go1()
		d.remap([3]string{"routes/salesforce.yaml", "{remote: Description, hub: description}", "{remote: Description, hub: name}"},
			[3]string{hubspotRoutes, "{remote: description, hub: description}", "{remote: description, hub: name}"})
		st, err := d.eng.Standing(d.system)
		if err != nil || st.Due != 2 || !st.AtMost || st.Why[engine.WaitBackFill] != 2 {
			t.Errorf("%v: %+v", err, st)
		}
		d.go1()
		if st, err := d.eng.Standing(d.system); err != nil || st.Due != 0 || len(st.Why) > 0 {
			t.Errorf("%v: after the run: %+v", err, st)
		}
	})
}

// A record that a retry freed, and that the next run holds again, is due till then:
// it is not counted nowhere.
func TestStandingCountsWhatARetryFreed(t *testing.T) {
	doors(t, func(t *testing.T, d *door) {
		acme := d.qb.AddCustomer(customer("Acme"))
		d.qb.AddContact(person("Ann", "Lee", ""), acme)
		d.go1()
		d.wantHeld(d.system, d.names["contact"]+" "+ledger.HoldNoEmail)
		if n, err := d.eng.RetryHolds(engine.HoldFilter{System: d.system}, false); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		if st, err := d.eng.Standing(d.system); err != nil || st.Due+st.Held != 1 {
			t.Errorf("%v: %+v", err, st)
		}
		d.go1()
		if st, err := d.eng.Standing(d.system); err != nil || st.Due != 0 || st.Held != 1 {
			t.Errorf("%v: after the run: %+v", err, st)
		}
	})
}

// C1.6: what may differ is listed with both values and why, whatever the reason and
// in both flows; each filter leaves the others out.
func TestToleratedDifferencesAreListed(t *testing.T) {
	doors(t, func(t *testing.T, d *door) {
		acme := d.qb.AddCustomer(customer("Acme"))
		d.go1()
		id := d.id("account", "name", "Acme")
		d.byHand("account", id, map[string]string{"description": "By hand"})
		_ = d.qb.UpdateCustomer(acme, qbenchsim.Fields{"city": "Shelbyville"})
		d.go1()
		d.go1(true)
		list := func(f engine.DifferFilter) (out []string) {
			if err := d.eng.Differences(t.Context(), f, func(v engine.DifferView) error {
				out = append(out, fmt.Sprintf("%s/%s %s: %s | %s (%s)", v.System, v.Object, v.Field, v.Ours, v.Theirs, v.Reason))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			return out
		}
		object := d.system + "/" + d.names["account"]
		drift := object + " description: A lab | By hand (drift)"
		city := object + " addresses.BILLING.city: Shelbyville | Springfield (create_only)"
		for _, c := range []struct {
			f    engine.DifferFilter
			want []string
		}{
			{engine.DifferFilter{System: d.system}, []string{drift, city}},
			{engine.DifferFilter{System: d.system, Reason: "drift"}, []string{drift}},
			{engine.DifferFilter{System: d.system, Object: d.names["account"], Reason: "create_only"}, []string{city}},
			{engine.DifferFilter{System: d.system, Object: d.names["contact"]}, nil},
			{engine.DifferFilter{System: "qbench"}, nil},
			{engine.DifferFilter{Remote: id, Reason: "drift"}, []string{drift}},
			{engine.DifferFilter{System: d.system, Hub: "account/1", Reason: "drift"}, []string{drift}},
			{engine.DifferFilter{System: d.system, Hub: "contact/1"}, nil},
			{engine.DifferFilter{System: d.system, Hub: "2"}, nil},
		} {
			if diff := cmp.Diff(c.want, list(c.f)); diff != "" {
				t.Errorf("%+v: %s", c.f, diff)
			}
		}
	})
}

// F11: what was deleted there by hand is made again only when a person says so.
func TestRetryRecreates(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	gone := w.sf.Find("Account", "Name", "Acme")[0]
	if err := w.sf.Delete("Account", gone); err != nil {
		t.Fatal(err)
	}
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "Changed"})
	w.sync()
	holds := w.held("salesforce")
	if len(holds) != 1 || holds[0].Reason != ledger.HoldDeleted {
		t.Fatalf("held %v, want deleted_remotely", reasons(holds))
	}
	if n, err := w.eng.RetryHolds(engine.HoldFilter{System: "salesforce"}, false); err != nil || n != 0 {
		t.Errorf("a plain retry ended %d holds (%v), want none", n, err)
	}
	w.sync()
	if n := len(w.sf.Find("Account", "Name", "Acme")); n != 0 {
		t.Fatalf("%d accounts were made unasked", n)
	}
	if n, err := w.eng.RetryHolds(engine.HoldFilter{System: "salesforce"}, true); err != nil || n != 1 {
		t.Fatalf("recreate ended %d holds (%v), want 1", n, err)
	}
	w.sync()
	if n := len(w.sf.Find("Account", "Name", "Acme")); n != 1 {
		t.Errorf("%d accounts after recreate, want 1", n)
	}
	if holds := w.held("salesforce"); len(holds) != 0 {
		t.Errorf("still held: %v", reasons(holds))
	}
}

func TestDropHolds(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddContact(person("Ann", "Lee", ""), acme)
	w.sync()
	n, err := w.eng.DropHolds(engine.HoldFilter{Reason: ledger.HoldNoEmail})
	if err != nil || n == 0 {
		t.Fatalf("dropped %d (%v)", n, err)
	}
	dropped := 0
	if err := w.eng.Holds(engine.HoldFilter{}, func(h engine.HoldView) error {
		if h.Dropped {
			dropped++
		}
		if h.Mend == "" {
			t.Errorf("the hold %s has no mend", h.Reason)
		}
		return nil
	}); err != nil || dropped != n {
		t.Errorf("%d of %d stay dropped (%v)", dropped, n, err)
	}
	res, _ := w.audit(engine.AuditRequest{})
	for _, c := range res.Counts {
		if c.Standing == "held" || c.Reason == ledger.HoldNoEmail {
			t.Errorf("the audit counts %d %s %s, and nothing is held", c.Count, c.Standing, c.Reason)
		}
	}
}

func TestAcceptUnknownPlan(t *testing.T) {
	w := newWorld(t)
	says := func(want string) {
		t.Helper()
		if _, err := w.eng.Accept("7-Account"); !errors.Is(err, engine.ErrNoPlan) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	says(`there is no plan "7-Account"; none waits`)
	if err := w.store.Update(func(tx *state.Tx) error {
		return errors.Join(tx.PutPlan(state.Plan{ID: "38-Account"}), tx.PutPlan(state.Plan{ID: "39-Contact"}),
			tx.PutPlan(state.Plan{ID: "40-Account", Accepted: true}))
	}); err != nil {
		t.Fatal(err)
	}
	says(`there is no plan "7-Account"; waiting: 38-Account, 39-Contact`)
}

// R131: every reason for which something can be held tells the admin what ends
// it.
func TestEveryHoldTellsItsMend(t *testing.T) {
	for _, reason := range []string{
		ledger.HoldNoEmail, ledger.HoldManyCustomers, ledger.HoldRequired, ledger.HoldParentWaits, ledger.HoldParentUnknown,
		ledger.HoldAmbiguous, ledger.HoldDuplicate, ledger.HoldIdentity, ledger.HoldMerged, ledger.HoldDeleted, ledger.HoldConflict,
		ledger.HoldRejected, ledger.HoldUnknownOutcome, ledger.HoldUnmapped, ledger.HoldBadValue,
	} {
		if v := engine.ViewHold(state.Hold{System: "salesforce", Object: "Account", Reason: reason, Hub: 7}); v.Mend == "" || v.Hub != "7" {
			t.Errorf("%s: %+v", reason, v)
		}
	}
}
