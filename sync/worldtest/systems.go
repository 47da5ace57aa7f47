package worldtest

import (
	"fmt"
	"net/http"

	"crmsyncd/providers/closeio"
	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/hubspot"
	"crmsyncd/providers/qbench"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/providers/salesforce"
	"crmsyncd/sync/engine"
)

// systems builds the providers on the simulators, in process.
func (w *World) systems() (map[string]*engine.System, error) {
	fixed := func(s string) func() (string, error) { return func() (string, error) { return s, nil } }
	through := func(next http.RoundTripper) http.RoundTripper { return mortal{&w.kill, next} }
	q, err := qbench.New(qbench.Config{
		BaseURL: "https://lab.qbench.net", ClientID: qbenchsim.DefaultClientID, Secret: fixed(qbenchsim.DefaultClientSecret), PerMinute: -1,
		Transport: through(w.QBench.Transport()),
	})
	if err != nil {
		return nil, fmt.Errorf("qbench: %w", err)
	}
	c, err := closeio.New(closeio.Config{
		Auth:      closeio.Auth{Method: closeio.APIKey, Key: fixed(closeiosim.DefaultAPIKey)},
		Transport: through(w.Close.Transport()),
	})
	if err != nil {
		return nil, fmt.Errorf("close: %w", err)
	}
	s, err := salesforce.New(salesforce.Config{
		BaseURL: salesforceURL, Transport: through(w.Salesforce.Transport()),
		Auth: salesforce.Auth{Method: salesforce.ClientCredentials, ClientID: "id", Secret: fixed("secret")},
	})
	if err != nil {
		return nil, fmt.Errorf("salesforce: %w", err)
	}
	h, err := hubspot.New(hubspot.Config{
		Auth:      hubspot.Auth{Method: hubspot.FixedToken, Token: fixed("pat-x")},
		Transport: through(w.HubSpot.Transport()),
	})
	if err != nil {
		return nil, fmt.Errorf("hubspot: %w", err)
	}
	return map[string]*engine.System{
		QBench: engine.NewSystem(QBench, q), Close: engine.NewSystem(Close, c),
		Salesforce: engine.NewSystem(Salesforce, s), HubSpot: engine.NewSystem(HubSpot, h),
	}, nil
}
