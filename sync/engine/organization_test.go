package engine_test

import (
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"crmsyncd/configs"
	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/hubspot"
	"crmsyncd/providers/hubspot/hubspotsim"
	"crmsyncd/providers/qbench"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/providers/salesforce/salesforcesim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
)

const otherPortal, otherOrg, otherClose = "48000099", "00D000000000999", "orga_AnotherOrganization"

// wantStopped checks that a run was stopped for another organization, and that
// both are named.
func wantStopped(t testing.TB, err error, names ...string) {
	t.Helper()
	if providers.KindOf(err) != providers.Denied {
		t.Fatalf("got %v, want the run to be denied", err)
	}
	for _, name := range names {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q does not name %q", err, name)
		}
	}
}

func (w *world) pushErr(system string, full bool) error {
	w.t.Helper()
	run, err := w.eng.Push(w.t.Context(), engine.Request{System: system, Full: full, Trigger: "test"})
	if err != nil && run.Status != engine.StatusFailed {
		w.t.Errorf("the run ended as %q with %v", run.Status, err)
	}
	return err
}

func (w *world) pullErr(system string, full bool) error {
	w.t.Helper()
	_, err := w.eng.Pull(w.t.Context(), engine.Request{System: system, Full: full, Trigger: "test"})
	return err
}

// C3.1: HubSpot leads to another portal within the day. Nothing is read or
// written there, in no kind of run and by no command, and a restart changes
// nothing. When it leads back, what waited goes out.
func TestC3_1_AnotherPortal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, hs := bothTargets(t)
		acme := w.qb.AddCustomer(customer("Acme"))
		w.sync()
		w.pushTo("hubspot")
		first := hs.PortalID()
		if err := hs.SetPortalID(otherPortal); err != nil {
			t.Fatal(err)
		}
		_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "Edited"})
		w.qb.AddCustomer(customer("New"))
		w.sync()
		for _, restart := range []bool{false, true} {
			if restart {
				w.restart()
			}
			for _, full := range []bool{false, true} {
				hs.ResetCalls()
				wantStopped(t, w.pushErr("hubspot", full), first, otherPortal)
				if c := hs.Calls(); c.Total() != 1 || c.Of(hubspotsim.CallAccount) != 1 {
					t.Errorf("full %v: %s reached the other portal", full, c)
				}
			}
			hs.ResetCalls()
			w.commandsStop("hubspot", first, otherPortal)
			if c := hs.Calls(); c.Total() != c.Of(hubspotsim.CallAccount) {
				t.Errorf("by commands %s reached the other portal", c)
			}
		}
		if err := hs.SetPortalID(first); err != nil {
			t.Fatal(err)
		}
		w.pushTo("hubspot")
		if a := w.hsOne(hs, "companies", "name", "Acme"); a["description"] != "Edited" || hs.Count("companies") != 2 {
			t.Errorf("back at the first portal: %v, %d companies", a, hs.Count("companies"))
		}
	})
}

// commandsStop asks what commands ask.
func (w *world) commandsStop(system string, names ...string) {
	w.t.Helper()
	ctx := w.t.Context()
	_, err := w.eng.Plan(ctx, engine.PlanRequest{Systems: []string{system}})
	wantStopped(w.t, err, names...)
	_, _, err = w.eng.Check(ctx, system)
	wantStopped(w.t, err, names...)
	_, err = w.eng.Audit(ctx, engine.AuditRequest{System: system}, func(engine.AuditFinding) error { return nil })
	wantStopped(w.t, err, names...)
	if _, err = w.eng.Fixes(ctx, system); err != nil {
		wantStopped(w.t, err, names...)
	}
	_, err = w.eng.Moved(ctx, system, "", "", true)
	if err == nil || !strings.Contains(err.Error(), "another organization") {
		w.t.Errorf("an id of its own moved: %v", err)
	}
}

// C3.1: the same in Salesforce, where the token tells: within one process, where
// the session of the former organization ends, and after a restart.
func TestC3_1_AnotherSalesforceOrganization(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	first := w.sf.OrgID()
	if err := w.sf.SetOrgID(otherOrg); err != nil {
		t.Fatal(err)
	}
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "Edited"})
	w.tick()
	w.pull()
	for _, restart := range []bool{false, true} {
		if restart {
			w.restart()
		}
		w.sf.ResetCalls()
		wantStopped(t, w.pushErr("salesforce", restart), first, otherOrg)
		if c := w.sf.Calls(); c.Writes() != 0 || c.Of(salesforcesim.CallRetrieveMany) != 0 {
			t.Errorf("%s reached the other organization", c)
		}
	}
	if err := w.sf.SetOrgID(first); err != nil {
		t.Fatal(err)
	}
	w.push()
	if a := w.account("Acme"); a["Description"] != "Edited" {
		t.Errorf("back at the first: %v", a)
	}
}

