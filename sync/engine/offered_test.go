package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"crmsyncd/providers/hubspot/hubspotsim"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

// industries are the options that the value map of HubSpot's industry names,
// without some of them.
func (w *world) industries(without ...string) (out []hubspotsim.Option) {
	for _, r := range w.mapping.RoutesOf("hubspot") {
		for _, rule := range r.Fields {
			if r.Object != "companies" || rule.Remote.Name != "industry" {
				continue
			}
			for _, e := range rule.Values.Entries() {
				if !slices.Contains(without, e[0]) && (len(out) == 0 || out[len(out)-1].Value != e[0]) {
					out = append(out, hubspotsim.Option{Label: e[0], Value: e[0]})
				}
			}
		}
	}
	return out
}

// C5.3: an option that one line of a value map names is removed in HubSpot. While
// nobody needs it, a live check warns and everything goes on; a value that needs
// the line is held by itself and named, is never sent, and goes out in the first
// run after the option is back.
func TestC5_3_OptionThatNobodyNeeds(t *testing.T) {
	w, hs := bothTargets(t)
	all := w.industries()
	acme := w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"industry": "Banking"}))
	push := func() state.Run {
		t.Helper()
		w.tick()
		w.pull()
		run, err := w.eng.Push(context.Background(), engine.Request{System: "hubspot"})
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	push()
	if err := hs.SetOptions("companies", "industry", w.industries("AUTOMOTIVE")...); err != nil {
		t.Fatal(err)
	}
	wrong, warned := w.findings("hubspot")
	if len(wrong) > 0 || !strings.Contains(strings.Join(warned, "\n"), `industry does not offer "AUTOMOTIVE"`) {
		t.Errorf("the check says %q and warns %q", wrong, warned)
	}
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
	w.now = w.now.Add(25 * 3600 * 1e9)
	push()
	w.wantHeld("hubspot")
	if got := w.hsOne(hs, "companies", "name", "Acme"); got["description"] != "New" {
		t.Errorf("Acme is %v", got)
	}

	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Cars", "description": "Newer"})
	w.qb.AddCustomer(customer("Best", qbenchsim.Fields{"industry": "Automotive"}))
	push()
	w.wantHeld("hubspot", "companies "+ledger.HoldUnmapped, "companies "+ledger.HoldUnmapped)
	for _, h := range w.held("hubspot") {
		if h.Field != "industry" || !strings.Contains(h.Detail, `"AUTOMOTIVE"`) {
			t.Errorf("held %+v", h)
		}
	}
	if a, b := w.hsOne(hs, "companies", "name", "Acme"), w.hsOne(hs, "companies", "name", "Best"); a["description"] != "Newer" || a["industry"] != "BANKING" || b["industry"] != "" {
		t.Errorf("industries %q and %q, description %q", a["industry"], b["industry"], a["description"])
	}

	if err := hs.SetOptions("companies", "industry", all...); err != nil {
		t.Fatal(err)
	}
	push()
	w.wantHeld("hubspot")
	if a, b := w.hsOne(hs, "companies", "name", "Acme"), w.hsOne(hs, "companies", "name", "Best"); a["industry"] != "AUTOMOTIVE" || b["industry"] != "AUTOMOTIVE" {
		t.Errorf("industries %q and %q after the option is back", a["industry"], b["industry"])
	}
}

// C5.3: an option that is removed in the middle of a day is met by a refusal; the
// schema, asked again, says which, and the record goes out without it.
func TestC5_3_OptionGoneInTheMiddleOfADay(t *testing.T) {
	w, hs := bothTargets(t, unaudited("an option stays away"))
	acme := w.qb.AddCustomer(customer("Acme", qbenchsim.Fields{"industry": "Banking"}))
	w.tick()
	w.pull()
	if _, err := w.eng.Push(context.Background(), engine.Request{System: "hubspot"}); err != nil {
		t.Fatal(err)
	}
	if err := hs.SetOptions("companies", "industry", w.industries("AUTOMOTIVE")...); err != nil {
		t.Fatal(err)
	}
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"industry": "Cars", "description": "New"})
	w.tick()
	w.pull()
	if _, err := w.eng.Push(context.Background(), engine.Request{System: "hubspot"}); err != nil {
		t.Fatal(err)
	}
	w.wantHeld("hubspot", "companies "+ledger.HoldUnmapped)
	if got := w.hsOne(hs, "companies", "name", "Acme"); got["description"] != "New" || got["industry"] != "BANKING" {
		t.Errorf("industry %q, description %q", got["industry"], got["description"])
	}
}
