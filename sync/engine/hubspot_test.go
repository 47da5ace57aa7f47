package engine_test

import (
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"crmsyncd/configs"
	"crmsyncd/providers/hubspot"
	"crmsyncd/providers/hubspot/hubspotsim"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

const hubspotRoutes = "routes/hubspot.yaml"

// withHubSpot adds the second target to a world.
func withHubSpot(hs *hubspotsim.Sim) worldOption {
	return func(w *world) {
		text, err := fs.ReadFile(configs.Shipped, hubspotRoutes)
		if err != nil {
			w.t.Fatal(err)
		}
		w.files[hubspotRoutes] = &fstest.MapFile{Data: text}
		others := w.extra
		w.extra = func() map[string]*engine.System {
			p, err := hubspot.New(hubspot.Config{
				Auth: hubspot.Auth{Method: hubspot.FixedToken, Token: func() (string, error) { return "pat-x", nil }}, Transport: hs.Transport(),
			})
			if err != nil {
				w.t.Fatal(err)
			}
			out := map[string]*engine.System{"hubspot": engine.NewSystem("hubspot", p)}
			if others != nil {
				maps.Copy(out, others())
			}
			return out
		}
	}
}

// portal is a HubSpot portal, with our unique property in place unless bare.
func portal(t *testing.T) *hubspotsim.Sim {
	t.Helper()
	hs, err := hubspotsim.New(hubspotsim.Options{RateLimit: hubspotsim.Unlimited, SearchLimit: hubspotsim.Unlimited})
	if err != nil {
		t.Fatal(err)
	}
	return hs
}

// bothTargets is a world with both targets.
func bothTargets(t *testing.T, opts ...worldOption) (*world, *hubspotsim.Sim) {
	t.Helper()
	hs := portal(t)
	w := newWorld(t, append([]worldOption{withHubSpot(hs)}, opts...)...)
	fixes, err := w.eng.Fixes(t.Context(), "hubspot")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fixes {
		if err := w.eng.Fix(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	return w, hs
}

func (w *world) hsOne(hs *hubspotsim.Sim, object, field, value string) map[string]string {
	w.t.Helper()
	ids := hs.Find(object, field, value)
	if len(ids) != 1 {
		w.t.Fatalf("%d of %s have %s %q, want 1", len(ids), object, field, value)
	}
	return hs.Record(object, ids[0])
}

// R133, R158, R160: the main job reaches HubSpot too: companies, contacts tied
// to their company, addresses at creation only, industry through the map.
func TestHubSpotMainJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, hs := bothTargets(t)
		acme := w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"industry": "food & beverage"}))
		odd := w.qb.AddCustomer(customer("Odd", qbenchsim.Fields{"industry": "Underwater Basketry"}))
		w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
		w.sync()
		w.pushTo("hubspot")
		a := w.hsOne(hs, "companies", "name", "Acme")
		if a["industry"] != "FOOD_BEVERAGES" || a["numberofemployees"] != "12" || a["address2"] != "Floor 2" || a["zip"] != "62701" || a["qbench_id"] == "" {
			t.Errorf("company: %v", a)
		}
		c := w.hsOne(hs, "contacts", "email", "ann@acme.example")
		if c["firstname"] != "Ann" || c["zip"] != "62702" || c["phone"] == "" {
			t.Errorf("contact: %v", c)
		}
		as := hs.Associations("contacts", hs.Find("contacts", "email", "ann@acme.example")[0], "companies")
		if len(as) == 0 || as[0].ToID != hs.Find("companies", "name", "Acme")[0] {
			t.Errorf("associations: %+v", as)
		}
		// An industry without a match holds that field alone.
		w.wantHeld("hubspot", "companies "+ledger.HoldUnmapped)
		if o := w.hsOne(hs, "companies", "name", "Odd"); o["industry"] != "" {
			t.Errorf("industry %q", o["industry"])
		}
		hs.ResetCalls()
		w.sync()
		w.pushTo("hubspot")
		if n := hs.Calls().Total(); n != 0 {
			t.Errorf("a second run made calls: %s", hs.Calls())
		}
		_ = w.qb.UpdateCustomer(odd, qbenchsim.Fields{"industry": "Chemicals", "city": "Elsewhere", "phone": "1"})
		w.sync()
		w.pushTo("hubspot")
		if o := w.hsOne(hs, "companies", "name", "Odd"); o["industry"] != "CHEMICALS" || o["city"] != "Springfield" {
			t.Errorf("after the change: industry %q, city %q", o["industry"], o["city"])
		}
		w.wantHeld("hubspot")
	})
}

// R139, R158, D1, hubspot-9.5, hubspot-9.6: companies that are there are found by their domain through
// one listing, contacts by their e-mail, and neither is doubled.
func TestHubSpotExisting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, hs := bothTargets(t)
		id, err := hs.Insert("companies", map[string]string{"name": "ACME old", "domain": "acme.example"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := hs.Insert("contacts", map[string]string{"email": "ann@acme.example", "lastname": "L"}); err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			c := w.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i)))
			if i == 0 {
				_ = w.qb.UpdateCustomer(c, qbenchsim.Fields{"website": "https://www.acme.example/about"})
				w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), c)
			}
		}
		w.sync()
		w.pushTo("hubspot")
		if n := hs.Count("companies"); n != 5 {
			t.Errorf("%d companies, want 5", n)
		}
		if n := hs.Count("contacts"); n != 1 {
			t.Errorf("%d contacts, want 1", n)
		}
		rec := hs.Record("companies", id)
		if rec["name"] != "Acme 0" || rec["qbench_id"] == "" || rec["city"] != "" {
			t.Errorf("the company that was found: %v", rec)
		}
		if c := w.hsOne(hs, "contacts", "email", "ann@acme.example"); c["qbench_id"] == "" || c["lastname"] != "Lee" {
			t.Errorf("the contact that was found: %v", c)
		}
	})
}