// C3.1: Close leads to another organization: nothing of it comes into the hub,
// and nothing leaves the hub.
func TestC3_1_AnotherCloseOrganization(t *testing.T) {
	w := newCloseWorld(t)
	w.lead("Acme", "1")
	w.pullClose()
	first := w.cl.OrganizationID()
	if err := w.cl.SetOrganizationID(otherClose); err != nil {
		t.Fatal(err)
	}
	w.lead("Stranger", "2")
	w.tick()
	for _, full := range []bool{false, true} {
		w.cl.ResetCalls()
		wantStopped(t, w.pullErr("close", full), first, otherClose)
		total := 0
		for _, n := range w.cl.Calls() {
			total += n
		}
		if total != 1 {
			t.Errorf("%v reached the other organization", w.cl.Calls())
		}
	}
	if ours, strange := w.hubAll("account", "1"), w.hubAll("account", "2"); len(ours) != 1 || len(strange) != 0 {
		t.Errorf("the hub has %+v and %+v", ours, strange)
	}
	if err := w.cl.SetOrganizationID(first); err != nil {
		t.Fatal(err)
	}
	w.pullClose()
}

// C3.2: QBench under another host is stopped without a call, for a host is all
// that it is known by. A person says that it was renamed, naming both; that stands
// in the journal.
func TestC3_2_AnotherHost(t *testing.T) {
	w := newWorld(t)
	w.qb.AddCustomer(customer("Acme"))
	w.sync()
	w.qbOpt = func(c *qbench.Config) { c.BaseURL = "https://new.qbench.net" }
	w.restart()
	w.qb.AddCustomer(customer("Stranger"))
	w.tick()
	w.qb.ResetCalls()
	for _, full := range []bool{false, true} {
		wantStopped(t, w.pullErr("qbench", full), "lab.qbench.net", "new.qbench.net", "crmsyncd system moved qbench --from lab.qbench.net --to new.qbench.net")
	}
	if n := len(w.qb.Calls()); n != 0 {
		t.Errorf("%v reached the other host", w.qb.Calls())
	}
	for _, bad := range [][2]string{{"x.qbench.net", "new.qbench.net"}, {"lab.qbench.net", "x.qbench.net"}} {
		if m, err := w.eng.Moved(t.Context(), "qbench", bad[0], bad[1], true); err == nil || m.Done {
			t.Errorf("moved from %s to %s", bad[0], bad[1])
		}
	}
	m, err := w.eng.Moved(t.Context(), "qbench", "", "", false)
	if err != nil || m.Done || m.From != "lab.qbench.net" || m.To != "new.qbench.net" {
		t.Errorf("%+v, %v", m, err)
	}
	wantStopped(t, w.pullErr("qbench", false))
	if m, err = w.eng.Moved(t.Context(), "qbench", "lab.qbench.net", "new.qbench.net", false); err != nil || !m.Done {
		t.Fatalf("%+v, %v", m, err)
	}
	if m, err = w.eng.Moved(t.Context(), "qbench", "", "", true); err == nil || m.Done {
		t.Errorf("moved twice: %+v", m)
	}
	w.pull()
	w.push()
	if w.sf.Count("Account") != 2 {
		t.Errorf("%d accounts, want the former and the new one", w.sf.Count("Account"))
	}
	var old, now record.Value
	err = w.store.View(func(tx *state.Tx) error {
		return tx.EachJournal("system", 0, 0, func(e state.JournalEntry) error { old, now = e.Old, e.New; return nil })
	})
	if err != nil || old.Text() != "lab.qbench.net" || now.Text() != "new.qbench.net" {
		t.Errorf("the journal holds %v → %v, %v", old, now, err)
	}
}

