package engine_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/sync/engine"
)

// F1, F3, F8, F14, F16, R6, R143, R153: random histories on both sides with
// faults and restarts. Once the faults end, every mapped field that may be
// written agrees, is held, or was edited over there; no record is doubled, none
// is lost, and no forbidden write was made.
func TestRandomHistories(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); underRace && f.Value.String() == f.DefValue {
		_ = f.Value.Set("30")
		defer func() { _ = f.Value.Set(f.DefValue) }()
	}
	rapid.Check(t, func(rt *rapid.T) {
		ops := rapid.SliceOfN(rapid.IntRange(0, 999), 5, 40).Draw(rt, "ops")
		spool := rapid.SampledFrom([]int{0, 2}).Draw(rt, "spool")
		var failed string
		synctest.Test(t, func(t *testing.T) {
			h := &history{
				world:  newWorld(t, func(w *world) { w.spool = spool; w.guards.Overwrites.Floor = 1 << 30 }),
				edited: map[string]bool{}, gone: map[int64]bool{},
			}
			for _, op := range ops {
				h.step(op)
			}
			failed = h.settle()
			_ = h.store.Close()
		})
		if failed != "" {
			rt.Fatalf("%s", failed)
		}
	})
}

// history is a world with a memory of what a person did in Salesforce.
type history struct {
	*world
	edited map[string]bool // record id + field
	gone   map[int64]bool  // customers whose account was deleted over there
	n      int
}

// step does one thing, chosen by a number.
func (h *history) step(op int) {
	h.n++
	pick := op / 12
	customers, contacts := h.qb.CustomerIDs(), h.qb.ContactIDs()
	switch op % 12 {
	case 0, 1:
		h.qb.AddCustomer(customer(fmt.Sprintf("Lab %d", h.n)))
	case 2, 3:
		if len(customers) > 0 {
			h.qb.AddContact(person("Ann", fmt.Sprint("Lee", h.n), fmt.Sprintf("p%d@lab.example", h.n)), customers[pick%len(customers)])
		}
	case 4, 5:
		if len(customers) > 0 {
			_ = h.qb.UpdateCustomer(customers[pick%len(customers)], qbenchsim.Fields{
				"description": fmt.Sprint("D", h.n), "number_of_employees": h.n, "street": fmt.Sprint(h.n, " New St"),
			})
		}
	case 6:
		if len(contacts) > 0 && len(customers) > 0 {
			_ = h.qb.UpdateContact(contacts[pick%len(contacts)], qbenchsim.Fields{
				"last_name": fmt.Sprint("Roe", h.n), "customer_ids": []int64{customers[h.n%len(customers)]},
			})
		}
	case 7:
		h.humanEdit(pick)
	case 8:
		h.humanDelete(pick)
	case 9:
		h.fault("salesforce", [...]string{
			"503,rate=0.3", "drop,method=POST,path=/composite/sobjects,after,nth=1", "429,rate=0.3", "html,nth=2", "truncate,nth=1-2",
		}[pick%5])
	case 10:
		h.clearFaults()
		h.restart()
	case 11:
		h.round(pick%4 == 0)
	}
	if op%3 == 0 {
		h.round(false)
	}
}

// round is a pull and a push that may fail.
func (h *history) round(full bool) {
	h.tick()
	_, _ = h.eng.Pull(h.t.Context(), engine.Request{System: "qbench", Full: full})
	_, _ = h.tryPush(full)
}

func (h *history) humanEdit(pick int) {
	recs := h.sf.Records("Account")
	if len(recs) == 0 {
		return
	}
	id := recs[pick%len(recs)]["Id"]
	if h.sf.SetField("Account", id, "Description", fmt.Sprint("by hand ", h.n)) == nil {
		h.edited[id] = true
	}
}

func (h *history) humanDelete(pick int) {
	recs := h.sf.Records("Account")
	if pick%3 != 0 || len(recs) == 0 {
		return
	}
	rec := recs[pick%len(recs)]
	if h.sf.Delete("Account", rec["Id"]) == nil {
		n, _ := strconv.ParseInt(rec["QBench_Id__c"], 10, 64)
		h.gone[n] = true
	}
}

// settle ends the faults, lets some clean runs pass, and says what is wrong.
func (h *history) settle() string {
	h.clearFaults()
	h.restart()
	for range 4 {
		h.round(false)
	}
	h.round(true)
	if s := h.oneEach("Account", h.qb.CustomerIDs()); s != "" {
		return s
	}
	for _, id := range h.qb.CustomerIDs() {
		if s := h.agrees(id); s != "" {
			return s
		}
	}
	return h.forbidden()
}

// oneEach says whether every customer has its one account.
func (h *history) oneEach(object string, ids []int64) string {
	for _, id := range ids {
		n := len(h.sf.Find(object, "QBench_Id__c", fmt.Sprint(id)))
		if want := 1; h.gone[id] {
			want = 0
			if n > want {
				return fmt.Sprintf("customer %d was deleted over there and made again", id)
			}
		} else if n != want {
			return fmt.Sprintf("customer %d has %d records of %s; held %v", id, n, object, reasons(h.held("")))
		}
	}
	for _, rec := range h.sf.Records("Contact") {
		if n := len(h.sf.Find("Contact", "QBench_Id__c", rec["QBench_Id__c"])); n != 1 {
			return fmt.Sprintf("contact %s is there %d times", rec["QBench_Id__c"], n)
		}
	}
	return ""
}

// agrees compares what may be written with what is there.
func (h *history) agrees(id int64) string {
	if h.gone[id] {
		return ""
	}
	src, _ := h.qb.Customer(id)
	rec := h.sf.Record("Account", h.sf.Find("Account", "QBench_Id__c", fmt.Sprint(id))[0])
	if got, want := rec["NumberOfEmployees"], fmt.Sprint(src["number_of_employees"]); got != want {
		return fmt.Sprintf("customer %d: NumberOfEmployees %q, want %q", id, got, want)
	}
	if got, want := rec["Description"], fmt.Sprint(src["description"]); got != want && !h.edited[rec["Id"]] {
		return fmt.Sprintf("customer %d: Description %q, want %q", id, got, want)
	}
	return ""
}

// forbidden looks for writes that may never happen.
func (h *history) forbidden() string {
	for _, a := range h.sf.Audit() {
		if a.Op == "delete" {
			return "a delete"
		}
		if a.Created {
			continue
		}
		for _, f := range []string{"BillingStreet", "BillingCity", "Phone", "MailingStreet"} {
			if slices.Contains(slices.Collect(maps.Keys(a.Fields)), f) {
				return fmt.Sprintf("%s of an existing %s was written", f, a.Object)
			}
		}
	}
	if n := len(h.qb.Audit()); n != 0 {
		return fmt.Sprintf("%d writes to the source", n)
	}
	return ""
}
