package hubspot_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/hubspot"
	"crmsyncd/providers/hubspot/hubspotsim"
)

// bubble runs a test beside a fresh portal, in virtual time.
func bubble(t *testing.T, opt hubspotsim.Options, change func(*hubspot.Config), test func(t *testing.T, l lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newLab(t, opt, change)) })
}

func contacts(n int, company string) []record.Patch {
	out := make([]record.Patch, n)
	for i := range out {
		out[i].Fields = []record.FieldValue{
			field("qbench_id", record.ID, record.Of(fmt.Sprintf("C%d", i))), text("email", fmt.Sprintf("c%d@larch.test", i)),
			text("firstname", "Ann"), text("lastname", fmt.Sprintf("Ash %d", i)),
			field("associations.company", record.Reference, record.Of(company)),
		}
	}
	return out
}

// hubspot-9.23: a hundred contacts are made with their companies by one call,
// and a hundred updates are one call as well.
func TestCallsOfABatch(t *testing.T) {
	bubble(t, hubspotsim.Options{}, nil, func(t *testing.T, l lab) {
		company := l.insert(t, "companies", "name", "Larch")
		res, err := l.Create(t.Context(), "contacts", contacts(100, company))
		if err != nil {
			t.Fatal(err)
		}
		var changes []record.Patch
		for _, r := range res {
			if ties := l.sim.Associations("contacts", r.ID, "companies"); r.Err != nil || len(ties) != 1 || ties[0].ToID != company || !ties[0].Primary() {
				t.Fatalf("%+v is tied to %+v", r, ties)
			}
			changes = append(changes, record.Patch{ID: r.ID, Fields: []record.FieldValue{text("firstname", "Bo")}})
		}
		if _, err := l.Update(t.Context(), "contacts", changes); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int{"create": 1, "update": 1, "token": 1}, l.Usage().Calls); diff != "" {
			t.Error(diff)
		}
		if u := l.Usage(); u.QuotaLimit != 0 && u.QuotaUsed == 0 {
			t.Errorf("usage %+v", u)
		}
	})
}

// hubspot-9.12: the portal moves the primary to where the update says, keeps
// the label that people set there, and nothing else moves.
func TestPortalMovesThePrimary(t *testing.T) {
	bubble(t, hubspotsim.Options{}, nil, func(t *testing.T, l lab) {
		label, _, err := l.sim.AddLabel("contacts", "companies", "Billing contact", "Billed by")
		if err != nil {
			t.Fatal(err)
		}
		from, to := l.insert(t, "companies", "name", "Larch"), l.insert(t, "companies", "name", "Moss")
		ann := l.insert(t, "contacts", "email", "ann@larch.test")
		if err := l.sim.Associate("contacts", ann, "companies", from, 1); err != nil {
			t.Fatal(err)
		}
		if err := l.sim.Associate("contacts", ann, "companies", to, label); err != nil {
			t.Fatal(err)
		}
		ask := fields("associations.company", record.Reference)
		primary := func() string {
			got, _, err := l.Get(t.Context(), "contacts", ask, []string{ann})
			if err != nil || len(got) != 1 {
				t.Fatal(got, err)
			}
			return string(got[0].Raw[0])
		}
		if p := primary(); p != `"`+from+`"` {
			t.Errorf("the primary is %s", p)
		}
		for range 2 {
			res, err := l.Update(t.Context(), "contacts", []record.Patch{{ID: ann, Fields: []record.FieldValue{company(to)}}})
			if err != nil || res[0].Err != nil {
				t.Fatal(res, err)
			}
		}
		if p := primary(); p != `"`+to+`"` {
			t.Errorf("the primary is %s", p)
		}
		for _, a := range l.sim.Associations("contacts", ann, "companies") {
			labeled := slices.ContainsFunc(a.Types, func(x hubspotsim.AssociationType) bool { return x.TypeID == label })
			if a.Primary() != (a.ToID == to) || labeled != (a.ToID == to) {
				t.Errorf("tie %+v", a)
			}
		}
		if n := l.Usage().Calls["update"]; n != 0 {
			t.Errorf("%d updates of properties", n)
		}
		// A company that is not there is that contact's trouble alone.
		bo := l.insert(t, "contacts", "email", "bo@larch.test")
		res, err := l.Update(t.Context(), "contacts", []record.Patch{
			{ID: ann, Fields: []record.FieldValue{company("99999")}}, {ID: bo, Fields: []record.FieldValue{company(to)}},
		})
		if err != nil || res[0].Err == nil || res[0].Err.Kind != providers.Rejected || res[1].Err != nil {
			t.Errorf("%s, %v", kinds(res), err)
		}
		res, err = l.Create(t.Context(), "contacts", append(contacts(2, to), contacts(3, "99999")[2:]...))
		if err != nil || res[0].Err != nil || res[1].Err != nil || res[2].Err == nil || res[2].Err.Kind != providers.Rejected {
			t.Errorf("%s, %v", kinds(res), err)
		}
	})
}