// secondPortal gives the world a second system of HubSpot, on hs.
func secondPortal(hs *hubspotsim.Sim) worldOption {
	return func(w *world) {
		text, err := fs.ReadFile(configs.Shipped, hubspotRoutes)
		if err != nil {
			w.t.Fatal(err)
		}
		w.files["routes/second.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(string(text), "system: hubspot\n", "system: second\n", 1))}
		w.edit("hub.yaml", "push_only: [salesforce, hubspot]", "push_only: [salesforce, hubspot, second]")
		w.edit("crmsyncd.yaml", "systems:\n", "systems:\n  second:\n    provider: hubspot\n    base_url: https://api.hubapi.com\n    auth: {token: {credential: second}}\n")
		others := w.extra
		w.extra = func() map[string]*engine.System {
			p, err := hubspot.New(hubspot.Config{
				Auth: hubspot.Auth{Method: hubspot.FixedToken, Token: func() (string, error) { return "pat-x", nil }}, Transport: hs.Transport(),
			})
			if err != nil {
				w.t.Fatal(err)
			}
			out := others()
			out["second"] = engine.NewSystem("second", p)
			return out
		}
		w.wrap = func(s *engine.System) {
			if s.Name == "second" || s.Name == "hubspot" {
				s.Vendor = "hubspot"
			}
		}
	}
}

// C3.3: two systems open the same portal. Both are stopped, whichever comes
// first, and each again in its own run; they go on once each has its own.
func TestC3_3_TwoSystemsOfOneOrganization(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := portal(t)
		if err := other.SetPortalID(otherPortal); err != nil {
			t.Fatal(err)
		}
		w, hs := bothTargets(t, secondPortal(other))
		forget := func(tx *state.Tx) error {
			return errors.Join(tx.SetMeta("place:hubspot", nil), tx.SetMeta("place:second", nil))
		}
		if err := errors.Join(w.store.Update(forget), other.SetPortalID(hs.PortalID())); err != nil {
			t.Fatal(err)
		}
		w.qb.AddCustomer(customer("Acme"))
		w.sync()
		for range 2 {
			for _, system := range []string{"hubspot", "second"} {
				wantStopped(t, w.pushErr(system, false), "hubspot", "second", hs.PortalID())
				_, _, err := w.eng.Check(t.Context(), system)
				wantStopped(t, err, "hubspot", "second")
			}
		}
		if hs.Count("companies")+other.Count("companies") != 0 {
			t.Error("companies were made")
		}
		if err := other.SetPortalID(otherPortal); err != nil {
			t.Fatal(err)
		}
		w.pushTo("hubspot")
		fixes, err := w.eng.Fixes(t.Context(), "second")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fixes {
			if err := w.eng.Fix(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		w.pushTo("second")
		if hs.Count("companies") != 1 || other.Count("companies") != 1 {
			t.Errorf("%d and %d companies", hs.Count("companies"), other.Count("companies"))
		}
	})
}

// C3: the proof costs one call in a run that makes calls for data, none where the
// token or the address tells, and none in a run without such calls.
func TestC3_CallsOfTheProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, hs := bothTargets(t)
		acme := w.qb.AddCustomer(customer("Acme"))
		w.sync()
		w.pushTo("hubspot")
		edit := func(f qbenchsim.Fields) {
			_ = w.qb.UpdateCustomer(acme, f)
			w.tick()
			w.pull()
			w.sf.ResetCalls()
			hs.ResetCalls()
			w.push()
			w.pushTo("hubspot")
		}
		edit(nil) // nothing
		if w.sf.Calls().Total()+hs.Calls().Total() != 0 {
			t.Errorf("idle runs: %s, %s", w.sf.Calls(), hs.Calls())
		}
		edit(qbenchsim.Fields{"industry": "Underwater Basketry"}) // due, and held
		if hs.Calls().Total() != 0 {
			t.Errorf("a run that only holds: %s", hs.Calls())
		}
		edit(qbenchsim.Fields{"description": "Edited"})
		if c := w.sf.Calls(); c.Total() != 1 || c.Writes() != 1 {
			t.Errorf("salesforce: %s, want one write and nothing else", c)
		}
		if c := hs.Calls(); c.Total() != 2 || c.Writes() != 1 || c.Of(hubspotsim.CallAccount) != 1 {
			t.Errorf("hubspot: %s, want one write and one proof", c)
		}
	})
}

