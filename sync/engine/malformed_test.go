package engine_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/sync/ledger"
)

// armed posts a rule to a simulator and returns what ends it.
func armed(t *testing.T, sim http.Handler, rule string) (end func()) {
	t.Helper()
	call := func(method, path, body string) string {
		rec := httptest.NewRecorder()
		sim.ServeHTTP(rec, httptest.NewRequest(method, path, strings.NewReader(body)))
		if rec.Code >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, rec.Code, rec.Body)
		}
		return rec.Body.String()
	}
	call(http.MethodPost, "/_sim/rules", rule)
	return func() { call(http.MethodDelete, "/_sim/rules", "") }
}

// C5.2: a customer whose text holds a lone surrogate, a NaN or a raw newline in a
// string has that field held; its other fields and all others arrive, at once and
// in every run, and the value arrives when it is mended.
func TestC5_2_BrokenJSONHoldsItsField(t *testing.T) {
	for _, form := range []string{"surrogate", "nan", "newline"} {
		t.Run(form, func(t *testing.T) {
			w := newWorld(t)
			acme := w.qb.AddCustomer(customer("Acme"))
			w.qb.AddCustomer(customer("Best"))
			w.sync()
			end := armed(t, w.qb, fmt.Sprintf(`{"object":"customer","match":{"website":"https://acme.example"},"effect":"malform","fields":["description"],"form":"%s"}`, form))
			_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New", "industry": "Steel"})
			w.qb.AddCustomer(customer("Cole"))
			for range 2 {
				w.sync()
				w.wantHeld("qbench", "customer "+ledger.HoldBadValue)
				if h := w.held("qbench"); len(h) == 1 && (h[0].Field != "description" || strings.Contains(h[0].Detail, "New")) {
					t.Errorf("held %+v", h[0])
				}
				if a := w.account("Acme"); a["Industry"] != "Steel" || a["Description"] != "A lab" {
					t.Errorf("Industry %q, Description %q", a["Industry"], a["Description"])
				}
				w.account("Cole")
			}
			end()
			w.sync()
			w.wantHeld("qbench")
			if got := w.account("Acme")["Description"]; got != "New" {
				t.Errorf("Description %q once it is mended", got)
			}
		})
	}
}
