package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

// memory is the smallest target there can be: records in a map. It knows
// nothing of routes, and sync/ knows nothing of it.
type memory struct {
	records map[string]map[string]map[string]record.Value // object, id, field
	made    int
	calls   map[string]int
	refuse  func(object string, p record.Patch) *providers.Error
}

var (
	_ providers.Provider = (*memory)(nil)
	_ providers.Finder   = (*memory)(nil)
	_ providers.Getter   = (*memory)(nil)
	_ providers.Writer   = (*memory)(nil)
)

func newMemory() *memory {
	return &memory{records: map[string]map[string]map[string]record.Value{}, calls: map[string]int{}}
}

func (m *memory) Identify(context.Context) (providers.Identity, error) {
	return providers.Identity{Org: "memory", Name: "Memory"}, nil
}

func (m *memory) Usage() providers.Usage { return providers.Usage{Calls: m.calls} }

func (m *memory) Convert(_ string, f record.Field, raw []byte) (record.Value, error) {
	return record.CanonicalJSON(f.Type, raw)
}

func (m *memory) BatchSize(string) int { return 3 }

func (m *memory) row(object, id string, fields []record.Field) record.Record {
	r := record.Record{ID: id}
	for _, f := range fields {
		raw := []byte("null")
		if v := m.records[object][id][f.Name]; v.IsSet() {
			raw, _ = json.Marshal(v.Text())
		}
		r.Raw = append(r.Raw, raw)
	}
	return r
}

func (m *memory) Find(_ context.Context, object string, fields []record.Field, key record.Field, values []record.Value) ([]record.Record, error) {
	m.calls["find"]++
	var out []record.Record
	for id, rec := range m.records[object] {
		for _, v := range values {
			if rec[key.Name] == v {
				out = append(out, m.row(object, id, fields))
			}
		}
	}
	return out, nil
}

func (m *memory) Get(_ context.Context, object string, fields []record.Field, ids []string) ([]record.Record, []*providers.Error, error) {
	m.calls["get"]++
	var out []record.Record
	var errs []*providers.Error
	for _, id := range ids {
		if m.records[object][id] != nil {
			out = append(out, m.row(object, id, fields))
			continue
		}
		errs = append(errs, &providers.Error{Kind: providers.Missing, Gone: providers.Told, Ref: record.Ref{Object: object, ID: id}})
	}
	return out, errs, nil
}

func (m *memory) Create(_ context.Context, object string, patches []record.Patch) ([]providers.Result, error) {
	m.calls["create"]++
	out := make([]providers.Result, len(patches))
	for i, p := range patches {
		if m.refuse != nil {
			if out[i].Err = m.refuse(object, p); out[i].Err != nil {
				continue
			}
		}
		m.made++
		out[i].ID = fmt.Sprintf("m%d", m.made)
		m.write(object, out[i].ID, p)
	}
	return out, nil
}

func (m *memory) Update(_ context.Context, object string, patches []record.Patch) ([]providers.Result, error) {
	m.calls["update"]++
	out := make([]providers.Result, len(patches))
	for i, p := range patches {
		out[i].ID = p.ID
		m.write(object, p.ID, p)
	}
	return out, nil
}

func (m *memory) write(object, id string, p record.Patch) {
	if m.records[object] == nil {
		m.records[object] = map[string]map[string]record.Value{}
	}
	if m.records[object][id] == nil {
		m.records[object][id] = map[string]record.Value{}
	}
	for _, f := range p.Fields {
		m.records[object][id][f.Name] = f.Value
	}
}

// memoryRoutes is the whole wiring of the third target.
func memoryRoutes() fieldmap.RouteSpec {
	return fieldmap.RouteSpec{System: "memory", Objects: []fieldmap.ObjectSpec{
		{
			Object: "firm", Hub: "account", Direction: "push", ExternalID: "ext",
			Match:  []fieldmap.MatchSpec{{Remote: "ext", Hub: "account_id"}},
			Fields: []fieldmap.FieldSpec{{Remote: "title", Hub: "name"}, {Remote: "text", Hub: "description"}, {Remote: "town", Hub: "addresses.BILLING.city"}},
		},
		{
			Object: "human", Hub: "contact", Direction: "push", ExternalID: "ext",
			Match: []fieldmap.MatchSpec{{Remote: "ext", Hub: "user_id"}}, CreateNeeds: []string{"email", "last_name"},
			Fields: []fieldmap.FieldSpec{{Remote: "mail", Hub: "email"}, {Remote: "last", Hub: "last_name"}, {Remote: "firm", Hub: "account"}},
		},
	}}
}

// withMemory adds the third target to a world.
func withMemory(m *memory) worldOption {
	return func(w *world) {
		w.more = append(w.more, memoryRoutes())
		w.extra = func() map[string]*engine.System {
			return map[string]*engine.System{"memory": engine.NewSystem("memory", m)}
		}
	}
}

func (w *world) pushTo(system string) {
	w.t.Helper()
	if _, err := w.eng.Push(w.t.Context(), engine.Request{System: system}); err != nil {
		w.t.Fatal(err)
	}
}

// R130, R133, R176: a further target needs its provider and its routes, and
// nothing in sync/: records are made, changed, tied together and never doubled.
// Each target has positions and holds of its own.
func TestThirdTargetByConfigurationAlone(t *testing.T) {
	m := newMemory()
	m.refuse = func(object string, p record.Patch) *providers.Error {
		for _, f := range p.Fields {
			if object == "human" && f.Value.Text() == "ben@acme.example" {
				return &providers.Error{Kind: providers.Rejected, Code: "NO"}
			}
		}
		return nil
	}
	w := newWorld(t, withMemory(m))
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.qb.AddContact(person("Ben", "Roe", "ben@acme.example"), acme)
	w.sync()
	w.pushTo("memory")
	if len(m.records["firm"]) != 1 || len(m.records["human"]) != 1 {
		t.Fatalf("%d firms, %d humans", len(m.records["firm"]), len(m.records["human"]))
	}
	w.wantCount("Contact", 2) // held in one target, out in the other
	w.wantHeld("memory", "human "+ledger.HoldRejected)
	w.wantHeld("salesforce")
	for _, h := range m.records["human"] {
		if m.records["firm"][h["firm"].Text()] == nil {
			t.Error("a human belongs to no firm")
		}
	}
	clear(m.calls)
	w.pushTo("memory")
	if len(m.calls) != 0 {
		t.Errorf("a second run made calls: %v", m.calls)
	}
	_ = w.qb.UpdateCustomer(acme, map[string]any{"description": "New", "city": "Elsewhere"})
	w.sync()
	w.pushTo("memory")
	for _, f := range m.records["firm"] {
		if f["text"].Text() != "New" || f["town"].Text() != "Springfield" {
			t.Errorf("after a change: text %q, town %q", f["text"].Text(), f["town"].Text())
		}
	}
}
