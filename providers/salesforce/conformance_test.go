package salesforce_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/providertest"
	"crmsyncd/providers/salesforce"
	"crmsyncd/providers/salesforce/salesforcesim"
)

const (
	orgSecret  = "canary-secret-0815-of-the-salesforce-app"
	orgRecords = 23
)

const orgSchema = `objects:
  Account:
    fields:
      - {name: Ext__c, type: string, length: 40, external_id: true, unique: true, case_sensitive: true}
      - {name: Tags__c, type: multipicklist, values: [a, b, c]}
      - {name: Tier__c, type: picklist, values: [Gold, Silver], restricted: true}
      - {name: Staff__c, type: double, precision: 18, scale: 2}
      - {name: Since__c, type: date}
`

// org is a client beside a simulated organization, for use in a bubble.
type org struct {
	*salesforce.Client
	sim  *salesforcesim.Sim
	wire *providertest.Wire
}

func newOrg(t *testing.T, opt salesforcesim.Options, change func(*salesforce.Config)) org {
	t.Helper()
	schema, err := salesforcesim.ReadSchema(strings.NewReader(orgSchema))
	if err != nil {
		t.Fatal(err)
	}
	opt.Schema, opt.ClientID, opt.ClientSecret = schema, "app", orgSecret
	sim, err := salesforcesim.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	wire := &providertest.Wire{Handler: sim}
	cfg := salesforce.Config{
		BaseURL: base, Transport: wire,
		Auth: salesforce.Auth{
			Method: salesforce.ClientCredentials, ClientID: "app",
			Secret: func() (string, error) { return orgSecret, nil },
		},
	}
	if change != nil {
		change(&cfg)
	}
	c, err := salesforce.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return org{c, sim, wire}
}

func (o org) insert(t *testing.T, object string, pairs ...string) string {
	t.Helper()
	values := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	id, err := o.sim.Insert(object, values)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func accountFields() []record.Field {
	return fields("Name", record.Text, "Ext__c", record.ID, "Phone", record.Text, "NumberOfEmployees", record.Int,
		"Tags__c", record.MultiSet, "ParentId", record.Reference, "CreatedDate", record.Datetime)
}

func (o org) fill(t *testing.T, n int) []string {
	t.Helper()
	var ids []string
	for i := range n {
		pairs := []string{"Name", fmt.Sprintf("Lab %d", i), "Ext__c", fmt.Sprintf("E%d", i)}
		if i%3 == 0 {
			pairs = append(pairs, "Phone", "+49 40 1", "NumberOfEmployees", fmt.Sprint(i), "Tags__c", "a;b")
		}
		if i%4 == 1 {
			pairs = append(pairs, "ParentId", ids[0])
		}
		ids = append(ids, o.insert(t, "Account", pairs...))
	}
	return ids
}

// Its group "echo" is C12.1: nothing of what a vendor repeats comes out with a
// secret, an e-mail address or a phone number in it.
func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{New: func(t *testing.T) providertest.Setup {
		t.Helper()
		o := newOrg(t, salesforcesim.Options{PageSize: 5}, nil)
		o.fill(t, orgRecords)
		time.Sleep(time.Hour)
		row := `{"Id":"` + id(1) + `","SystemModstamp":null,"Name":"x","Ext__c":null,"Phone":null,"NumberOfEmployees":null,` +
			`"Tags__c":null,"ParentId":null,"CreatedDate":null}`
		return providertest.Setup{
			Provider: o.Client, Wire: o.wire, Faults: o.sim.Faults(),
			Object: "Account", Fields: accountFields(), Records: orgRecords,
			ReadPath: "/services/data/v64.0/query", TokenPath: "/services/oauth2/token", ExpireTokens: o.sim.ExpireTokens,
			AbsentID: id(999_999), Secrets: []string{orgSecret},
			Elsewhere: `{"totalSize":9,"done":false,"nextRecordsUrl":"https://evil.example/services/data/v64.0/query/x","records":[` + row + `]}`,
			Write:     o.writes(),
		}
	}})
}

func (o org) writes() *providertest.Writes {
	patch := func(i int) record.Patch {
		return record.Patch{Fields: []record.FieldValue{
			text("Name", fmt.Sprintf("New %d", i)), field("Ext__c", record.ID, record.Of(fmt.Sprintf("N%d", i))),
			field("NumberOfEmployees", record.Int, record.Of(fmt.Sprint(i+1))), text("Phone", "+49 40 55"),
		}}
	}
	return &providertest.Writes{
		Object: "Account", Path: "/composite/sobjects", Patch: patch,
		Bad: func() record.Patch {
			p := patch(77)
			p.Fields = append(p.Fields, field("Tier__c", record.Picklist, record.Of("Bronze")))
			return p
		},
		Change: text("Phone", "+49 40 99"),
		Stored: func(id string) (map[string]string, bool) {
			r := o.sim.Record("Account", id)
			for _, f := range []string{"SystemModstamp", "LastModifiedDate", "LastModifiedById"} {
				delete(r, f)
			}
			return r, r != nil
		},
		Count:  func() int { return o.sim.Count("Account") },
		Absent: id(999_999),
	}
}

var _ providers.Writer = org{}
