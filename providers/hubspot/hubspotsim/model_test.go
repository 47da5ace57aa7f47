package hubspotsim_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Random batches against a plain map: whatever mix of upserts, updates,
// renames, archives and merges, the portal holds what the map holds, and every
// way of reading shows it.
func TestStoreAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := newPortal(t)
		model := map[string]string{} // key → city
		ids := map[string]string{}
		key := rapid.StringMatching(`[a-e]`)
		city := rapid.StringMatching(`[A-C]{0,1}`)
		rt.Repeat(map[string]func(*rapid.T){
			"upsert": func(rt *rapid.T) {
				keys := rapid.SliceOfNDistinct(key, 1, 4, rapid.ID).Draw(rt, "keys")
				bad := rapid.IntRange(-3, len(keys)-1).Draw(rt, "bad")
				var list []string
				cities := make([]string, len(keys))
				for i, k := range keys {
					cities[i] = city.Draw(rt, "city")
					fields := fmt.Sprintf(`"name":"N","city":%q`, cities[i])
					if i == bad {
						fields += `,"industry":"nope"`
					}
					list = append(list, upsert(k, fields))
				}
				want := http.StatusOK
				if bad >= 0 {
					want = http.StatusMultiStatus
				}
				for _, r := range into[many](p, p.do("POST", v9+"/companies/batch/upsert", inputs(list...)), want).Results {
					k := r.Trace[2:]
					if _, there := model[k]; there == *r.New {
						rt.Fatalf("%s: new %v, there before %v", k, *r.New, there)
					}
					for i := range keys {
						if keys[i] == k {
							model[k], ids[k] = cities[i], r.ID
						}
					}
				}
			},
			"archive": func(rt *rapid.T) {
				k := key.Draw(rt, "key")
				if _, there := model[k]; !there {
					return
				}
				if a := p.do("DELETE", v9+"/companies/"+ids[k], ""); a.status != http.StatusNoContent {
					rt.Fatalf("archive %s: %d", k, a.status)
				}
				delete(model, k)
			},
			"rename": func(rt *rapid.T) {
				from, to := key.Draw(rt, "from"), key.Draw(rt, "to")
				_, there := model[from]
				_, taken := model[to]
				if !there {
					return
				}
				a := p.do("PATCH", v9+"/companies/"+ids[from], `{"properties":{"qbench_customer_id":"`+to+`"}}`)
				if (a.status == http.StatusOK) != (!taken || from == to) {
					rt.Fatalf("rename %s to %s: %d", from, to, a.status)
				}
				if a.status == http.StatusOK && from != to {
					model[to], ids[to] = model[from], ids[from]
					delete(model, from)
				}
			},
			"merge": func(rt *rapid.T) {
				win, lose := key.Draw(rt, "win"), key.Draw(rt, "lose")
				_, there := model[win]
				_, thereToo := model[lose]
				if !there || !thereToo || win == lose {
					return
				}
				p.ok(p.Merge("companies", ids[win], ids[lose]))
				if model[win] == "" {
					model[win] = model[lose]
				}
				delete(model, lose)
			},
			"": func(rt *rapid.T) {
				listed, read, searched := map[string]string{}, map[string]string{}, map[string]string{}
				for _, r := range into[many](p, p.do("GET", v9+"/companies?limit=100&properties=city,qbench_customer_id", ""), http.StatusOK).Results {
					listed[r.get("qbench_customer_id")] = r.get("city")
				}
				a := p.do("POST", v9+"/companies/batch/read", `{"properties":["city","qbench_customer_id"],"idProperty":"qbench_customer_id","inputs":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d"},{"id":"e"}]}`)
				for _, r := range into[many](p, a, a.status).Results {
					read[r.get("qbench_customer_id")] = r.get("city")
				}
				a = p.do("POST", v9+"/companies/search", `{"limit":200,"properties":["city","qbench_customer_id"],"filterGroups":[{"filters":[{"propertyName":"qbench_customer_id","operator":"IN","values":["a","b","c","d","e"]}]}]}`)
				for _, r := range into[many](p, a, http.StatusOK).Results {
					searched[r.get("qbench_customer_id")] = r.get("city")
				}
				for name, got := range map[string]map[string]string{"list": listed, "batch read": read, "search": searched} {
					if diff := cmp.Diff(model, got); diff != "" {
						rt.Fatalf("%s (-model +portal):\n%s", name, diff)
					}
				}
			},
		})
	})
}

// Random ties against a plain map of pairs: both ends always agree, and each
// contact has one primary company at most.
func TestTiesAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := newPortal(t)
		var contacts, companies []string
		for i := range 3 {
			contacts = append(contacts, p.must("contacts", "firstname", fmt.Sprint(i)))
			companies = append(companies, p.must("companies", "name", fmt.Sprint(i)))
		}
		tied, primary := map[[2]int]bool{}, map[int]int{}
		pick := rapid.IntRange(0, 2)
		rt.Repeat(map[string]func(*rapid.T){
			"tie": func(rt *rapid.T) {
				n, m, first := pick.Draw(rt, "contact"), pick.Draw(rt, "company"), rapid.Bool().Draw(rt, "primary")
				in := tie(contacts[n], companies[m], 279)
				if first {
					in = tie(contacts[n], companies[m], 1)
					primary[n] = m + 1
				}
				into[many](p, p.do("POST", ties9+"create", inputs(in)), http.StatusOK)
				tied[[2]int{n, m}] = true
			},
			"untie": func(rt *rapid.T) {
				n, m := pick.Draw(rt, "contact"), pick.Draw(rt, "company")
				p.do("DELETE", v9+"/companies/"+companies[m]+"/associations/contacts/"+contacts[n], "")
				delete(tied, [2]int{n, m})
				if primary[n] == m+1 {
					delete(primary, n)
				}
			},
			"": func(rt *rapid.T) {
				for n := range 3 {
					for m := range 3 {
						want := ""
						if tied[[2]int{n, m}] {
							want = "279"
						}
						if primary[n] == m+1 {
							want = "1,279"
						}
						back := ""
						for _, a := range p.Associations("companies", companies[m], "contacts") {
							if a.ToID == contacts[n] {
								back = "279"
								if a.Primary() {
									back = "1,279"
								}
							}
						}
						if got := p.types(contacts[n], companies[m]); got != want || back != want {
							rt.Fatalf("contact %d, company %d: got %q and %q from the other end, want %q", n, m, got, back, want)
						}
					}
				}
			},
		})
	})
}

func TestManyClientsAtOnce(t *testing.T) {
	p := newPortal(t)
	p.SetSearchLag(1)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 20 {
				p.do("POST", v9+"/companies/batch/upsert", inputs(upsert(fmt.Sprint(i), fmt.Sprintf(`"name":"N%d"`, w))))
				p.do("POST", v9+"/companies/search", `{"sorts":["name"]}`)
				p.do("GET", v9+"/companies?limit=100", "")
				p.Audit()
			}
		})
	}
	wg.Wait()
	if n := p.Count("companies"); n != 20 {
		t.Errorf("got %d companies, want 20: keys are unique however many write", n)
	}
}
