package engine_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
)

// audit audits everything and returns what it says, a line for each finding.
func (w *world) audit(req engine.AuditRequest) (engine.AuditResult, []string) {
	w.t.Helper()
	var lines []string
	res, err := w.eng.Audit(w.t.Context(), req, func(f engine.AuditFinding) error {
		lines = append(lines, auditLine(f))
		return nil
	})
	if err != nil || len(res.Failed) > 0 {
		w.t.Fatal(err, res.Failed)
	}
	slices.Sort(lines)
	return res, lines
}

func auditLine(f engine.AuditFinding) string {
	line := f.Standing + " " + f.System + "/" + f.Object
	if f.Record != "" {
		line += " " + f.Record
	}
	if f.Field != "" {
		line += " " + f.Field + ": " + sideText(f.Ours) + " | " + sideText(f.Theirs)
	}
	if f.Reason != "" {
		line += " (" + f.Reason + ")"
	}
	return line
}

func sideText(s engine.AuditSide) string {
	switch {
	case !s.Known:
		return "unknown"
	case s.Value == nil:
		return "blank"
	}
	return *s.Value
}

func counted(res engine.AuditResult) []string {
	var out []string
	for _, c := range res.Counts {
		line := fmt.Sprintf("%s/%s %s", c.System, c.Object, c.Standing)
		if c.Reason != "" {
			line += " " + c.Reason
		}
		out = append(out, fmt.Sprintf("%s %d", line, c.Count))
	}
	return out
}

// backdated carries fn out as if it had been done then: the stamp that the
// systems give it is of that time.
func (w *world) backdated(at time.Time, fn func()) {
	now := w.now
	w.now = at
	fn()
	w.now = now
}

// What a run settled agrees, and the audit reads only: it writes neither to a
// system nor to the state.
func TestAuditAgrees(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	w.tick()
	commits, writes := w.commits, len(w.sf.Audit())
	res, lines := w.audit(engine.AuditRequest{})
	if len(lines) > 0 {
		t.Errorf("findings: %v", lines)
	}
	want := []string{"qbench/contact agree 11", "qbench/customer agree 13", "qbench/customer not_sent 1", "salesforce/Account agree 12", "salesforce/Contact agree 10"}
	if diff := cmp.Diff(want, counted(res)); diff != "" {
		t.Error(diff)
	}
	if w.commits != commits || len(w.sf.Audit()) != writes {
		t.Error("the audit wrote")
	}
	if res, _ := w.audit(engine.AuditRequest{System: "salesforce", Object: "Account", Sample: 1}); res.Records != 1 {
		t.Errorf("a sample of one compared %d", res.Records)
	}
}

