package closeiosim_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"crmsyncd/providers/closeio/closeiosim"
)

// fuzzed answers a request of any shape, and checks that the answer is one that
// Close could give.
func fuzzed(t *testing.T, sim *closeiosim.Sim, method, path, body string) {
	t.Helper()
	r, err := http.NewRequest(method, "http://x/api/v1"+path, strings.NewReader(body))
	if err != nil {
		return
	}
	r.SetBasicAuth(closeiosim.DefaultAPIKey, "")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, r)
	if w.Code >= 500 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if w.Code != http.StatusForbidden && w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
		t.Fatalf("status %d with no JSON: %q", w.Code, w.Body)
	}
}

func FuzzSearch(f *testing.F) {
	b := newBed(&testing.T{}, closeiosim.Options{Seed: 1, Accounts: 5, ContactsPerAccount: 1})
	f.Add(asJSON(since("lead", "2020-01-01T00:00:00Z", "id", "custom.cf_x")))
	f.Add(`{"query":{"type":"and","negate":true,"queries":[{"type":"object_type","object_type":"contact"},{"type":"id","value":"x"}]},"_limit":1}`)
	f.Add(`{"query":{"type":"and","queries":[{"type":"object_type","object_type":"lead"},{"type":"not","query":{"type":"field_condition","field":{"type":"regular_field","object_type":"lead","field_name":"name"},"condition":{"type":"text","mode":"phrase","value":"a"}}}]},"sort":[{"direction":"desc","field":{"type":"regular_field","object_type":"lead","field_name":"url"}}]}`)
	f.Add(`{"query":{"type":"object_type","object_type":"lead"},"results_limit":-1}`)
	f.Fuzz(func(t *testing.T, body string) { fuzzed(t, b.sim, "POST", "/data/search/", body) })
}

func FuzzWrite(f *testing.F) {
	b := newBed(&testing.T{}, closeiosim.Options{})
	id := b.sim.AddLead(closeiosim.Fields{"name": "Acme"})
	person := b.sim.AddContact(id, closeiosim.Fields{"name": "Ann"})
	deal := b.sim.AddOpportunity(id, closeiosim.Fields{})
	chore := b.sim.AddTask(id, closeiosim.Fields{})
	paths := []string{"/lead/" + id + "/", "/contact/" + person + "/", "/opportunity/" + deal + "/", "/task/" + chore + "/"}
	f.Add(uint8(0), `{"name":"x","addresses":[{"city":"y"}]}`)
	f.Add(uint8(1), `{"emails":[{"email":"a@b"}],"phones":[{"phone":"+1"},{"phone":"00"}],"urls":null}`)
	f.Add(uint8(2), `{"value":-1,"value_currency":"KWD","date_won":"2026-01-01"}`)
	f.Add(uint8(3), `{"date":"2026-01-01T00:00","is_complete":true}`)
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		path := paths[int(which)%len(paths)]
		fuzzed(t, b.sim, "PUT", path, body)
		fuzzed(t, b.sim, "GET", path, "")
	})
}

func FuzzList(f *testing.F) {
	b := newBed(&testing.T{}, closeiosim.Options{Seed: 1, Accounts: 5, ContactsPerAccount: 1})
	for _, q := range []string{"/task/?date__lt=2026-01-01&_order_by=-date", "/event/?_cursor=ec_n_1_1", "/opportunity/?date_updated__gt=x", "/lead/?_fields=_all", "/user/?_order_by=x"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if strings.HasPrefix(path, "/") {
			fuzzed(t, b.sim, "GET", path, "")
		}
	})
}
