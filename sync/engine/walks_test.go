package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/providers/salesforce/salesforcesim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// F1, F2: a vendor that stores our value in a form of its own is not pushed to
// again, neither by a routine run nor by a full one.
func TestF2_VendorNormalizes(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	id := w.account("Acme")["Id"]
	if err := w.sf.SetField("Account", id, "Website", "HTTPS://ACME.EXAMPLE/home"); err != nil {
		t.Fatal(err)
	}
	w.sf.ResetAudit()
	w.tick()
	w.push(true)
	w.tick()
	w.push(true)
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
	w.sync()
	w.push(true)
	for _, f := range w.written("Account") {
		if _, ok := f["Website"]; ok {
			t.Errorf("the form of the vendor was pushed over: %v", f)
		}
	}
	if w.account("Acme")["Description"] != "New" {
		t.Error("a real change did not go out")
	}
}

// F11: a record deleted in Salesforce by hand is held, never made again
// unasked.
func TestDeletedByHand(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	id := w.account("Acme")["Id"]
	if err := w.sf.Delete("Account", id); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": fmt.Sprint("New ", i)})
		w.sync()
		w.push(true)
	}
	w.wantHeld("salesforce", "Account "+ledger.HoldDeleted)
	w.wantCount("Account", 0)
}

// F11: a record that was merged into one that nobody holds takes the link with
// it; into one that is linked, it is held and both stay as they are.
func TestMergedByHand(t *testing.T) {
	w := newWorld(t)
	acme, best := w.qb.AddCustomer(customer("Acme")), w.qb.AddCustomer(customer("Best"))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	free := w.insert("Account", map[string]string{"Name": "Acme International"})
	if err := w.sf.Merge(free, w.account("Acme")["Id"]); err != nil {
		t.Fatal(err)
	}
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
	w.sync()
	w.sync()
	if a := w.sf.Record("Account", free); a["Description"] != "New" || a["BillingCity"] != "" {
		t.Errorf("the link did not follow the merge: %v", a)
	}
	if c := w.contact("ann@acme.example"); c["AccountId"] != free {
		t.Error("the contact does not hang on the successor")
	}
	w.wantHeld("")

	if err := w.sf.Merge(free, w.account("Best")["Id"]); err != nil {
		t.Fatal(err)
	}
	_ = w.qb.UpdateCustomer(best, qbenchsim.Fields{"description": "Lost?"})
	w.sync()
	w.wantHeld("salesforce", "Account "+ledger.HoldMerged)
	if a := w.sf.Record("Account", free); a["Description"] != "New" {
		t.Error("the loser of a merge wrote into the winner")
	}
	w.wantCount("Account", 1)
}

// A kill after the pull's commit and before the push: still pushed.
func TestKillBetweenPullAndPush(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
	w.tick()
	w.pull()
	w.restart()
	w.push()
	if w.account("Acme")["Description"] != "New" {
		t.Error("what was pulled before the kill never went out")
	}
}

// duringWrite is a writer that does something while a call is under way.
type duringWrite struct {
	providers.Writer
	update func()
}

func (d *duringWrite) Update(ctx context.Context, object string, p []record.Patch) ([]providers.Result, error) {
	res, err := d.Writer.Update(ctx, object, p)
	if d.update != nil {
		f := d.update
		d.update = nil
		f()
	}
	return res, err
}

// A hub value that changes while the older one is being sent goes out next:
// told is the digest of what was sent.
func TestHubChangesWhileSending(t *testing.T) {
	var dw *duringWrite
	w := newWorld(t, func(w *world) {
		w.wrap = func(s *engine.System) {
			if s.Writer != nil {
				dw = &duringWrite{Writer: s.Writer}
				s.Writer = dw
			}
		}
	})
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "older"})
	dw.update = func() {
		_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "newer"})
		w.pull()
	}
	w.sync()
	w.push()
	if got := w.account("Acme")["Description"]; got != "newer" {
		t.Errorf("Description is %q, want what came while sending", got)
	}
}

// A sandbox swapped for production stops the system before anything is read or
// written.
func TestAnotherOrganization(t *testing.T) {
	w := newWorld(t, unaudited("the credential stays that of another organization"))
	w.qb.AddCustomer(customer("Acme"))
	w.sync()
	other, err := salesforcesim.New(salesforcesim.Options{OrgID: "00Dxx0000009zzzEAA", Clock: w.clock, BaseURL: "https://acme.my.salesforce.com"})
	if err != nil {
		t.Fatal(err)
	}
	w.sfTransport = other.Transport()
	w.build()
	w.qb.AddCustomer(customer("Best"))
	w.now = w.now.Add(25 * time.Hour)
	w.pull()
	_, err = w.tryPush()
	if providers.KindOf(err) != providers.Denied || !strings.Contains(err.Error(), "organi") {
		t.Errorf("err = %v, want the organization refused", err)
	}
	if other.Count("Account") != 0 {
		t.Error("records were made in another organization")
	}
}

