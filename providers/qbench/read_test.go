package qbench_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/providertest"
	"crmsyncd/providers/qbench"
	"crmsyncd/providers/qbench/qbenchsim"
)

// result is what a whole Read yielded.
type result struct {
	ids   []string
	lasts int
	total int
	pages int
	err   error
}

func read(t *testing.T, p pair, q providers.Query, after func(page int)) result {
	t.Helper()
	var r result
	for page, err := range p.Read(t.Context(), q) {
		if err != nil {
			r.err = err
			continue
		}
		r.pages++
		r.total = page.Total
		if page.Last {
			r.lasts++
		}
		for _, rec := range page.Records {
			r.ids = append(r.ids, rec.ID)
		}
		if after != nil {
			after(r.pages)
		}
	}
	return r
}

func customers() providers.Query {
	return providers.Query{Object: qbench.Customer, Fields: customerFields(), Full: true}
}

func atoi(t *testing.T, id string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// F6: a listing calls itself complete only when everything was seen.
func TestF6_ListingThatShiftsIsReadAgain(t *testing.T) {
	tests := []struct {
		name        string
		newestFirst bool
		change      func(t *testing.T, sim *qbenchsim.Sim, ids []string) // after page 2 of the first walk
		pages       int
	}{
		{"one before us goes and pulls one behind us", false, func(t *testing.T, sim *qbenchsim.Sim, ids []string) {
			t.Helper()
			sim.DeleteCustomer(atoi(t, ids[0]))
		}, 10},
		{"several go, the last page too", false, func(t *testing.T, sim *qbenchsim.Sim, ids []string) {
			t.Helper()
			for _, id := range ids[:6] {
				sim.DeleteCustomer(atoi(t, id))
			}
		}, 8},
		{"one comes at the front and shifts the rest", true, func(_ *testing.T, sim *qbenchsim.Sim, _ []string) {
			sim.AddCustomer(qbenchsim.Fields{"customer_name": "New"})
		}, 10},
		{"one comes at the end and is seen", false, func(_ *testing.T, sim *qbenchsim.Sim, _ []string) {
			sim.AddCustomer(qbenchsim.Fields{"customer_name": "New"})
		}, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, qbenchsim.Options{NewestFirst: tt.newestFirst}, nil)
				ids := fill(p.sim, records)
				r := read(t, p, customers(), func(page int) {
					if page == 2 {
						tt.change(t, p.sim, ids)
					}
				})
				if r.err != nil || r.lasts != 1 || r.pages != tt.pages {
					t.Errorf("%d pages (want %d), %d called the last, error %v", r.pages, tt.pages, r.lasts, r.err)
				}
				for _, id := range p.sim.CustomerIDs() {
					if !slices.Contains(r.ids, strconv.FormatInt(id, 10)) {
						t.Errorf("record %d was missed", id)
					}
				}
			})
		})
	}
}

// F6: a source that never holds still gives no proof.
func TestF6_ListingThatNeverAddsUpFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, qbenchsim.Options{}, nil)
		ids := fill(p.sim, records)
		r := read(t, p, customers(), func(page int) { p.sim.DeleteCustomer(atoi(t, ids[page])) })
		if r.lasts != 0 || providers.KindOf(r.err) != providers.Transient || r.err == nil {
			t.Errorf("%d pages called the last, error %v", r.lasts, r.err)
		}
	})
}

