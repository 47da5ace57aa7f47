package closeio_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/closeio"
	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/internal/faults"
)

// TestRateLimit: the header of every answer keeps the calls below the limit,
// though its reset has a fraction; no call is refused.
func TestRateLimit(t *testing.T) {
	bubble(t, closeiosim.Options{RateLimit: 10}, func(t *testing.T, l lab) {
		ids := l.leads(100)
		began := time.Now()
		for _, id := range ids {
			if _, _, err := l.Get(t.Context(), closeio.Lead, fields(), []string{id}); err != nil {
				t.Fatal(err)
			}
		}
		if n := l.calls("limited"); n > 3 {
			t.Errorf("%d calls were refused for their rate: %v", n, l.sim.Calls())
		}
		if took := time.Since(began); took < 40*time.Second || took > 3*time.Minute {
			t.Errorf("100 calls at two a second took %v", took)
		}
	})
}

// TestRefusedForRate: a refusal for the rate is waited out as long as its header
// says, rounded up, and in the older forms; other groups of endpoints go on.
func TestRefusedForRate(t *testing.T) {
	for name, tc := range map[string]struct {
		rule      faults.Rule
		low, high time.Duration
	}{
		"header":    {faults.Rule{Header: map[string]string{"RateLimit": "limit=100, remaining=0, reset=7.2", "Retry-After": "1"}}, 8 * time.Second, 9 * time.Second},
		"instantly": {faults.Rule{Header: map[string]string{"RateLimit": "limit=100, remaining=0, reset=0.01"}}, time.Second, 2 * time.Second},
		"standard":  {faults.Rule{Header: map[string]string{"Retry-After": "5"}}, 5 * time.Second, 6 * time.Second},
		"body":      {faults.Rule{Body: `{"error":{"rate_reset":3.4}}`}, 4 * time.Second, 5 * time.Second},
		"old body":  {faults.Rule{Body: `{"rate_reset":3}`}, 3 * time.Second, 4 * time.Second},
		"nothing":   {faults.Rule{}, 2 * time.Second, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
				ids := l.leads(1)
				tc.rule.Path, tc.rule.From, tc.rule.Status = "/lead/", 1, http.StatusTooManyRequests
				l.sim.Faults().Add(tc.rule)
				began := time.Now()
				if _, _, err := l.Get(t.Context(), closeio.Lead, fields(), ids); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took < tc.low || took > tc.high {
					t.Errorf("it waited %v, want %v to %v", took, tc.low, tc.high)
				}
			})
		})
	}
}

// TestF23_NoSleepTillTomorrow: a wait of a day ends the run in passing; the next
// slot goes on.
func TestF23_NoSleepTillTomorrow(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		l.leads(3)
		l.sim.Faults().Add(faults.Rule{
			Path: "/data/search/", From: 1, To: -1, Status: 429, Header: map[string]string{"RateLimit": "limit=1, remaining=0, reset=80000"},
		})
		began := time.Now()
		r := l.read(t, l.Client, leadQuery(""), nil)
		if took := time.Since(began); providers.KindOf(r.err) != providers.Transient || r.err == nil || took > 20*time.Minute {
			t.Errorf("after %v: %v", took, r.err)
		}
	})
}