// F8, F16: a lost answer makes no second company; a contact that HubSpot
// refuses is held there while it goes out to Salesforce.
func TestHubSpotFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, hs := bothTargets(t)
		acme := w.qb.AddCustomer(customer("Acme"))
		w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
		w.qb.AddContact(person("Ben", "Roe", "ben@acme.example"), acme)
		hs.SetRule(func(wr hubspotsim.Write) *hubspotsim.Error {
			if strings.Contains(fmt.Sprint(wr.Fields), "ben@") {
				return &hubspotsim.Error{Status: 400, Category: "VALIDATION_ERROR", Message: "refused"}
			}
			return nil
		})
		if err := hs.AddFault("drop,method=POST,path=/batch/create,after,nth=1"); err != nil {
			t.Fatal(err)
		}
		w.tick()
		w.pull()
		_, _ = w.eng.Push(t.Context(), engine.Request{System: "hubspot"})
		w.push()
		for range 2 {
			w.sync()
			w.pushTo("hubspot")
		}
		if n := hs.Count("companies"); n != 1 {
			t.Errorf("%d companies, want 1", n)
		}
		if n := hs.Count("contacts"); n != 1 {
			t.Errorf("%d contacts, want the one that is taken", n)
		}
		w.wantCount("Contact", 2)
		w.wantHeld("hubspot", "contacts "+ledger.HoldRejected)
		w.wantHeld("salesforce")
	})
}

// One target that is down does not delay the other.
func TestOneTargetDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, hs := bothTargets(t)
		w.qb.AddCustomer(customer("Acme"))
		if err := hs.AddFault("503"); err != nil {
			t.Fatal(err)
		}
		w.tick()
		w.pull()
		if _, err := w.eng.Push(t.Context(), engine.Request{System: "hubspot"}); err == nil {
			t.Error("a target that is down counted as done")
		}
		w.push()
		w.wantCount("Account", 1)
		w.wantHeld("")
		hs.Faults().Clear()
		w.tick()
		w.pushTo("hubspot")
		if hs.Count("companies") != 1 {
			t.Error("the target did not catch up")
		}
	})
}

// A contact that moves to another customer gets the other company as its
// primary one; a label that a person gave stays.
func TestHubSpotContactMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, hs := bothTargets(t)
		acme, best := w.qb.AddCustomer(customer("Acme")), w.qb.AddCustomer(customer("Best"))
		id := w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
		w.sync()
		w.pushTo("hubspot")
		_ = w.qb.UpdateContact(id, qbenchsim.Fields{"customer_ids": []int64{best}})
		w.sync()
		w.pushTo("hubspot")
		w.wantHeld("hubspot")
		contact := hs.Find("contacts", "email", "ann@acme.example")[0]
		primary := ""
		for _, a := range hs.Associations("contacts", contact, "companies") {
			if a.Primary() {
				primary = a.ToID
			}
		}
		if primary != hs.Find("companies", "name", "Best")[0] {
			t.Errorf("primary company %q", primary)
		}
	})
}

// hubspot-9.23: calls at the vendor's minimum. A first push into an empty portal
// takes one create call per hundred records, with the associations inline, and
// at most one look-up per create; later only what changed is sent, in full
// batches.
func TestHubSpotCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, hs := bothTargets(t)
		for i := range 250 {
			id := w.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i)))
			w.qb.AddContact(person("Ann", "Lee", fmt.Sprintf("a%d@acme.example", i)), id)
			w.qb.AddContact(person("Ben", "Roe", fmt.Sprintf("b%d@acme.example", i)), id)
		}
		w.tick()
		w.pull()
		hs.ResetCalls()
		w.pushTo("hubspot")
		calls := hs.Calls()
		for object, want := range map[string]int{"companies": 3, "contacts": 5} {
			if n := calls.Of(hubspotsim.CallCreateMany, object); n != want {
				t.Errorf("%d create calls for %s, want %d: %s", n, object, want, calls)
			}
			if n := calls.Of(hubspotsim.CallRetrieveMany, object); n > want {
				t.Errorf("%d batch reads for %s, want at most %d: %s", n, object, want, calls)
			}
		}
		if n := calls.Of(hubspotsim.CallAssociateMany); n != 0 {
			t.Errorf("%d association calls: they were not inline", n)
		}
		if hs.Count("companies") != 250 || hs.Count("contacts") != 500 {
			t.Errorf("%d companies, %d contacts", hs.Count("companies"), hs.Count("contacts"))
		}
		for _, id := range w.qb.CustomerIDs()[:110] {
			_ = w.qb.UpdateCustomer(id, qbenchsim.Fields{"description": "New"})
		}
		w.tick()
		w.pull()
		hs.ResetCalls()
		w.pushTo("hubspot")
		if calls = hs.Calls(); calls.Writes() != 2 || calls.Total() != 3 || calls.Of(hubspotsim.CallAccount) != 1 {
			t.Errorf("110 changes took %s, want two update calls and one that proves the portal", calls)
		}
	})
}