// A value that changed behind our back by a door that leaves the stamp alone is
// unexplained, whatever the link remembers; one with a later stamp is unread, and
// one of a source that tells no stamps and that we never write to.
func TestAuditFindsWhatChangedBehindOurBack(t *testing.T) {
	w := newWorld(t, unaudited("it changes values behind our back"))
	w.qb.AddCustomer(customer("Acme"))
	bolt := w.qb.AddCustomer(customer("Bolt"))
	w.sync()
	before := w.now.Add(-time.Minute)
	w.tick()
	w.backdated(before, func() {
		_ = w.sf.SetField("Account", w.account("Acme")["Id"], "Industry", "By hand")
		_ = w.qb.UpdateCustomer(bolt, qbenchsim.Fields{"description": "Behind our back"})
	})
	_ = w.sf.SetField("Account", w.account("Bolt")["Id"], "Website", "")
	w.tick()
	res, lines := w.audit(engine.AuditRequest{})
	want := []string{
		"unexplained salesforce/Account 1000 Acme industry: Food | By hand",
		"unread qbench/customer 1001 Bolt description: A lab | Behind our back (changed_there)",
		"unread salesforce/Account 1001 Bolt website: https://bolt.example | blank (changed_there)",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if res.Unexplained != 1 || res.Unread != 2 {
		t.Errorf("counts: %+v", res)
	}
}

// Records tell too: one that carries our id without a link, our id twice, a
// link whose record is gone, a hub record that is missing there.
func TestAuditTellsOfRecords(t *testing.T) {
	w := newWorld(t, unaudited("it takes links out of the state"))
	for _, name := range []string{"Acme", "Bolt", "Cord", "Dent"} {
		w.qb.AddCustomer(customer(name))
	}
	w.sync()
	w.tick()
	_ = w.sf.Delete("Account", w.account("Bolt")["Id"])
	w.forgetLink("Cord", true)
	w.forgetLink("Dent", false)
	if _, err := w.sf.Insert("Account", map[string]string{"Name": "Stranger", "QBench_Id__c": "no id of ours"}); err != nil {
		t.Fatal(err)
	}
	res, lines := w.audit(engine.AuditRequest{System: "salesforce"})
	want := []string{
		"unexplained salesforce/Account 1001 Bolt (record_gone)",
		"unexplained salesforce/Account 1002 Cord (external_id_twice)",
		"unexplained salesforce/Account 1002 Cord (record_gone)",
		"unexplained salesforce/Account 1003 Dent (external_id_without_link)",
		"unexplained salesforce/Account 1003 Dent (no_link)",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if !slices.Contains(counted(res), "salesforce/Account leaving not_in_hub 1") {
		t.Errorf("counts: %v", counted(res))
	}
}

// forgetLink takes an account's link out of the state; with another is told, it
// joins the hub record with a record that is not there.
func (w *world) forgetLink(name string, another bool) {
	w.t.Helper()
	if err := w.store.Update(func(tx *state.Tx) error {
		links := tx.Links("salesforce", "Account")
		id, _ := links.ByRemote(w.account(name)["Id"])
		var l state.Link
		if _, err := links.Get(id, &l); err != nil {
			return err
		}
		if err := links.Delete(id); err != nil || !another {
			return err
		}
		l.Remote = "001000000000000AAA"
		return links.Put(&l)
	}); err != nil {
		w.t.Fatal(err)
	}
}

// unsay takes every reason out of an account's link.
func (w *world) unsay(name string) {
	w.t.Helper()
	if err := w.store.Update(func(tx *state.Tx) error {
		links := tx.Links("salesforce", "Account")
		id, _ := links.ByRemote(w.account(name)["Id"])
		var l state.Link
		if _, err := links.Get(id, &l); err != nil {
			return err
		}
		for i := range l.Fields {
			l.Fields[i].Note, l.Fields[i].Text = 0, record.Value{}
		}
		return links.Put(&l)
	}); err != nil {
		w.t.Fatal(err)
	}
}

// A full push audits its own reading: what it leaves unexplained is counted and
// kept with the run without any value, until a full run finds nothing.
func TestAuditOfAFullPush(t *testing.T) {
	w := newWorld(t)
	w.qb.AddCustomer(customer("Acme"))
	w.sync()
	w.tick()
	id := w.account("Acme")["Id"]
	run := w.push(true)
	if n := run.Counts["audit_unexplained"]; n != 0 || len(run.Audit) != 0 {
		t.Errorf("a clean run has %d unexplained: %v", n, run.Audit)
	}
	// What a full run decides it also states: a difference that it was told of and
	// left without a word is what must not be.
	_ = w.sf.SetField("Account", id, "Industry", "By hand")
	w.tick()
	if run = w.push(true); run.Counts["audit_unexplained"] != 0 {
		t.Errorf("drift is not stated: %v", run.Audit)
	}
	w.unsay("Acme")
	run = w.push(true)
	want := []state.RunFinding{{Object: "Account", HubObject: "account", Hub: "1", Remote: id, Field: "industry"}}
	if diff := cmp.Diff(want, run.Audit); diff != "" || run.Counts["audit_unexplained"] != 1 {
		t.Errorf("counts %v, findings (-want +got):\n%s", run.Counts, diff)
	}
	_ = w.sf.SetField("Account", id, "Industry", "Food")
	w.tick()
	w.push()
	if m := w.marks("salesforce")["Account"]; m.Unexplained != 1 || m.Run != run.ID {
		t.Errorf("mark after a routine run: %+v", m)
	}
	w.push(true)
	if m := w.marks("salesforce")["Account"]; m.Unexplained != 0 {
		t.Errorf("mark after a clean full run: %+v", m)
	}
}

// What one full pull found is looked at by the next ones too, though they look
// at other records that did not change: it is told until it is over.
func TestAuditLooksAgainAtWhatItFound(t *testing.T) {
	w := newWorld(t)
	w.qb.AddCustomer(customer("Acme"))
	w.sync()
	w.damageHub("account", 1, "description", "not what they hold")
	full := func() int { w.tick(); return w.pull(true).Counts["audit_unexplained"] }
	runs := 1
	for ; full() == 0; runs++ {
		if runs > 64 {
			t.Fatal("64 full runs did not find it")
		}
	}
	for range 3 {
		if n := full(); n != 1 {
			t.Fatalf("a later full run found %d, want it again", n)
		}
	}
	w.damageHub("account", 1, "description", "A lab")
	if n := full(); n != 0 || w.marks("qbench")["customer"].Unexplained != 0 {
		t.Errorf("found %d after it was over", n)
	}
}

func (w *world) marks(system string) (out map[string]engine.AuditMark) {
	w.t.Helper()
	if err := w.store.View(func(tx *state.Tx) error { out = engine.AuditMarks(tx, system); return nil }); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// A full pull looks at what it settled, and at a few of the records that did
// not change: within auditEvery runs at each of them once.
func TestAuditOfAFullPull(t *testing.T) {
	w := newWorld(t, unaudited("it damages the hub"))
	for i := range 70 {
		w.qb.AddCustomer(customer(fmt.Sprintf("Lab %d", i)))
	}
	w.sync()
	w.damageHub("account", 70, "description", "not what they hold")
	found := map[string]bool{}
	for range 64 {
		w.tick()
		for _, f := range w.pull(true).Audit {
			found[f.Hub] = true
		}
		w.forgetMarks("qbench") // else each run lists the first ones again
	}
	if len(found) != 70 {
		t.Errorf("64 full runs found %d records, want all 70", len(found))
	}
}

func (w *world) forgetMarks(system string) {
	w.t.Helper()
	if err := w.store.Update(func(tx *state.Tx) error { return tx.SetMeta("audit:"+system, nil) }); err != nil {
		w.t.Fatal(err)
	}
}

// damageHub changes a field of the first n records of an object as no run does.
func (w *world) damageHub(object string, n int, field, text string) {
	w.t.Helper()
	nums, err := w.store.Nums("f:" + field)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Update(func(tx *state.Tx) error {
		for id := range n {
			var rec state.HubRecord
			if _, err := tx.Hub(object).Get(state.HubID(id+1), &rec); err != nil {
				return err
			}
			rec.Set(nums[0], record.Of(text), 0, 0, 0)
			if err := tx.Hub(object).Put(&rec, nil); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
}

// A reading that is older than what a run wrote meanwhile says nothing (F4): it
// is repeated, and what goes on moving is left to the next run.
func TestAuditReadsAgainWhatMoves(t *testing.T) {
	w := newWorld(t, unaudited("it writes behind the audit's back"))
	w.qb.AddCustomer(customer("Acme"))
	w.sync()
	w.tick()
	id := w.account("Acme")["Id"]
	_ = w.sf.SetField("Account", id, "Industry", "By hand")
	reads, moves := 0, 1
	w.wrap = func(s *engine.System) {
		if s.Name != "salesforce" {
			return
		}
		get := s.Getter
		s.Getter = getterFunc(func(ctx context.Context, object string, f []record.Field, ids []string) ([]record.Record, []*providers.Error, error) {
			if reads++; reads > moves {
				return get.Get(ctx, object, f, ids)
			}
			recs, errs, err := get.Get(ctx, object, f, ids)
			w.wroteAt(w.now.Add(time.Duration(reads) * time.Minute))
			w.now = w.now.Add(time.Hour)
			return recs, errs, err
		})
	}
	w.build()
	if _, lines := w.audit(engine.AuditRequest{System: "salesforce"}); len(lines) != 1 || reads != 2 {
		t.Errorf("%d reads by id: %v", reads, lines)
	}
	reads, moves = 0, 10
	_, lines := w.audit(engine.AuditRequest{System: "salesforce"})
	if diff := cmp.Diff([]string{"unread salesforce/Account 1000 Acme (moving)"}, lines); diff != "" || reads != 3 {
		t.Errorf("%d reads by id\n%s", reads, diff)
	}
}

// wroteAt says that a run wrote to the first account then.
func (w *world) wroteAt(at time.Time) {
	w.t.Helper()
	if err := w.store.Update(func(tx *state.Tx) error {
		var l state.Link
		ls := tx.Links("salesforce", "Account")
		if _, err := ls.Get(1, &l); err != nil {
			return err
		}
		l.Wrote = at.UnixMilli()
		return ls.Put(&l)
	}); err != nil {
		w.t.Fatal(err)
	}
}

// A source that tells no time of change and that nobody else writes to: what differs
// from what was read there is a change since, and is to be read. A field that is held
// stays so, whatever else of its record changed. What the hub lost all the same is
// unexplained.
func TestAuditOfASourceWithoutStamps(t *testing.T) {
	w := newWorld(t, unaudited("the hub's value was taken away"))
	acme := w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{employees: "lots"}))
	w.sync()
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "Key account"})
	res, lines := w.audit(engine.AuditRequest{System: "qbench"})
	if want := []string{"unread qbench/customer 1000 Acme description: A lab | Key account (changed_there)"}; !slices.Equal(lines, want) || res.Unexplained > 0 {
		t.Errorf("%q, want %q", lines, want)
	}
	w.pull()
	if _, lines := w.audit(engine.AuditRequest{System: "qbench"}); len(lines) > 0 {
		t.Errorf("after the pull: %q", lines)
	}
	w.damageHub("account", 1, "description", "Lost")
	if res, lines := w.audit(engine.AuditRequest{System: "qbench"}); res.Unexplained != 1 {
		t.Errorf("what the hub lost is explained: %q", lines)
	}
}

// A system that cannot be read leaves the others going, and is named: once where
// the system is down, by object where that alone cannot be read.
func TestAuditGoesPastASystemThatIsDown(t *testing.T) {
	doors(t, func(t *testing.T, d *door) {
		d.qb.AddCustomer(customer("Acme"))
		d.go1()
		d.breakWith("503")
		res, err := d.eng.Audit(t.Context(), engine.AuditRequest{}, func(engine.AuditFinding) error { return nil })
		if err != nil || len(res.Failed) != 1 || res.Failed[0].System != d.system || res.Failed[0].Object != "" || res.Failed[0].Error == "" {
			t.Errorf("%v: %+v", err, res.Failed)
		}
		if len(res.Counts) == 0 || slices.ContainsFunc(res.Counts, func(c engine.AuditCount) bool { return c.System == d.system }) {
			t.Errorf("the others were not audited: %+v", res.Counts)
		}
		if _, err := d.eng.Audit(t.Context(), engine.AuditRequest{System: d.system}, func(engine.AuditFinding) error { return nil }); err == nil {
			t.Error("a system that is down was audited")
		}
		d.mend()
	})
}

// Nothing is read of another organization behind the same name.
func TestAuditOfAnotherOrganization(t *testing.T) {
	w := newWorld(t, unaudited("the credential stays that of another organization"))
	w.qb.AddCustomer(customer("Acme"))
	w.sync()
	if err := w.store.Update(func(tx *state.Tx) error { return tx.SetMeta("org:salesforce", []byte("another")) }); err != nil {
		t.Fatal(err)
	}
	_, err := w.eng.Audit(t.Context(), engine.AuditRequest{System: "salesforce"}, func(engine.AuditFinding) error { return nil })
	if err == nil {
		t.Error("it was audited")
	}
}