// hubspot-9.5, F4: a look-up finds at once what the search does not show yet,
// and a second create of it is refused.
func TestPortalWhoseSearchLags(t *testing.T) {
	bubble(t, hubspotsim.Options{SearchLag: 30 * time.Second}, nil, func(t *testing.T, l lab) {
		res, err := l.Create(t.Context(), "companies", l.someCompanies(1))
		if err != nil || res[0].Err != nil {
			t.Fatal(res, err)
		}
		key := record.Field{Name: "qbench_id", Type: record.ID}
		got, err := l.Find(t.Context(), "companies", fields("name", record.Text), key, values("N0", "none"))
		if err != nil || !slices.Equal(ids(got), []string{res[0].ID}) {
			t.Errorf("%v, %v", ids(got), err)
		}
		again, err := l.Create(t.Context(), "companies", l.someCompanies(1))
		if err != nil || again[0].Err == nil || again[0].Err.Kind != providers.Exists || l.sim.Count("companies") != 1 {
			t.Errorf("%+v, %v", again, err)
		}
	})
}

func (l lab) someCompanies(n int) []record.Patch {
	out := make([]record.Patch, n)
	for i := range out {
		out[i] = l.writes().Patch(i)
	}
	return out
}

// hubspot-9.3, hubspot-9.20, F3: in a portal whose index lags and that changes
// all the time, readings by the cursor miss nothing in the end.
func TestPortalThatChangesWhileRead(t *testing.T) {
	bubble(t, hubspotsim.Options{SearchLag: 45 * time.Second}, nil, func(t *testing.T, l lab) {
		made := l.fill(t, 450)
		q := providers.Query{Object: "companies", Fields: fields("name", record.Text)}
		held := map[string]string{}
		pull := func(edit bool) {
			n := 0
			for p, err := range l.Read(t.Context(), q) {
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range p.Records {
					held[r.ID] = string(r.Raw[0])
				}
				if p.Next != "" {
					q.Since = p.Next
				}
				for edit && n < 20*len(held) && n%20 != 19 {
					n++
					if err := l.sim.Edit("companies", made[n*7%len(made)], map[string]string{"name": fmt.Sprintf("Edited %d", n)}); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second)
				}
				n++
			}
		}
		for range 6 {
			pull(true)
			time.Sleep(15 * time.Minute)
		}
		pull(false)
		for _, id := range made {
			if want := `"` + l.sim.Record("companies", id)["name"] + `"`; held[id] != want {
				t.Errorf("record %s is %s, we hold %s", id, want, held[id])
			}
		}
	})
}

// hubspot-9.1: the portal's search ends at 10,000; the reading does not.
func TestPortalWithManyChanges(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes ten thousand records")
	}
	bubble(t, hubspotsim.Options{NoAudit: true}, nil, func(t *testing.T, l lab) {
		start := time.Now()
		time.Sleep(2 * time.Hour)
		l.fill(t, 10_101) // all in one moment of virtual time
		time.Sleep(2 * time.Hour)
		got := read(t, l.Client, providers.Query{Object: "companies", Fields: fields("name", record.Text), Since: cursorAt(start)})
		slices.Sort(got.ids)
		if n := len(slices.Compact(got.ids)); got.err != nil || n != 10_101 {
			t.Errorf("%d records, %v", n, got.err)
		}
	})
}

