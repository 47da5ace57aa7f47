package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/qbench"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/providers/salesforce/salesforcesim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

// F8, D5: of one record of a batch nobody knows whether it was made. It stays
// under its intent and is held; the next run looks it up, and there is one of
// it in the end, whether it had been made or not.
func TestF8_OneOfABatchIsDoubtful(t *testing.T) {
	for _, made := range []bool{false, true} {
		m, late := newMemory(), func() {}
		w := newWorld(t, withMemory(m))
		for i := range 7 {
			w.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i)))
		}
		w.tick()
		w.pull()
		m.refuse = func(object string, p record.Patch) *providers.Error {
			for _, f := range p.Fields {
				if f.Value.Text() == "Acme 4" {
					m.refuse = nil
					if made {
						late = func() { m.write(object, "late", p) } // after our look-up
					}
					return &providers.Error{Kind: providers.Unknown, Code: "TIMEOUT"}
				}
			}
			return nil
		}
		w.pushTo("memory")
		w.wantHeld("memory", "firm "+ledger.HoldUnknownOutcome)
		if made {
			late()
		}
		w.restart()
		w.pushTo("memory")
		w.wantHeld("memory")
		names := map[string]int{}
		for _, f := range m.records["firm"] {
			names[f["title"].Text()]++
		}
		if len(names) != 7 || len(m.records["firm"]) != 7 {
			t.Errorf("made %v: firms %v, want one of each", made, names)
		}
	}
}

// An accepted plan of removals serves the next full run and no
// later one, even if that run found nothing to remove any more.
func TestAcceptedRemovalsServeOnce(t *testing.T) {
	w := newWorld(t, edited("routes/qbench.yaml", "    # filter: 'status == \"Active\"'", "    filter: 'industry != \"Steel\"'"))
	var ids []int64
	for i := range 40 {
		ids = append(ids, w.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i))))
	}
	w.sync()
	full := func(industry string) (string, error) {
		for _, id := range ids[:30] {
			_ = w.qb.UpdateCustomer(id, qbenchsim.Fields{"industry": industry})
		}
		w.tick()
		run, err := w.eng.Pull(t.Context(), engine.Request{System: "qbench", Full: true})
		return run.Plan, err
	}
	id, err := full("Steel")
	if !errors.Is(err, engine.ErrGuard) {
		t.Fatalf("err = %v, want the guard", err)
	}
	if _, err := w.eng.Accept(id); err != nil {
		t.Fatal(err)
	}
	if _, err := full("Food"); err != nil { // they came back before it ran
		t.Fatal(err)
	}
	if _, err := full("Steel"); !errors.Is(err, engine.ErrGuard) {
		t.Errorf("err = %v: an old plan let removals through", err)
	}
	if n := w.openLinks("customer"); n == 0 {
		t.Error("everything left the hub")
	}
}

// F11: a record that was merged into a free one takes its link with
// it. The digests of the old one count as lost, and every child is told the new
// parent, which this target did not do by itself.
func TestF11_MovedLinkTellsItsChildren(t *testing.T) {
	m := newMemory()
	merged := map[string]string{}
	w := newWorld(t, withMemory(m), func(w *world) {
		w.wrap = func(s *engine.System) {
			if s.Name == "memory" {
				s.Getter = &merging{m, merged}
			}
		}
	})
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	w.pushTo("memory")
	for id := range m.records["firm"] {
		merged[id] = "free"
		delete(m.records["firm"], id)
	}
	m.records["firm"]["free"] = map[string]record.Value{"title": record.Of("Free Inc"), "town": record.Of("Elsewhere")}
	if _, err := w.eng.Push(t.Context(), engine.Request{System: "memory", Full: true}); err != nil {
		t.Fatal(err)
	}
	w.pushTo("memory")
	w.wantHeld("memory")
	free := m.records["firm"]["free"]
	if len(m.records["firm"]) != 1 || free["title"].Text() != "Acme" || free["ext"].Text() == "" || free["town"].Text() != "Elsewhere" {
		t.Errorf("the successor: %v; want our name and id, and its own address", m.records["firm"])
	}
	for _, h := range m.records["human"] {
		if h["firm"].Text() != "free" {
			t.Errorf("the contact hangs on %q, want the successor", h["firm"].Text())
		}
	}
}

// merging is a getter that knows what became of merged records.
type merging struct {
	*memory
	into map[string]string
}

func (g *merging) Get(ctx context.Context, object string, f []record.Field, ids []string) ([]record.Record, []*providers.Error, error) {
	recs, errs, err := g.memory.Get(ctx, object, f, ids)
	for _, id := range ids {
		if to := g.into[id]; to != "" {
			errs = append(errs, &providers.Error{Kind: providers.Missing, Ref: record.Ref{Object: object, ID: id}, Successor: to})
		}
	}
	return recs, errs, err
}