// F4: what was read before our own last write is not believed.
func TestF4_ReadBeforeOurWrite(t *testing.T) {
	w := newWorld(t, unaudited("every read by id stays old"))
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	// The get answers with the record as it was, while our write comes between
	// the question and the answer.
	var stale []record.Record
	w.wrap = func(s *engine.System) {
		if s.Name == "salesforce" {
			s.Getter = getterFunc(func(ctx context.Context, object string, f []record.Field, ids []string) ([]record.Record, []*providers.Error, error) {
				recs, errs, err := s.Provider.(providers.Getter).Get(ctx, object, f, ids)
				for i := range recs {
					c := record.Record{ID: recs[i].ID, Version: recs[i].Version}
					for _, raw := range recs[i].Raw {
						c.Raw = append(c.Raw, append([]byte(nil), raw...))
					}
					stale = append(stale, c)
				}
				_ = w.store.Update(func(tx *state.Tx) error {
					ls := tx.Links("salesforce", "Account")
					var l state.Link
					if _, err := ls.Get(1, &l); err != nil {
						return err
					}
					w.now = w.now.Add(time.Second)
					l.Wrote = w.now.UnixMilli()
					return ls.Put(&l)
				})
				return stale, errs, err
			})
		}
	}
	w.build()
	if err := w.sf.SetField("Account", w.account("Acme")["Id"], "Name", "Changed"); err != nil {
		t.Fatal(err)
	}
	before := w.links("Account")[0].Fields
	w.push(true)
	after := w.links("Account")[0].Fields
	for i := range before {
		if before[i] != after[i] {
			t.Error("a read older than our write moved a digest")
		}
	}
	_ = acme
}

type getterFunc func(context.Context, string, []record.Field, []string) ([]record.Record, []*providers.Error, error)

func (g getterFunc) Get(ctx context.Context, object string, f []record.Field, ids []string) ([]record.Record, []*providers.Error, error) {
	return g(ctx, object, f, ids)
}

// F12: a blank from the source's owner clears; a required field is never
// cleared; zero is not a blank.
func TestF12_Blanks(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": nil, "number_of_employees": 0})
	w.sync()
	if a := w.account("Acme"); a["Description"] != "" || a["NumberOfEmployees"] != "0" {
		t.Errorf("Description %q, NumberOfEmployees %q: want cleared and 0", a["Description"], a["NumberOfEmployees"])
	}
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"customer_name": ""})
	w.sync()
	w.wantHeld("qbench", "customer "+ledger.HoldRequired)
	w.account("Acme")
	// A key that is missing is not a blank.
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"customer_name": "Acme", "industry": qbenchsim.Absent{}})
	w.sync()
	if w.account("Acme")["Industry"] != "Food" {
		t.Error("a field that was not sent cleared the target")
	}
}

// F14: only the changed fields are sent, so another's edit of
// another field stays.
func TestF14_OnlyChangedFieldsAreSent(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	id := w.account("Acme")["Id"]
	if err := w.sf.SetField("Account", id, "Industry", "By hand"); err != nil {
		t.Fatal(err)
	}
	w.sf.ResetAudit()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
	w.sync()
	if got := w.written("Account"); len(got) != 1 || len(got[0]) != 1 || got[0]["Description"] != "New" {
		t.Errorf("sent %v, want the one field", got)
	}
	if w.account("Acme")["Industry"] != "By hand" {
		t.Error("another field was overwritten")
	}
}

// F6, F7, D8, D22, R27, R127, R128: what is gone from a full listing leaves the
// hub only in a full run, after a read by id, within the guard; nothing is ever
// deleted in the target (R143, R153).
func TestRemovals(t *testing.T) {
	w := newWorld(t)
	var ids []int64
	for i := range 40 {
		ids = append(ids, w.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i))))
	}
	w.sync()
	w.qb.DeleteCustomer(ids[0])
	w.sync() // a routine run removes nothing
	if n := w.openLinks("customer"); n != 40 {
		t.Fatalf("%d links after a routine run, want 40", n)
	}
	w.tick()
	w.pull(true)
	if n := w.openLinks("customer"); n != 39 {
		t.Errorf("%d links after a full run, want 39", n)
	}
	w.push()
	w.wantCount("Account", 40)

	// Too many at once: the guard stops, and a person lets them through.
	for _, id := range ids[1:31] {
		w.qb.DeleteCustomer(id)
	}
	w.tick()
	run, err := w.eng.Pull(context.Background(), engine.Request{System: "qbench", Full: true})
	if run.Status != engine.StatusGuard || run.Plan == "" {
		t.Fatalf("status %q, err %v, want the guard", run.Status, err)
	}
	if n := w.openLinks("customer"); n != 39 {
		t.Errorf("%d links behind the guard, want 39", n)
	}
	if _, err := w.eng.Accept(run.Plan); err != nil {
		t.Fatal(err)
	}
	w.tick()
	w.pull(true)
	if n := w.openLinks("customer"); n != 9 {
		t.Errorf("%d links after the plan was accepted, want 9", n)
	}
	w.wantCount("Account", 40)
}