// hubspot-9.7, hubspot-9.8, F16: of a hundred contacts one is there already
// under a further address, and one has no e-mail that the portal takes.
func TestPortalRefusesSome(t *testing.T) {
	bubble(t, hubspotsim.Options{}, nil, func(t *testing.T, l lab) {
		company := l.insert(t, "companies", "name", "Larch")
		there := l.insert(t, "contacts", "email", "C40@larch.test")
		patches := contacts(100, company)
		patches[70].Fields[1].Value = record.Of("no e-mail at all")
		res, err := l.Create(t.Context(), "contacts", patches)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range res {
			switch {
			case i == 40 && (r.Err == nil || r.Err.Kind != providers.Exists || r.ID != there && r.ID != ""):
				t.Errorf("the twin: %+v", r)
			case i == 70 && (r.Err == nil || r.Err.Kind != providers.Rejected || r.Err.Code == "" || strings.Contains(r.Err.Error(), "at all")):
				t.Errorf("the bad one: %+v", r)
			case i != 40 && i != 70 && r.Err != nil:
				t.Errorf("record %d: %v", i, r.Err)
			}
		}
		if n := l.sim.Count("contacts"); n != 99 {
			t.Errorf("%d contacts", n)
		}
	})
}

// hubspot-9.10, F11: of three updates, one is of a record that was archived and
// one of a record that was merged; reading them tells which, and where to.
func TestPortalLosesRecords(t *testing.T) {
	bubble(t, hubspotsim.Options{}, nil, func(t *testing.T, l lab) {
		made := l.fill(t, 4)
		if err := l.sim.Delete("companies", made[1]); err != nil {
			t.Fatal(err)
		}
		if err := l.sim.Merge("companies", made[0], made[2]); err != nil {
			t.Fatal(err)
		}
		var patches []record.Patch
		for _, id := range made {
			patches = append(patches, record.Patch{ID: id, Fields: []record.FieldValue{text("phone", "1")}})
		}
		res, err := l.Update(t.Context(), "companies", patches)
		if err != nil || kinds(res) != made[0]+" missing missing "+made[3] {
			t.Errorf("%s, %v", kinds(res), err)
		}
		got, errs, err := l.Get(t.Context(), "companies", fields("name", record.Text), made)
		if err != nil || len(got) != 2 || len(errs) != 2 || errs[0].Ref.ID != made[2] || errs[0].Successor != made[0] || errs[0].Gone != providers.Told {
			t.Errorf("%v %v %v", ids(got), errs, err)
		}
		if e := errs[1]; e.Kind != providers.Missing || e.Ref.ID != made[1] || e.Gone != providers.Told || e.Successor != "" {
			t.Errorf("got %+v", e)
		}
		// The bin is emptied after 90 days; what is left is the answer for this id.
		l.sim.Purge()
		if _, errs, err = l.Get(t.Context(), "companies", nil, made[1:2]); err != nil || len(errs) != 1 || errs[0].Gone != providers.Answered {
			t.Errorf("%v %v", errs, err)
		}
		// hubspot-9.19: the archived one is missing from a complete listing.
		all := read(t, l.Client, providers.Query{Object: "companies", Fields: fields("name", record.Text), Full: true})
		if all.err != nil || !all.last().Last || slices.Contains(all.ids, made[1]) || len(all.ids) != 2 {
			t.Errorf("%v, %v", all.ids, all.err)
		}
	})
}

// F19: a property that was archived is missing from what is read, and never
// blank; the others come as before. Writing it is refused for the whole route.
func TestPortalWithoutAProperty(t *testing.T) {
	bubble(t, hubspotsim.Options{}, nil, func(t *testing.T, l lab) {
		made := l.fill(t, 1)
		if err := l.sim.ArchiveProperty("companies", "tags", true); err != nil {
			t.Fatal(err)
		}
		got, _, err := l.Get(t.Context(), "companies", fields("tags", record.MultiSet, "phone", record.Text), made)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := l.Convert("companies", record.Field{Name: "tags", Type: record.MultiSet}, got[0].Raw[0]); err != nil || v.Known() || len(got[0].Raw[1]) < 3 {
			t.Errorf("got %v, %v", v, err)
		}
		res, err := l.Update(t.Context(), "companies", []record.Patch{{ID: made[0], Fields: []record.FieldValue{field("tags", record.MultiSet, record.Multi("a"))}}})
		if err != nil || kinds(res) != "broken" || !slices.Equal(res[0].Err.Fields, []string{"tags"}) {
			t.Errorf("got %s, %v", kinds(res), err)
		}
		if s, err := l.Describe(t.Context(), "companies"); err != nil || s.Fields["tags"].Name != "" || !s.Fields["qbench_id"].ExternalID || !s.Fields["industry"].Restricted ||
			s.Fields["domain"].Unique || s.Fields["domain"].FindBy {
			t.Errorf("%+v, %v", s.Fields["qbench_id"], err)
		}
	})
}