// TestGroups: one group that is refused does not hold up another.
func TestGroups(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		ids := l.leads(1)
		l.sim.Faults().Add(faults.Rule{Path: "/lead/", From: 1, Status: 429, Header: map[string]string{"RateLimit": "limit=1, remaining=0, reset=60"}})
		done := make(chan error)
		go func() {
			_, _, err := l.Get(t.Context(), closeio.Lead, fields(), ids)
			done <- err
		}()
		time.Sleep(time.Second)
		began := time.Now()
		if _, err := l.Describe(t.Context(), closeio.Lead); err != nil || time.Since(began) > 5*time.Second {
			t.Errorf("the schema took %v, %v", time.Since(began), err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestErrors: how far each refusal of a listing reaches, in one line.
func TestErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		rule faults.Rule
		kind providers.Kind
		say  string
	}{
		"plan":       {faults.Rule{Status: 402, Body: `{"error":"Upgrade"}`}, providers.Denied, "Upgrade"},
		"role":       {faults.Rule{Status: 403, Body: "Forbidden", Header: map[string]string{"Content-Type": "application/json"}}, providers.Denied, "Forbidden"},
		"key":        {faults.Rule{Status: 401, Body: `{"error":"Unauthorized"}`}, providers.Denied, "another organization"},
		"validation": {faults.Rule{Status: 400, Body: `{"errors":["Bad"],"field-errors":{"query":{"queries":["x"]}}}`}, providers.Broken, "Bad query: "},
		"method":     {faults.Rule{Status: 405}, providers.Broken, "405"},
		"gone":       {faults.Rule{Status: 404, Body: `{"error":"Empty query"}`}, providers.Broken, "Empty"},
		"edge":       {faults.Rule{Status: 400, Body: "<html><title>Blocked</title></html>"}, providers.Broken, "Blocked"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
				tc.rule.Path, tc.rule.From, tc.rule.To = "/data/search/", 1, -1
				l.sim.Faults().Add(tc.rule)
				r := l.read(t, l.Client, leadQuery(""), nil)
				var e *providers.Error
				if !errors.As(r.err, &e) || e.Kind != tc.kind || !strings.Contains(e.Error(), tc.say) || strings.Contains(e.Error(), "\n") {
					t.Errorf("got %v", r.err)
				}
			})
		})
	}
}

// TestRefusedForAField: where Close refuses a question that names a field which
// is gone meanwhile, it is asked without it.
func TestRefusedForAField(t *testing.T) {
	for _, deleted := range []bool{true, false} {
		bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
			ids := l.leads(3)
			l.sim.Faults().Add(faults.Rule{
				Path: "/data/search/", From: 1, Status: 400, Body: `{"field-errors":{"_fields":"Unknown"}}`,
				Match: func(*http.Request) bool {
					if deleted {
						_ = l.sim.DeleteCustomField("lead", "Renewal Date")
					}
					return true
				},
			})
			r := l.read(t, l.Client, leadQuery(""), nil)
			if !deleted {
				if providers.KindOf(r.err) != providers.Broken || r.err == nil {
					t.Errorf("got %v", r.err)
				}
				return
			}
			r.whole(t, ids)
			if len(r.gone) != 1 || r.rows[ids[1]][2] != "" || r.rows[ids[1]][1] != "-" {
				t.Errorf("gone %q, rows %q", r.gone, r.rows)
			}
		})
	}
}

// TestManyFields: where the names of all fields make an address too long, one
// word asks for all custom fields.
func TestManyFields(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		lead := l.sim.AddLead(closeiosim.Fields{"name": "Lab"})
		all := fields()
		values := closeiosim.Fields{"note": "x"}
		for i := range 120 {
			name := "Field " + strings.Repeat("x", i%7) + time.Duration(i).String()
			if _, err := l.sim.AddCustomField(closeiosim.CustomField{Name: name, Type: "text", Objects: []string{"opportunity"}}); err != nil {
				t.Fatal(err)
			}
			all = append(all, fields("custom."+name, record.Text)...)
			values["custom."+name] = name
		}
		id := l.sim.AddOpportunity(lead, values)
		q := providers.Query{Object: closeio.Opportunity, Fields: all}
		r := l.read(t, l.Client, q, nil)
		r.whole(t, []string{id})
		for i, f := range all {
			if "custom."+r.rows[id][i] != f.Name {
				t.Fatalf("%s came as %q", f.Name, r.rows[id][i])
			}
		}
		found, _, err := l.Get(t.Context(), closeio.Opportunity, all, []string{id})
		if err != nil || len(found) != 1 || texts(t, l.Client, q, &found[0])[119] == "-" {
			t.Errorf("by id: %d, %v", len(found), err)
		}
	})
}
