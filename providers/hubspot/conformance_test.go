package hubspot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers/hubspot"
	"crmsyncd/providers/hubspot/hubspotsim"
	"crmsyncd/providers/providertest"
)

const (
	portalSecret  = "canary-secret-4711-of-the-hubspot-app"
	portalRefresh = "canary-refresh-4711-of-the-hubspot-app"
	portalRecords = 223
)

const portalSchema = `objects:
  companies:
    properties:
      - {name: qbench_id, unique: true}
      - {name: tags, type: enumeration, field: checkbox, options: [a, b, c]}
      - {name: tier, type: enumeration, field: select, options: [gold, silver]}
      - {name: since, type: date}
  contacts:
    properties:
      - {name: qbench_id, unique: true}
`

// lab is a client beside a simulated portal, for use in a bubble.
type lab struct {
	*hubspot.Client
	sim  *hubspotsim.Sim
	wire *providertest.Wire
}

func newLab(t testing.TB, opt hubspotsim.Options, change func(*hubspot.Config)) lab {
	t.Helper()
	schema, err := hubspotsim.ReadSchema(strings.NewReader(portalSchema))
	if err != nil {
		t.Fatal(err)
	}
	opt.Schema, opt.ClientID, opt.ClientSecret, opt.RefreshToken = schema, "app", portalSecret, portalRefresh
	sim, err := hubspotsim.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	wire := &providertest.Wire{Handler: sim}
	kept := portalRefresh
	cfg := hubspot.Config{Transport: wire, Auth: hubspot.Auth{
		Method: hubspot.OAuth, ClientID: "app",
		Secret:            func() (string, error) { return portalSecret, nil },
		RefreshToken:      func() (string, error) { return kept, nil },
		StoreRefreshToken: func(t string) error { kept = t; return nil },
	}}
	if change != nil {
		change(&cfg)
	}
	return lab{clientOf(t, cfg), sim, wire}
}

func (l lab) insert(t testing.TB, object string, pairs ...string) string {
	t.Helper()
	values := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	id, err := l.sim.Insert(object, values)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (l lab) fill(t testing.TB, n int) []string {
	t.Helper()
	var out []string
	for i := range n {
		pairs := []string{"name", fmt.Sprintf("Lab %d", i), "qbench_id", fmt.Sprintf("E%d", i)}
		if i%3 == 0 {
			pairs = append(pairs, "phone", "+49 40 1", "numberofemployees", fmt.Sprint(i), "tags", "a;b", "since", "2024-02-29")
		}
		out = append(out, l.insert(t, "companies", pairs...))
	}
	return out
}

func companyFields() []record.Field {
	return fields("name", record.Text, "qbench_id", record.ID, "phone", record.Text, "numberofemployees", record.Int,
		"tags", record.MultiSet, "since", record.Date, "createdate", record.Datetime, "associations.parent_company", record.Reference)
}

// Its group "echo" is C12.1: nothing of what a vendor repeats comes out with a
// secret, an e-mail address or a phone number in it.
func TestConformance(t *testing.T) {
	for _, version := range []string{"2026-09", "2026-03", "v3"} {
		t.Run(version, func(t *testing.T) { conformance(t, version) })
	}
}

func conformance(t *testing.T, version string) {
	providertest.Run(t, providertest.Harness{New: func(t *testing.T) providertest.Setup {
		t.Helper()
		l := newLab(t, hubspotsim.Options{}, func(c *hubspot.Config) { c.APIVersion = version })
		l.fill(t, portalRecords)
		time.Sleep(time.Hour)
		return providertest.Setup{
			Provider: l.Client, Wire: l.wire, Faults: l.sim.Faults(),
			Object: "companies", Fields: companyFields(), Records: portalRecords,
			ReadPath: "/companies?limit=", TokenPath: "/oauth/", ExpireTokens: l.sim.ExpireTokens,
			AbsentID: "999999999", Secrets: []string{portalSecret, portalRefresh},
			Write: l.writes(),
		}
	}})
}

func (l lab) writes() *providertest.Writes {
	patch := func(i int) record.Patch {
		return record.Patch{Fields: []record.FieldValue{
			text("name", fmt.Sprintf("New %d", i)), field("qbench_id", record.ID, record.Of(fmt.Sprintf("N%d", i))),
			field("numberofemployees", record.Int, record.Of(fmt.Sprint(i+1))), text("phone", "+49 40 55"),
		}}
	}
	return &providertest.Writes{
		Object: "companies", Path: "/companies/batch/", Patch: patch,
		Bad: func() record.Patch {
			p := patch(77)
			p.Fields = append(p.Fields, field("tier", record.Picklist, record.Of("bronze")))
			return p
		},
		Change: text("phone", "+49 40 99"),
		Stored: func(id string) (map[string]string, bool) {
			r := l.sim.Record("companies", id)
			delete(r, "hs_lastmodifieddate")
			delete(r, "hs_searchable_calculated_phone_number")
			return r, r != nil && !l.sim.Archived("companies", id)
		},
		Count:  func() int { return l.sim.Count("companies") },
		Absent: "999999999",
	}
}
