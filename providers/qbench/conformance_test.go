package qbench_test

import (
	"fmt"
	"strconv"
	"testing"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers/providertest"
	"crmsyncd/providers/qbench"
	"crmsyncd/providers/qbench/qbenchsim"
)

const (
	records  = 23
	pageSize = 5
	secret   = "canary-secret-4711-of-the-qbench-client"
)

// pair is a client beside its simulator.
type pair struct {
	*qbench.Client
	sim  *qbenchsim.Sim
	wire *providertest.Wire
}

func newPair(t *testing.T, o qbenchsim.Options, change func(*qbench.Config)) pair {
	t.Helper()
	o.ClientSecret = secret
	sim := qbenchsim.New(o)
	wire := &providertest.Wire{Handler: sim}
	cfg := qbench.Config{
		BaseURL: "https://Lab.qbench.example", ClientID: qbenchsim.DefaultClientID,
		Secret:   func() (string, error) { return secret, nil },
		PageSize: pageSize, Transport: wire,
	}
	if change != nil {
		change(&cfg)
	}
	c, err := qbench.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return pair{c, sim, wire}
}

func fill(sim *qbenchsim.Sim, customers int) (ids []string) {
	for i := range customers {
		f := qbenchsim.Fields{"customer_name": fmt.Sprintf("Customer %d", i), "phone": "+49 40 1234" + strconv.Itoa(i), "tags": []string{"b", "a"}}
		switch i % 3 {
		case 0:
			f["address"] = "1 Main St"
		case 1:
			f["address"] = qbenchsim.Address{Street: "2 Main St", City: "Hamburg"}
		}
		ids = append(ids, strconv.FormatInt(sim.AddCustomer(f), 10))
	}
	return ids
}

func customerFields() []record.Field {
	return []record.Field{
		{Name: "id", Type: record.ID},
		{Name: "customer_name", Type: record.Text},
		{Name: "phone", Type: record.Text},
		{Name: "address.street", Type: record.Text},
		{Name: "address.city", Type: record.Text},
		{Name: "tags", Type: record.MultiSet},
	}
}

// Its group "echo" is C12.1: nothing of what a vendor repeats comes out with a
// secret, an e-mail address or a phone number in it.
func TestConformance(t *testing.T) {
	for api, expired := range map[qbench.API]qbenchsim.ExpiredAs{qbench.V1: qbenchsim.Expired401, qbench.V2: qbenchsim.Expired400} {
		t.Run(string(api), func(t *testing.T) {
			providertest.Run(t, providertest.Harness{New: func(t *testing.T) providertest.Setup {
				t.Helper()
				return setup(t, api, expired)
			}})
		})
	}
}

func setup(t *testing.T, api qbench.API, expired qbenchsim.ExpiredAs) providertest.Setup {
	t.Helper()
	p := newPair(t, qbenchsim.Options{Expired: expired}, func(c *qbench.Config) { c.API = api })
	fill(p.sim, records)
	path := map[qbench.API]string{qbench.V1: "/v1/customer?", qbench.V2: "/v2/customers?"}[api]
	return providertest.Setup{
		Provider: p.Client, Wire: p.wire, Faults: p.sim.Faults(),
		Object: qbench.Customer, Fields: customerFields(), Records: records,
		ReadPath: path, TokenPath: "/oauth2/", ExpireTokens: p.sim.ExpireTokens,
		AbsentID: "999999", Secrets: []string{secret},
	}
}