// F16: what was refused is not sent again as long as what this target gets of
// it stays the same, whatever else of the record changes.
func TestF16_RefusedIsNotSentAgainUnchanged(t *testing.T) {
	m := newMemory()
	m.refuse = func(string, record.Patch) *providers.Error {
		return &providers.Error{Kind: providers.Rejected, Code: "NO"}
	}
	w := newWorld(t, withMemory(m))
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	w.pushTo("memory")
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Steel"}) // not a field of this route
	w.sync()
	clear(m.calls)
	w.pushTo("memory")
	if m.calls["create"] != 0 {
		t.Error("a refused record was sent again unchanged")
	}
	w.wantHeld("memory", "firm "+ledger.HoldRejected)
	m.refuse = nil
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
	w.sync()
	w.pushTo("memory")
	w.wantHeld("memory")
	if len(m.records["firm"]) != 1 {
		t.Error("a refused record that changed was not sent")
	}
}

// D5, F18: what the vendor refused is tried again when the mapping of it
// changes, though nothing of the record did.
func TestRefusedIsTriedAgainUnderANewMapping(t *testing.T) {
	w := newWorld(t)
	w.sf.SetRule(func(wr salesforcesim.Write) *salesforcesim.Error {
		if wr.Fields["Industry"] == "Food" {
			return &salesforcesim.Error{Code: "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", Message: "bad value"}
		}
		return nil
	})
	w.qb.AddCustomer(customer("Acme"))
	w.sync()
	w.wantHeld("salesforce", "Account "+ledger.HoldRejected)
	w.edit("routes/salesforce.yaml", "{"+industryLine+"}", "{"+industryLine+", values: {Foods: Food}, on_unmapped: skip_field}")
	w.load()
	w.restart()
	w.sync()
	w.wantHeld("")
	if got := w.account("Acme")["Industry"]; got != "Foods" {
		t.Errorf("Industry is %q", got)
	}
}

// F4: a read of a source that began before our own last write to the record, or
// that shows a version older than the one settled, is not believed; what comes
// after is.
func TestF4_OldReadsOfASource(t *testing.T) {
	for name, age := range map[string]func(w *world, l *state.Link){
		"before our write": func(w *world, l *state.Link) { l.Wrote = w.now.Add(time.Hour).UnixMilli() }, // as it is read
		"an older version": func(w *world, l *state.Link) { l.Version = w.now.Add(90 * time.Minute).UnixMilli() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(w *world) {
				w.qb = qbenchsim.New(qbenchsim.Options{Clock: w.clock, RateLimit: -1, LastUpdated: true})
				w.qbOpt = func(c *qbench.Config) { c.UpdatedField = "last_updated" }
			})
			acme := w.qb.AddCustomer(customer("Acme"))
			w.sync()
			if err := w.store.Update(func(tx *state.Tx) error {
				ls := tx.Links("qbench", "customer")
				var l state.Link
				if _, err := ls.Get(1, &l); err != nil {
					return err
				}
				age(w, &l)
				return ls.Put(&l)
			}); err != nil {
				t.Fatal(err)
			}
			_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "Old"})
			w.sync()
			if got := w.account("Acme")["Description"]; got != "A lab" {
				t.Errorf("Description %q: an old read was believed", got)
			}
			w.tick()
			_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
			w.sync()
			if got := w.account("Acme")["Description"]; got != "New" {
				t.Errorf("Description %q: a later read was not believed", got)
			}
		})
	}
}

// What a person changed in a target is unread until a full run, or until the
// record is asked for: then the next run reads it by id.
func TestResyncReadsARecordOfATarget(t *testing.T) {
	doors(t, func(t *testing.T, d *door) {
		d.qb.AddCustomer(customer("Acme"))
		d.go1()
		d.go1(true)
		id := d.id("account", "name", "Acme")
		d.tick()
		d.byHand("account", id, map[string]string{"description": "typed"})
		d.wantIdle()
		d.wantDiffers("account", id)
		if err := d.eng.Resync(d.system, d.names["account"], id); err != nil {
			t.Fatal(err)
		}
		d.go1()
		d.wantDiffers("account", id, "drift typed")
		d.want("account", id, map[string]string{"description": "typed"})
		if res, lines := d.audit(engine.AuditRequest{System: d.system}); res.Unread > 0 || len(lines) > 0 {
			t.Errorf("%d unread after the run: %q", res.Unread, lines)
		}
		d.wantIdle()
	})
}
