package engine_test

import (
	"fmt"
	"io/fs"
	"maps"
	"testing"
	"testing/fstest"
	"time"

	"crmsyncd/configs"
	"crmsyncd/providers/closeio"
	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
)

const closeRoutes = "routes/close.yaml"

// closeWorld is a world with Close as a second source.
type closeWorld struct {
	*world
	cl *closeiosim.Sim
}

// newCloseWorld makes one. Close's clock is the world's; its index lags as in
// life, so that what a test does there is read after the next tick.
func newCloseWorld(t testing.TB, opts ...worldOption) *closeWorld {
	return closeWorldWith(t, closeiosim.Options{}, opts...)
}

func closeWorldWith(t testing.TB, o closeiosim.Options, opts ...worldOption) *closeWorld {
	t.Helper()
	cw := &closeWorld{}
	withClose := func(w *world) {
		text, err := fs.ReadFile(configs.Shipped, closeRoutes)
		if err != nil {
			t.Fatal(err)
		}
		w.files[closeRoutes] = &fstest.MapFile{Data: text}
		o.Clock, o.RateLimit = w.clock, -1
		if cw.cl, err = closeiosim.New(o); err != nil {
			t.Fatal(err)
		}
		others := w.extra
		w.extra = func() map[string]*engine.System {
			p, err := closeio.New(closeio.Config{
				Auth:      closeio.Auth{Method: closeio.APIKey, Key: func() (string, error) { return closeiosim.DefaultAPIKey, nil }},
				Transport: cw.cl.Transport(),
			})
			if err != nil {
				t.Fatal(err)
			}
			out := map[string]*engine.System{"close": engine.NewSystem("close", p)}
			if others != nil {
				maps.Copy(out, others())
			}
			return out
		}
	}
	cw.world = newWorld(t, append([]worldOption{withClose}, opts...)...)
	t.Cleanup(func() {
		// R77, R80, R92, R95: no write reaches Close, whatever a test does.
		if writes := cw.cl.Writes(); len(writes) > 0 {
			t.Errorf("Close was written to: %v", writes)
		}
	})
	return cw
}

// pullClose lets a quarter of an hour pass and pulls from Close.
func (w *closeWorld) pullClose() state.Run {
	w.t.Helper()
	w.now = w.now.Add(15 * time.Minute)
	return w.mustPull(engine.Request{System: "close", Trigger: "test"})
}

func (w *closeWorld) fullClose() state.Run {
	w.t.Helper()
	w.now = w.now.Add(15 * time.Minute)
	return w.mustPull(engine.Request{System: "close", Full: true, Trigger: "test"})
}

func (w *closeWorld) fillClose() state.Run {
	w.t.Helper()
	return w.mustPull(engine.Request{System: "close", Backfill: true, Trigger: "test"})
}