// F6: what a lying server says.
func TestF6_CountsMustAgree(t *testing.T) {
	row := func(ids ...int) string {
		var rows []string
		for _, id := range ids {
			rows = append(rows, fmt.Sprintf(`{"id":%d}`, id))
		}
		return "[" + strings.Join(rows, ",") + "]"
	}
	tests := []struct {
		name string
		page func(n int) string
		kind providers.Kind
		last bool
	}{
		{"empty", func(int) string { return `{"total_count":0,"total_pages":0,"data":[]}` }, 0, true},
		{"whole", func(n int) string { return fmt.Sprintf(`{"total_count":2,"total_pages":2,"data":%s}`, row(n)) }, 0, true},
		{"a repeated row", func(n int) string {
			return fmt.Sprintf(`{"total_count":3,"total_pages":2,"data":%s}`, row(n, n+1))
		}, 0, true},
		{"fewer pages than promised", func(n int) string {
			return fmt.Sprintf(`{"total_count":2,"total_pages":9,"data":%s}`, row([]int{1, 2}[:max(0, 4-2*n)]...))
		}, providers.Transient, false},
		{"zero rows, some counted", func(int) string { return `{"total_count":7,"total_pages":2,"data":[]}` }, providers.Transient, false},
		{"rows missing", func(int) string { return `{"total_count":7,"total_pages":1,"data":` + row(1) + `}` }, providers.Transient, false},
		{"pages without end", func(n int) string {
			return fmt.Sprintf(`{"total_count":99999,"total_pages":%d,"data":%s}`, n+1, row(1, 2))
		}, providers.Transient, false},
		{"no total_count", func(int) string { return `{"total_pages":1,"data":` + row(1) + `}` }, providers.Broken, false},
		{"no total_pages", func(int) string { return `{"total_count":1,"data":` + row(1) + `}` }, providers.Broken, false},
		{"text total_count", func(int) string { return `{"total_count":"1","total_pages":1,"data":` + row(1) + `}` }, providers.Broken, false},
		{"negative total", func(int) string { return `{"total_count":-1,"total_pages":1,"data":[]}` }, providers.Broken, false},
		{"fractional total", func(int) string { return `{"total_count":1.0,"total_pages":1,"data":` + row(1) + `}` }, providers.Broken, false},
		{"no id", func(int) string { return `{"total_count":1,"total_pages":1,"data":[{"name":"x"}]}` }, providers.Broken, false},
		{"null record", func(int) string { return `{"total_count":1,"total_pages":1,"data":[null]}` }, providers.Broken, false},
		{"null list", func(int) string { return `{"total_count":1,"total_pages":1,"data":null}` }, providers.Broken, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, qbenchsim.Options{}, func(c *qbench.Config) { c.Transport = scripted(tt.page) })
				r := read(t, p, providers.Query{Object: qbench.Customer}, nil)
				if (r.lasts == 1) != tt.last || (r.err == nil) != tt.last || !tt.last && providers.KindOf(r.err) != tt.kind {
					t.Errorf("%d last, error %v", r.lasts, r.err)
				}
				slices.Sort(r.ids)
				if tt.last && len(slices.Compact(slices.Clone(r.ids))) != len(r.ids) {
					t.Errorf("a record came twice: %v", r.ids)
				}
			})
		})
	}
}

// scripted answers every list with page(n), and the token exchange.
func scripted(page func(n int) string) *providertest.Wire {
	return &providertest.Wire{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "oauth2") {
			_, _ = w.Write([]byte(`{"access_token":"t","expires_in":3600}`))
			return
		}
		n, _ := strconv.Atoi(r.URL.Query().Get("page_num"))
		_, _ = w.Write([]byte(page(n)))
	})}
}

func TestF6_ListingWithoutTotalCount(t *testing.T) {
	for _, n := range []int{0, 1, pageSize, records} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, qbenchsim.Options{OmitTotalCount: true}, func(c *qbench.Config) { c.API = qbench.V2 })
			ids := fill(p.sim, n)
			r := read(t, p, customers(), nil)
			if r.err != nil || r.lasts != 1 || len(r.ids) != n {
				t.Errorf("%d of %d records, %d last, error %v", len(r.ids), n, r.lasts, r.err)
			}
			if n < records {
				return
			}
			r = read(t, p, customers(), func(page int) {
				if page == 2 {
					p.sim.DeleteCustomer(atoi(t, ids[0]))
				}
			})
			if !slices.Contains(r.ids, ids[2*pageSize]) || r.lasts != 1 {
				t.Errorf("the shift was not noticed: %v, %d last", r.err, r.lasts)
			}
		})
	}
}

// R9, R11: ids go through as the text that was sent, and a decimal one is
// reported for its record alone.
func TestR9_R11_IdsAreText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := `{"total_count":4,"total_pages":1,"data":[{"id":9007199254740993},{"id":"00012"},{"id":12345.0},{"id":"12345.0"}]}`
		p := newPair(t, qbenchsim.Options{}, func(c *qbench.Config) {
			c.Transport = scripted(func(int) string { return strings.Replace(body, `,{"id":"12345.0"}`, `,{"id":7}`, 1) })
		})
		id := record.Field{Name: "id", Type: record.ID}
		q := providers.Query{Object: qbench.Customer, Fields: []record.Field{id}}
		var got []string
		for page, err := range p.Read(t.Context(), q) {
			if err != nil {
				t.Fatal(err)
			}
			for _, rec := range page.Records {
				v, err := p.Convert(qbench.Customer, id, rec.Raw[0])
				got = append(got, fmt.Sprint(rec.ID, " ", v.Text(), " ", err))
				if err != nil && providers.KindOf(err) != providers.Rejected {
					t.Errorf("got kind %v", providers.KindOf(err))
				}
			}
		}
		want := []string{
			"9007199254740993 9007199254740993 <nil>", "00012 00012 <nil>",
			"12345.0  read customer.id: " + record.ErrDecimalID.Error(), "7 7 <nil>",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAddressForms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, qbenchsim.Options{}, nil)
		for _, a := range []any{"1 Main St", qbenchsim.Address{Street: "2 Main St", City: "Hamburg"}, nil, qbenchsim.Absent{}} {
			p.sim.AddCustomer(qbenchsim.Fields{"customer_name": "x", "address": a})
		}
		fields := []record.Field{{Name: "address.city", Type: record.Text}, {Name: "address.street", Type: record.Text}}
		var got []string
		for page, err := range p.Read(t.Context(), providers.Query{Object: qbench.Customer, Fields: fields}) {
			if err != nil {
				t.Fatal(err)
			}
			for _, rec := range page.Records {
				got = append(got, string(rec.Raw[0])+"|"+string(rec.Raw[1]))
			}
		}
		want := []string{`|"1 Main St"`, `"Hamburg"|"2 Main St"`, "null|null", "|"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestUpdatedFieldGivesTheVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, qbenchsim.Options{LastUpdated: true}, func(c *qbench.Config) { c.UpdatedField = "last_updated" })
		fill(p.sim, 1)
		for page, err := range p.Read(t.Context(), customers()) {
			if err != nil || !page.Records[0].Version.Equal(time.Now()) {
				t.Errorf("version %v, error %v", page.Records[0].Version, err)
			}
		}
	})
}

