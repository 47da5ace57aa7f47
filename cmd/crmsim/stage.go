package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strconv"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/fakedata"
	"crmsyncd/providers/hubspot/hubspotsim"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/providers/salesforce/salesforcesim"
)

// What a daemon signs in with. They protect nothing: the simulators are on
// loopback and hold invented data.
const (
	salesforceClientID     = "crmsim-connected-app"
	salesforceClientSecret = "crmsim-secret-for-rehearsals-only"
	hubspotToken           = "crmsim-token-for-rehearsals-only"
	closeKey               = "api_crmsim.for-rehearsals-only"
)

// stage is a set of simulators that hold the same invented companies.
type stage struct {
	world      *fakedata.World
	qbench     *qbenchsim.Sim
	salesforce *salesforcesim.Sim
	hubspot    *hubspotsim.Sim
	closeio    *closeiosim.Sim
	leads      []string // of each company, empty for those that Close does not know
	token      string   // that opens the portal
	key        string   // that opens Close
	bare       bool     // the portal has nothing to keep our ids in
	known      struct{ salesforce, hubspot known }
}

// known counts what a CRM held before any synchronization.
type known struct{ accounts, contacts int }

// newStage makes the simulators, fills them, and arms the faults last, so that
// the filling meets none.
func newStage(o options) (*stage, error) {
	dates, err := o.api.dateForm()
	if err != nil {
		return nil, usageError{err}
	}
	s := &stage{
		world: fakedata.New(o.seed, o.accounts, o.contactsEach),
		qbench: qbenchsim.New(qbenchsim.Options{
			Token:           o.token,
			TokenCalls:      o.faults.tokenCalls,
			RateLimit:       o.api.limit(),
			LastUpdated:     o.api.lastUpdated,
			HideCustomerIDs: o.api.hideCustomerIDs,
			Dates:           dates,
		}),
	}
	if err := s.openSalesforce(o); err != nil {
		return nil, err
	}
	if err := s.openHubSpot(o); err != nil {
		return nil, err
	}
	if err := s.openClose(o); err != nil {
		return nil, err
	}
	ids := s.qbench.Load(s.world)
	s.leads = s.closeio.Load(s.world, func(i int) string { return strconv.FormatInt(ids[i], 10) })
	if err := s.seedSalesforce(); err != nil {
		return nil, fmt.Errorf("fill the salesforce simulator: %w", err)
	}
	if err := s.seedHubSpot(); err != nil {
		return nil, fmt.Errorf("fill the hubspot simulator: %w", err)
	}
	if err := s.armRules(o.rules); err != nil {
		return nil, err
	}
	return s, s.arm(o.faults)
}

func (s *stage) openSalesforce(o options) error {
	schema, err := readSchema(o.schema, salesforcesim.ReadSchema)
	if err != nil {
		return err
	}
	s.salesforce, err = salesforcesim.New(salesforcesim.Options{
		Token:        o.token,
		ClientID:     salesforceClientID,
		ClientSecret: salesforceClientSecret,
		Seed:         o.seed,
		Schema:       schema,
	})
	if err != nil {
		return fmt.Errorf("start the salesforce simulator: %w", err)
	}
	return nil
}

func (s *stage) openHubSpot(o options) error {
	schema, err := readSchema(o.hubspotSchema, hubspotsim.ReadSchema)
	if err != nil {
		return err
	}
	s.token = cmp.Or(o.token, hubspotToken)
	s.bare = !keepsIDs(schema, "companies") || !keepsIDs(schema, "contacts")
	s.hubspot, err = hubspotsim.New(hubspotsim.Options{Token: s.token, Seed: o.seed, Schema: schema})
	if err != nil {
		return fmt.Errorf("start the hubspot simulator: %w", err)
	}
	return nil
}

// openClose makes the organization that sells to the same companies.
func (s *stage) openClose(o options) error {
	schema, err := readSchema(o.closeSchema, closeiosim.ReadSchema)
	if err != nil {
		return err
	}
	s.key = cmp.Or(o.token, closeKey)
	s.closeio, err = closeiosim.New(closeiosim.Options{APIKey: s.key, Token: o.token, Seed: o.seed, Schema: schema})
	if err != nil {
		return fmt.Errorf("start the close simulator: %w", err)
	}
	return nil
}

// keepsIDs reports whether a schema adds the property for our ids to an object.
func keepsIDs(schema *hubspotsim.Schema, object string) bool {
	if schema == nil {
		return false
	}
	for _, p := range schema.Objects[object].Properties {
		if p.Name == "qbench_id" {
			return true
		}
	}
	return false
}

func (a apiOptions) limit() int {
	if a.rateLimit <= 0 {
		return -1
	}
	return a.rateLimit
}

func (a apiOptions) dateForm() (qbenchsim.DateForm, error) {
	switch a.dates {
	case "none":
		return qbenchsim.NoDates, nil
	case "slash":
		return qbenchsim.DateSlash, nil
	case "slash-time":
		return qbenchsim.DateTimeSlash, nil
	case "iso":
		return qbenchsim.DateISO, nil
	case "unix":
		return qbenchsim.DateUnix, nil
	case "mixed":
		return qbenchsim.DatesMixed, nil
	}
	return 0, fmt.Errorf("--qbench-dates %q: must be one of none, slash, slash-time, iso, unix, mixed", a.dates)
}

// readSchema reads a simulator's schema; no file is no schema.
func readSchema[T any](path string, read func(io.Reader) (*T, error)) (*T, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // no schema is a plain org
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, usageError{fmt.Errorf("open the schema: %w", err)}
	}
	defer func() { _ = f.Close() }()
	schema, err := read(f)
	if err != nil {
		return nil, usageError{fmt.Errorf("read %s: %w", path, err)}
	}
	return schema, nil
}

// environment names what a daemon beside the simulators needs.
func (s *stage) environment(r *running, at configPlace) environment {
	return newEnvironment(at, []variable{
		{"CRMSYNCD_QBENCH_URL", r.url["qbench"]},
		{"CRMSYNCD_QBENCH_CLIENT_ID", qbenchsim.DefaultClientID},
		{"CRMSYNCD_SALESFORCE_URL", r.url["salesforce"]},
		{"CRMSYNCD_SALESFORCE_CLIENT_ID", salesforceClientID},
		{"CRMSYNCD_HUBSPOT_URL", r.url["hubspot"]},
		{"CRMSYNCD_CLOSE_URL", r.url["close"]},
	}, []variable{
		{"qbench", qbenchsim.DefaultClientSecret},
		{"salesforce", salesforceClientSecret},
		{"hubspot", s.token},
		{"close", s.key},
	})
}