// C3: a state of before, which knows the organization and not by what address,
// learns that in the first run.
func TestC3_AnOldStateLearns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, hs := bothTargets(t)
		acme := w.qb.AddCustomer(customer("Acme"))
		w.sync()
		w.pushTo("hubspot")
		err := w.store.Update(func(tx *state.Tx) error {
			var errs []error
			for _, system := range []string{"qbench", "salesforce", "hubspot"} {
				if len(tx.Meta("place:"+system)) == 0 || len(tx.Meta("org:"+system)) == 0 {
					t.Errorf("nothing is known of %s", system)
				}
				errs = append(errs, tx.SetMeta("place:"+system, nil))
			}
			return errors.Join(errs...)
		})
		if err != nil {
			t.Fatal(err)
		}
		w.restart()
		_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "Edited"})
		w.sync()
		w.pushTo("hubspot")
		if a := w.hsOne(hs, "companies", "name", "Acme"); a["description"] != "Edited" {
			t.Errorf("%v", a)
		}
		_ = w.store.View(func(tx *state.Tx) error {
			if len(tx.Meta("place:hubspot")) == 0 {
				t.Error("nothing was learned")
			}
			return nil
		})
	})
}

// byToken sends each token to a portal of its own.
type byToken map[string]http.RoundTripper

func (b byToken) RoundTrip(r *http.Request) (*http.Response, error) {
	return b[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")].RoundTrip(r)
}

// C3.1: the token is replaced by one of another portal while the process runs.
// Where the proof of a run met that portal itself, a later one does too; both are
// named either way.
func TestC3_1_AnotherTokenInTheSameProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := portal(t)
		if err := other.SetPortalID(otherPortal); err != nil {
			t.Fatal(err)
		}
		token := "pat-x"
		w, hs := bothTargets(t)
		w.extra = func() map[string]*engine.System {
			p, err := hubspot.New(hubspot.Config{
				Auth:      hubspot.Auth{Method: hubspot.FixedToken, Token: func() (string, error) { return token, nil }},
				Transport: byToken{"pat-x": hs.Transport(), "pat-z": hs.Transport(), "pat-y": other.Transport()},
			})
			if err != nil {
				t.Fatal(err)
			}
			return map[string]*engine.System{"hubspot": engine.NewSystem("hubspot", p)}
		}
		w.build()
		w.qb.AddCustomer(customer("Acme"))
		w.sync()
		w.pushTo("hubspot")
		token = "pat-y"
		time.Sleep(time.Hour)
		w.qb.AddCustomer(customer("New"))
		w.sync()
		for range 2 {
			wantStopped(t, w.pushErr("hubspot", false), hs.PortalID(), otherPortal, "its links belong to")
		}
		if c := other.Calls(); c.Total() != c.Of(hubspotsim.CallAccount) {
			t.Errorf("%s reached the other portal", c)
		}
		// Another token of the same portal costs no second proof.
		token = "pat-z"
		time.Sleep(time.Hour)
		hs.ResetCalls()
		w.pushTo("hubspot")
		if c := hs.Calls(); c.Of(hubspotsim.CallAccount) != 1 {
			t.Errorf("%s, want one proof", c)
		}
		if hs.Count("companies") != 2 || other.Count("companies") != 0 {
			t.Errorf("%d and %d companies", hs.Count("companies"), other.Count("companies"))
		}
	})
}

// C3.1: a system whose writes are off is bound by the first run that read it, and
// decides nothing against another organization.
func TestC3_1_WritesOff(t *testing.T) {
	w := newWorld(t, unaudited("nothing was written"), func(w *world) {
		w.wrap = func(s *engine.System) { s.WritesOff = s.Name == "salesforce" }
	})
	w.qb.AddCustomer(customer("Acme"))
	w.sync()
	first := w.sf.OrgID()
	if err := w.sf.SetOrgID(otherOrg); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.changes = nil
	_, err := w.tryPush()
	wantStopped(t, err, first, otherOrg)
	if len(w.changes) != 0 {
		t.Errorf("decided %+v", w.changes)
	}
}

// C3: a look before the first run binds nothing: who sees by check or plan that
// the wrong portal is opened may still choose the right one.
func TestC3_ALookBindsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, hs := bothTargets(t)
		w.qb.AddCustomer(customer("Acme"))
		w.sync()
		if _, _, err := w.eng.Check(t.Context(), "hubspot"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.eng.Plan(t.Context(), engine.PlanRequest{}); err != nil {
			t.Fatal(err)
		}
		if err := hs.SetPortalID(otherPortal); err != nil {
			t.Fatal(err)
		}
		w.pushTo("hubspot")
		if hs.Count("companies") != 1 {
			t.Errorf("%d companies", hs.Count("companies"))
		}
	})
}
