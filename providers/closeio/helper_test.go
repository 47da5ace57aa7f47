package closeio_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/closeio"
	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/providertest"
)

// lab is a client beside a simulated organization, for use in a bubble.
type lab struct {
	*closeio.Client
	sim  *closeiosim.Sim
	wire *providertest.Wire
}

func newLab(t testing.TB, opt closeiosim.Options, change func(*closeio.Config)) lab {
	t.Helper()
	opt.Clock = serverNow
	sim, err := closeiosim.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	wire := &providertest.Wire{Handler: sim}
	return lab{connect(t, wire, change), sim, wire}
}

// serverNow is the time in Close, which is far from the local one: positions must
// follow the server's clock and no other.
func serverNow() time.Time { return time.Now().AddDate(26, 10, 21) }

// connect makes one more client of an organization, as another process would.
func connect(t testing.TB, wire *providertest.Wire, change func(*closeio.Config)) *closeio.Client {
	t.Helper()
	cfg := closeio.Config{Transport: wire, Auth: closeio.Auth{
		Method: closeio.APIKey, Key: func() (string, error) { return closeiosim.DefaultAPIKey, nil },
	}}
	if change != nil {
		change(&cfg)
	}
	c, err := closeio.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// leads makes n leads whose times of creation and change lie a minute apart and
// end at least a day ago.
func (l lab) leads(n int) []string {
	from := serverNow().Add(-24*time.Hour - time.Duration(n)*time.Minute)
	var ids []string
	for i := range n {
		f := closeiosim.Fields{"name": fmt.Sprintf("Lab %d", i), "date_created": from.Add(time.Duration(i) * time.Minute)}
		if i%2 == 0 {
			f["custom.AccountExternalID"] = fmt.Sprintf("E%d", i)
		}
		ids = append(ids, l.sim.AddLead(f))
	}
	l.sim.CatchUp()
	return ids
}

// bulk makes n leads, a second apart, the last one a day ago.
func (l lab) bulk(n int) {
	l.sim.Bulk(closeiosim.BulkOptions{Leads: n, Start: serverNow().Add(-24*time.Hour - time.Duration(n)*time.Second)})
}

func fields(pairs ...any) []record.Field {
	var out []record.Field
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, record.Field{Name: pairs[i].(string), Type: pairs[i+1].(record.Type)})
	}
	return out
}

func leadFields() []record.Field {
	return fields("display_name", record.Text, "custom.AccountExternalID", record.ID, "custom.Renewal Date", record.Date)
}

// reading is everything that a Read yielded.
type reading struct {
	rows    map[string][]string // the last text of each record; "-" null, "" missing
	seen    map[string]int
	pages   []record.Page // without records
	gone    []string
	ignored int
	next    record.Cursor
	last    bool
	err     error
}

// read reads all that q asks for; stop is asked after each page.
func (l lab) read(t testing.TB, c *closeio.Client, q providers.Query, stop func(record.Page) bool) reading {
	t.Helper()
	r := reading{rows: map[string][]string{}, seen: map[string]int{}}
	for p, err := range c.Read(t.Context(), q) {
		if err != nil {
			r.err = err
			break
		}
		r.page(t, c, q, p)
		if stop != nil && stop(p) {
			break
		}
	}
	return r
}

func (r *reading) page(t testing.TB, c *closeio.Client, q providers.Query, p record.Page) {
	t.Helper()
	for i := range p.Records {
		rec := &p.Records[i]
		r.seen[rec.ID]++
		r.rows[rec.ID] = texts(t, c, q, rec)
	}
	r.gone, r.next, r.last = p.Gone, p.Next, p.Last
	r.ignored += p.Ignored
	p.Records = nil
	r.pages = append(r.pages, p)
}

func texts(t testing.TB, c *closeio.Client, q providers.Query, rec *record.Record) []string {
	t.Helper()
	var out []string
	for i, f := range q.Fields {
		v, err := c.Convert(q.Object, f, rec.Raw[i])
		switch {
		case err != nil:
			out = append(out, "!"+err.Error())
		case v.IsNull():
			out = append(out, "-")
		default:
			out = append(out, strings.Join(v.Elems(), "|"))
		}
	}
	return out
}

// whole checks that every one of ids came, and that the reading says so.
func (r *reading) whole(t testing.TB, ids []string) {
	t.Helper()
	if r.err != nil || !r.last {
		t.Fatalf("complete %v, error %v", r.last, r.err)
	}
	missing := 0
	for _, id := range ids {
		if r.seen[id] == 0 {
			missing++
		}
	}
	if missing > 0 {
		t.Fatalf("%d of %d records did not come", missing, len(ids))
	}
}

// once checks that nothing came twice.
func (r *reading) once(t testing.TB) {
	t.Helper()
	for id, n := range r.seen {
		if n != 1 {
			t.Errorf("record %s came %d times", id, n)
		}
	}
}

// calls sums the calls whose name has one of these beginnings; all for none.
func (l lab) calls(parts ...string) int {
	n := 0
	for name, count := range l.sim.Calls() {
		if len(parts) == 0 || slices.ContainsFunc(parts, func(p string) bool { return strings.HasPrefix(name, p) }) {
			n += count
		}
	}
	return n
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