// What is written comes back the same, in every type, and a clear clears.
func TestPortalGivesBackWhatWasWritten(t *testing.T) {
	bubble(t, hubspotsim.Options{}, nil, func(t *testing.T, l lab) {
		vals := []record.FieldValue{
			text("name", "Lärch \"A\"\nB"), field("qbench_id", record.ID, record.Of("007")), field("numberofemployees", record.Int, record.Of("42")),
			field("tags", record.MultiSet, record.Multi("a", "c")), field("since", record.Date, record.Of("2024-02-29")), field("tier", record.Picklist, record.Of("gold")),
		}
		var ask []record.Field
		for _, v := range vals {
			ask = append(ask, v.Field)
		}
		res, err := l.Create(t.Context(), "companies", []record.Patch{{Fields: vals}})
		if err != nil || res[0].Err != nil {
			t.Fatal(res[0].Err, err)
		}
		check := func(want []record.FieldValue) {
			got, _, err := l.Get(t.Context(), "companies", ask, []string{res[0].ID})
			if err != nil || len(got) != 1 {
				t.Fatal(got, err)
			}
			for i, f := range ask {
				if v, err := l.Convert("companies", f, got[0].Raw[i]); err != nil || v != want[i].Value {
					t.Errorf("%s came back as %q, %v", f.Name, v.Text(), err)
				}
			}
		}
		check(vals)
		for i := 2; i < len(vals); i++ {
			vals[i].Value = record.NullValue()
		}
		if res, err := l.Update(t.Context(), "companies", []record.Patch{{ID: res[0].ID, Fields: vals[2:]}}); err != nil || res[0].Err != nil {
			t.Fatal(res[0].Err, err)
		}
		check(vals)
	})
}

// The one property that Fix makes serves a create, and a second Fix changes
// nothing.
func TestPortalIsFixed(t *testing.T) {
	bubble(t, hubspotsim.Options{}, nil, func(t *testing.T, l lab) {
		id := record.Field{Name: "crmsyncd_id", Type: record.ID}
		for range 2 {
			if err := l.Fix(t.Context(), "contacts", id, "the id of the QBench contact"); err != nil {
				t.Fatal(err)
			}
		}
		if n := l.sim.Calls().Of(hubspotsim.CallWriteProperty); n != 1 {
			t.Errorf("%d properties were written", n)
		}
		s, err := l.Describe(t.Context(), "contacts")
		if f := s.Fields["crmsyncd_id"]; err != nil || !f.Unique || !f.ExternalID || !f.FindBy {
			t.Errorf("%+v, %v", f, err)
		}
		if err := l.Fix(t.Context(), "contacts", record.Field{Name: "jobtitle", Type: record.Text}, ""); providers.KindOf(err) != providers.Rejected {
			t.Errorf("a property that is there and is not unique: %v", err)
		}
		p := record.Patch{Fields: []record.FieldValue{field("crmsyncd_id", record.ID, record.Of("1")), text("email", "a@x.test")}}
		for i, want := range []string{"", "exists"} {
			res, err := l.Create(t.Context(), "contacts", []record.Patch{p})
			if err != nil || i == 0 && res[0].Err != nil || i == 1 && kinds(res) != want {
				t.Errorf("%s, %v", kinds(res), err)
			}
		}
	})
}