// R173: the address fields of contacts must have been added in QBench;
// what the sample shows is all that can be told.
func TestR173_DescribeShowsAddedFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, qbenchsim.Options{}, nil)
		p.sim.AddContact(qbenchsim.Fields{"last_name": "A", "street": nil, "city": "Hamburg"})
		p.sim.AddContact(qbenchsim.Fields{"last_name": "B", "street": "1 Main St", "address": qbenchsim.Address{City: "Kiel"}})
		schema, err := p.Describe(t.Context(), qbench.Contact)
		if err != nil || !schema.Partial {
			t.Fatal(schema.Partial, err)
		}
		for name, kind := range map[string]string{
			"id": "number", "street": "string", "city": "string", "address.city": "string", "customer_ids": "array", "fax": "null", "tags": "array",
		} {
			if got := schema.Fields[name]; got.Type != kind || got.Name != name {
				t.Errorf("%s: got %+v, want %s", name, got, kind)
			}
		}
		for _, absent := range []string{"state", "postal_code", "country"} {
			if _, ok := schema.Fields[absent]; ok {
				t.Errorf("%s was never added", absent)
			}
		}
		p.sim.Configure(func(o *qbenchsim.Options) { o.Hidden = []string{"city"} })
		if schema, err = p.Describe(t.Context(), qbench.Contact); err != nil {
			t.Fatal(err)
		}
		if _, ok := schema.Fields["city"]; ok {
			t.Error("city was taken away and is still described")
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	ok := qbench.Config{BaseURL: "https://x.qbench.net", ClientID: "a", Secret: func() (string, error) { return "b", nil }}
	if _, err := qbench.New(ok); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*qbench.Config){
		"base URL":           func(c *qbench.Config) { c.BaseURL = "x.qbench.net" },
		"api must be":        func(c *qbench.Config) { c.API = "v3" },
		"client id":          func(c *qbench.Config) { c.ClientID = "" },
		"client secret":      func(c *qbench.Config) { c.Secret = nil },
		"page_size":          func(c *qbench.Config) { c.PageSize = 51 },
		"contacts_from must": func(c *qbench.Config) { c.ContactsFrom = "flat" },
		"needs api: v2":      func(c *qbench.Config) { c.ContactsFrom = qbench.FromCall },
	} {
		cfg := ok
		change(&cfg)
		if _, err := qbench.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	ok.PageSize, ok.MaxPageSize = 500, 1000
	if _, err := qbench.New(ok); err != nil {
		t.Errorf("the lifted limit was not heeded: %v", err)
	}
}

func TestIdentityIsTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, qbenchsim.Options{}, nil)
		got, err := p.Identify(t.Context())
		if err != nil || got.Org != "lab.qbench.example" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// C5.2: a record whose id cannot be read is counted and left out; the others
// come, and the listing is complete.
func TestC5_2_RecordThatCannotBeToldApart(t *testing.T) {
	for _, bad := range []string{`"\ud83d"`, "NaN", "\"a\nb\""} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, qbenchsim.Options{}, nil)
			ids := fill(p.sim, 2*pageSize+1)
			p.wire.Twist = func(_ *http.Request, status int, body []byte) (int, []byte) {
				return status, regexp.MustCompile(`"id":\s*`+ids[1]+`\b`).ReplaceAll(body, []byte(`"id":`+bad))
			}
			seen, lost, last := 0, 0, false
			for page, err := range p.Read(t.Context(), providers.Query{Object: qbench.Customer, Fields: customerFields(), Full: true}) {
				if err != nil {
					t.Fatal(bad, err)
				}
				seen, lost, last = seen+len(page.Records), lost+page.Unreadable, page.Last
			}
			if seen != len(ids)-1 || lost != 1 || !last {
				t.Errorf("%s: %d of %d, %d lost, complete %v", bad, seen, len(ids), lost, last)
			}
		})
	}
}