// open counts the open links with a QBench object.
func (w *world) openLinks(object string) (n int) {
	_ = w.store.View(func(tx *state.Tx) error { n = tx.Links("qbench", object).Open(); return nil })
	return n
}

// F6: a listing that is suddenly empty stops the route; nothing is removed.
func TestF6_EmptyListing(t *testing.T) {
	w := newWorld(t, unaudited("the listing stays empty"))
	id := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	w.qb.DeleteCustomer(id)
	for _, full := range []bool{false, true} {
		w.tick()
		if _, err := w.eng.Pull(context.Background(), engine.Request{System: "qbench", Full: full}); err == nil {
			t.Errorf("full %v: an empty listing was taken for the truth", full)
		}
	}
	if n := w.openLinks("customer"); n != 1 {
		t.Errorf("%d links, want 1", n)
	}
}

// R26, R27, R121, R128: a filter takes only some; a record that stops meeting
// it is left alone until a full run.
func TestFilter(t *testing.T) {
	w := newWorld(t, edited("routes/qbench.yaml", "    # filter: 'status == \"Active\"'", "    filter: 'industry == \"Food\"'"))
	acme := w.qb.AddCustomer(customer("Acme"))
	other := w.qb.AddCustomer(customer("Other", qbenchsim.Fields{"industry": "Steel"}))
	w.qb.AddContact(person("Ann", "Lee", "ann@other.example"), other)
	w.sync()
	w.wantCount("Account", 1)
	w.wantCount("Contact", 0)
	w.wantHeld("")
	_ = w.qb.UpdateCustomer(other, qbenchsim.Fields{"industry": "Food"})
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Steel", "description": "Left"})
	w.sync()
	w.wantCount("Account", 2)
	w.wantCount("Contact", 1)
	if w.account("Acme")["Description"] == "Left" {
		t.Error("something was taken from a record that left its filter")
	}
	if n := w.openLinks("customer"); n != 1 {
		t.Errorf("%d open links, want the one in scope", n)
	}
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Food"})
	w.sync()
	if w.account("Acme")["Description"] != "Left" {
		t.Error("a record that came back was not taken")
	}
}

// F3, R147, R161, R176: a new target starts from everything, however old.
func TestNewTargetStartsFromEverything(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	for range 5 {
		w.tick()
		w.pull()
	}
	w.push()
	w.wantCount("Account", 1)
	w.wantCount("Contact", 1)
}

// D22: a flood of overwrites stops and keeps the plan; accepted, it goes
// through, for the rows that have not moved.
func TestOverwriteGuard(t *testing.T) {
	w := newWorld(t)
	var ids []int64
	for i := range 40 {
		ids = append(ids, w.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i))))
	}
	w.sync()
	for _, id := range ids {
		_ = w.qb.UpdateCustomer(id, qbenchsim.Fields{"industry": "Wrong"})
	}
	w.tick()
	w.pull()
	w.sf.ResetAudit()
	run, err := w.tryPush()
	if run.Status != engine.StatusGuard {
		t.Fatalf("status %q, err %v", run.Status, err)
	}
	if n := len(w.sf.Audit()); n != 0 {
		t.Errorf("%d writes behind the guard", n)
	}
	if _, err := w.eng.Accept(run.Plan); err != nil {
		t.Fatal(err)
	}
	w.push()
	if n := len(w.sf.Audit()); n != 40 {
		t.Errorf("%d writes after the plan was accepted, want 40", n)
	}
}

// R122 in part: a field that is new on the route is read by id on
// every linked record and decided, with no hub change.
func TestNewFieldOnThePushRoute(t *testing.T) {
	line := "      - {remote: NumberOfEmployees, hub: number_of_employees}\n"
	w := newWorld(t, edited("routes/salesforce.yaml", line, ""))
	w.qb.AddCustomer(customer("Acme"))
	w.sync()
	if got := w.account("Acme")["NumberOfEmployees"]; got != "" {
		t.Fatalf("NumberOfEmployees is %q before it was mapped", got)
	}
	w.files = shippedFiles(t)
	w.load()
	w.restart()
	w.push()
	if got := w.account("Acme")["NumberOfEmployees"]; got != "12" {
		t.Errorf("NumberOfEmployees is %q after it was mapped, want 12", got)
	}
}