// The portal's own limits are kept without a refusal, writes beside a lock wait
// for it, and a spent day stops cleanly.
func TestPortalLimits(t *testing.T) {
	bubble(t, hubspotsim.Options{RateLimit: 100, DailyLimit: 700}, nil, func(t *testing.T, l lab) {
		for range 400 {
			if _, err := l.Identify(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := l.sim.Calls().Of(hubspotsim.CallLimited); n != 0 {
			t.Errorf("%d calls were refused for their rate", n)
		}
		l.sim.LockWrites(1)
		if res, err := l.Create(t.Context(), "companies", l.someCompanies(2)); err != nil || res[1].Err != nil || l.sim.Count("companies") != 2 {
			t.Errorf("%s, %v", kinds(res), err)
		}
		var err error
		for range 400 {
			if _, err = l.Identify(t.Context()); err != nil {
				break
			}
		}
		if providers.KindOf(err) != providers.Budget || err == nil {
			t.Errorf("got %v", err)
		}
		l.sim.MoveDataCenter(time.Hour)
	})
	bubble(t, hubspotsim.Options{}, nil, func(t *testing.T, l lab) {
		l.sim.MoveDataCenter(5 * time.Hour)
		_, err := l.Create(t.Context(), "companies", l.someCompanies(1))
		if e := asError(err); e.Kind != providers.Budget || e.RetryAfter < time.Hour {
			t.Errorf("got %v, again after %v", err, e.RetryAfter)
		}
	})
}

// F8: what was made behind a lost answer is found by its unique property, and
// was made once.
func TestPortalLosesAnAnswer(t *testing.T) {
	bubble(t, hubspotsim.Options{}, nil, func(t *testing.T, l lab) {
		end := l.sim.LoseAnswers(524, 1)
		_, err := l.Create(t.Context(), "companies", l.someCompanies(3))
		end()
		if providers.KindOf(err) != providers.Unknown || err == nil {
			t.Fatal(err)
		}
		key := record.Field{Name: "qbench_id", Type: record.ID}
		got, err := l.Find(t.Context(), "companies", nil, key, values("N0", "N1", "N2"))
		if err != nil || len(got) != 3 || l.sim.Count("companies") != 3 {
			t.Errorf("%v, %v, %d made", ids(got), err, l.sim.Count("companies"))
		}
		// A lost answer to an update is asked for again.
		end = l.sim.LoseAnswers(http.StatusBadGateway, 1)
		defer end()
		res, err := l.Update(t.Context(), "companies", []record.Patch{{ID: got[0].ID, Fields: []record.FieldValue{text("phone", "9")}}})
		if err != nil || res[0].Err != nil {
			t.Errorf("%s, %v", kinds(res), err)
		}
	})
}

// A rule that the portal's administrators made holds the one record that breaks
// it, with the rule's code.
func TestPortalWithARule(t *testing.T) {
	bubble(t, hubspotsim.Options{}, nil, func(t *testing.T, l lab) {
		if err := l.sim.Require("companies", "city", "phone", "+49 40 55"); err != nil {
			t.Fatal(err)
		}
		patches := l.someCompanies(3)
		patches[0].Fields = append(patches[0].Fields, text("city", "Kiel"))
		patches[2].Fields = append(patches[2].Fields, text("city", "Kiel"))
		res, err := l.Create(t.Context(), "companies", patches)
		if err != nil || res[0].Err != nil || res[2].Err != nil || res[1].Err == nil || res[1].Err.Kind != providers.Rejected ||
			!strings.HasPrefix(res[1].Err.Code, "MISSING_") {
			t.Errorf("%s, %v %v", kinds(res), err, res[1].Err)
		}
	})
}

// The history of a property tells who changed it and when.
func TestPortalHistory(t *testing.T) {
	bubble(t, hubspotsim.Options{}, nil, func(t *testing.T, l lab) {
		made := l.fill(t, 60)
		time.Sleep(time.Hour)
		if _, err := l.Update(t.Context(), "companies", []record.Patch{{ID: made[0], Fields: []record.FieldValue{text("name", "New")}}}); err != nil {
			t.Fatal(err)
		}
		got, err := l.History(t.Context(), "companies", record.Field{Name: "name", Type: record.Text}, made)
		if h := got[made[0]]; err != nil || len(got) != 60 || len(h) != 2 || h[0].Value.Text() != "New" || h[1].Value.Text() != "Lab 0" || h[0].At.Sub(h[1].At) < time.Hour {
			t.Errorf("%d histories, %+v, %v", len(got), h, err)
		}
	})
}

// A key that is rotated in the portal and in its file goes on without a restart.
func TestPortalRotatesTheKey(t *testing.T) {
	key := "pat-one"
	fixed := func(c *hubspot.Config) {
		c.Auth = hubspot.Auth{Method: hubspot.FixedToken, Token: func() (string, error) { return key, nil }}
	}
	bubble(t, hubspotsim.Options{Token: "pat-one"}, fixed, func(t *testing.T, l lab) {
		if _, err := l.Identify(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.sim.RotateToken("pat-two", true)
		key = "pat-two"
		id, err := l.Identify(t.Context())
		if err != nil || id.Org != l.sim.PortalID() {
			t.Errorf("%+v, %v", id, err)
		}
		l.sim.RevokeScope("crm.objects.companies.write", true)
		_, err = l.Create(t.Context(), "companies", l.someCompanies(1))
		if e := asError(err); e.Kind != providers.Denied || !strings.Contains(e.Hint, "companies") {
			t.Errorf("%v (%s)", err, e.Hint)
		}
	})
}