func (w *closeWorld) mustPull(req engine.Request) state.Run {
	w.t.Helper()
	run, err := w.eng.Pull(w.t.Context(), req)
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

// hub returns the one hub record of an object that goes by a key.
func (w *closeWorld) hub(object, key string) engine.RecordView {
	w.t.Helper()
	hits := w.hubAll(object, key)
	if len(hits) != 1 {
		w.t.Fatalf("%d hub records of %s go by %q, want 1", len(hits), object, key)
	}
	return hits[0]
}

func (w *closeWorld) hubAll(object, key string) []engine.RecordView {
	w.t.Helper()
	hits, err := w.eng.Lookup(object, key)
	if err != nil {
		w.t.Fatal(err)
	}
	return hits
}

func valueOf(v engine.RecordView, field string) string {
	for _, f := range v.Fields {
		if f.Name == field {
			return f.Value
		}
	}
	return v.IDs[field]
}

func sourceOf(v engine.RecordView, field string) string {
	for _, f := range v.Fields {
		if f.Name == field {
			return f.Source
		}
	}
	return ""
}

func linkOf(v engine.RecordView, system string) engine.LinkView {
	for _, l := range v.Links {
		if l.System == system {
			return l
		}
	}
	return engine.LinkView{}
}

func (w *closeWorld) count(object string) int {
	w.t.Helper()
	n := 0
	if err := w.store.View(func(tx *state.Tx) error {
		return tx.Hub(object).Each(0, func(rec *state.HubRecord) error {
			if rec.State == state.HubActive {
				n++
			}
			return nil
		})
	}); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// counter is the number of the hub's latest change.
func (w *closeWorld) counter() (n uint64) {
	_ = w.store.View(func(tx *state.Tx) error { n = tx.Counter(); return nil })
	return n
}

// change edits a record of Close as a person does.
func (w *closeWorld) change(id string, f closeiosim.Fields) {
	w.t.Helper()
	if err := w.cl.Edit(id, f); err != nil {
		w.t.Fatal(err)
	}
}

func (w *closeWorld) custom(id, name string, value any) {
	w.t.Helper()
	if err := w.cl.SetCustom(id, name, value); err != nil {
		w.t.Fatal(err)
	}
}

// lead makes a lead that is a customer's.
func (w *closeWorld) lead(name string, accountID any, more ...closeiosim.Fields) string {
	f := closeiosim.Fields{"name": name}
	for _, m := range more {
		maps.Copy(f, m)
	}
	id := w.cl.AddLead(f)
	if accountID != nil {
		w.custom(id, "AccountExternalID", fmt.Sprint(accountID))
	}
	return id
}

// R61, R69, R70, R88, R89, R110: leads, contacts, opportunities, tasks and users
// of Close become records of the hub; a customer of QBench and its lead are one
// account that carries both systems' fields.
func TestCloseComesIn(t *testing.T) {
	w := newCloseWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.pull()
	lead := w.lead("Acme Inc (Close)", acme)
	w.custom(lead, "Renewal Date", "2027-03-01")
	owner := w.cl.Users()[0]
	contact := w.cl.AddContact(lead, closeiosim.Fields{
		"name": "Ann Lee", "title": "Head of Lab", "emails": []any{map[string]any{"type": "office", "email": "Ann@Acme.example"}},
	})
	deal := w.cl.AddOpportunity(lead, closeiosim.Fields{"value": 1250000, "value_currency": "USD", "user_id": owner.ID})
	task := w.cl.AddTask(lead, closeiosim.Fields{"text": "Call Ann", "date": "2026-12-01", "assigned_to": owner.ID})
	w.pullClose()

	account := w.hub("account", fmt.Sprint(acme))
	if got := [...]string{valueOf(account, "name"), sourceOf(account, "name"), valueOf(account, "next_renewal_date"), sourceOf(account, "next_renewal_date"), linkOf(account, "close").Remote}; got !=
		[...]string{"Acme", "qbench", "2027-03-01", "close", lead} {
		t.Errorf("account: %q", got)
	}
	person := w.hub("contact", "ann@acme.example")
	if got := [...]string{valueOf(person, "title"), linkOf(person, "close").Remote, linkOf(person, "qbench").State}; got != [...]string{"Head of Lab", contact, "open"} {
		t.Errorf("contact: %q", got)
	}
	opp := w.hub("opportunity", deal)
	if got := [...]string{valueOf(opp, "amount"), valueOf(opp, "currency"), valueOf(opp, "account"), valueOf(opp, "status")}; got != [...]string{"12500", "USD", account.ID, "open"} {
		t.Errorf("opportunity: %q", got)
	}
	todo := w.hub("task", task)
	if got := [...]string{valueOf(todo, "subject"), valueOf(todo, "status"), valueOf(todo, "due_date")}; got != [...]string{"Call Ann", "open", "2026-12-01"} {
		t.Errorf("task: %q", got)
	}
	if user := w.hub("user", owner.Email); valueOf(opp, "owner") != user.ID || valueOf(todo, "owner") != user.ID {
		t.Errorf("owners %q and %q, want %s", valueOf(opp, "owner"), valueOf(todo, "owner"), user.ID)
	}
	w.wantHeld("")
	run := w.pullClose()
	if run.Counts["changed"]+run.Counts["new"] != 0 {
		t.Errorf("a second run changed something: %v", run.Counts)
	}
}