// A changed value map is applied to unchanged records.
func TestChangedRuleIsNotAnEdit(t *testing.T) {
	line := "{remote: industry, hub: industry}"
	w := newWorld(t, edited("routes/qbench.yaml", line, "{remote: industry, hub: industry, values: {Food: Foods}, on_unmapped: skip_field}"))
	w.qb.AddCustomer(customer("Acme"))
	w.sync()
	if got := w.account("Acme")["Industry"]; got != "Foods" {
		t.Fatalf("Industry is %q", got)
	}
	w.edit("routes/qbench.yaml", "{Food: Foods}", "{Food: Food and drink}")
	w.load()
	w.restart()
	w.sync()
	if got := w.account("Acme")["Industry"]; got != "Food and drink" {
		t.Errorf("Industry is %q after the map changed", got)
	}
}

// The plan shows what the next run does, with old and new, and does nothing.
func TestPlanIsWhatTheRunDoes(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
	best := w.qb.AddCustomer(customer("Best"))
	w.qb.AddContact(person("Ann", "Lee", "ann@best.example"), best)
	w.tick()
	w.sf.ResetAudit()
	res, err := w.eng.Plan(context.Background(), engine.PlanRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if len(w.sf.Audit()) != 0 {
		t.Fatal("a plan wrote")
	}
	var creates, updates int
	for _, c := range res.Changes {
		switch c.Op {
		case plan.OpCreate:
			creates++
		case plan.OpUpdate:
			updates++
			if f := c.Fields[0]; f.Old.Text() != "A lab" || f.New.Text() != "New" || f.Reason != plan.SourceChanged {
				t.Errorf("field %+v", f)
			}
		}
	}
	if creates != 2 || updates != 1 || res.Calls["salesforce"]["create Account"] != 1 {
		t.Errorf("creates %d, updates %d, calls %v", creates, updates, res.Calls)
	}
	w.sync()
	w.wantCount("Account", 2)
	w.wantCount("Contact", 1)
}

// writes: off decides and reports; neither position nor told moves.
func TestWritesOff(t *testing.T) {
	w := newWorld(t, func(w *world) {
		w.wrap = func(s *engine.System) { s.WritesOff = s.Name == "salesforce" }
	})
	w.qb.AddCustomer(customer("Acme"))
	run := w.sync()
	if run.Counts["created"] != 1 || len(w.sf.Audit()) != 0 {
		t.Errorf("created %d in the report, wrote %d", run.Counts["created"], len(w.sf.Audit()))
	}
	w.wrap = nil
	w.build()
	w.push()
	w.wantCount("Account", 1)
}

// A broken listing starts again and loses nothing; what it settled stays.
func TestBrokenListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 120 {
			w.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i)))
		}
		w.fault("qbench", "500,path=page_num=3")
		w.tick()
		if _, err := w.eng.Pull(context.Background(), engine.Request{System: "qbench"}); err == nil {
			t.Error("a broken listing counted as complete")
		}
		w.clearFaults()
		w.restart()
		w.sync()
		w.wantCount("Account", 120)
	})
}

// F15: a blank that a person fills between our read and our write is not
// overwritten under fill_blank: it is read again just before.
func TestF15_BlankFilledMeanwhile(t *testing.T) {
	for _, meanwhile := range []bool{false, true} {
		w := newWorld(t, edited("routes/salesforce.yaml", "{remote: Industry, hub: industry}", "{remote: Industry, hub: industry, write: fill_blank}"))
		id := w.insert("Account", map[string]string{"Name": "Acme", "Website": "acme.example"})
		w.qb.AddCustomer(customer("Acme"))
		if meanwhile {
			w.wrap = func(s *engine.System) {
				if s.Getter == nil || s.Name != "salesforce" {
					return
				}
				get := s.Getter
				s.Getter = getterFunc(func(ctx context.Context, object string, f []record.Field, ids []string) ([]record.Record, []*providers.Error, error) {
					_ = w.sf.SetField("Account", id, "Industry", "By hand")
					return get.Get(ctx, object, f, ids)
				})
			}
			w.build()
		}
		w.sync()
		want := "Food"
		if meanwhile {
			want = "By hand"
		}
		if a := w.sf.Record("Account", id); a["Industry"] != want || a["Description"] != "A lab" {
			t.Errorf("meanwhile %v: Industry %q, want %q; Description %q", meanwhile, a["Industry"], want, a["Description"])
		}
	}
}
