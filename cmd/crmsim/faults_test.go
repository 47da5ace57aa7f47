package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestFaultFlags(t *testing.T) {
	const customers, limits, companies, leads = "/qbench/api/v1/customer", "/services/data/v64.0/limits", "/crm/v3/objects/companies", "/api/v1/lead/"
	tests := []struct {
		name                                string
		args                                []string
		qbench, salesforce, hubspot, closes int
	}{
		{"throttled", []string{"--fault-429", "1"}, 429, 429, 429, 429},
		{"broken", []string{"--fault-5xx", "1", "--fault", "503,rate=1"}, 503, 503, 503, 503},
		{"salesforce alone", []string{"--fault", "salesforce:502,path=/limits"}, 200, 502, 200, 200},
		{"hubspot alone", []string{"--fault", "hubspot:524,path=/objects"}, 200, 200, 524, 200},
		{"close alone", []string{"--fault", "close:502,path=/lead"}, 200, 200, 200, 502},
		{"all", []string{"--fault", "500,nth=1"}, 500, 500, 500, 500},
		{"delay after the others", []string{"--latency", "1ms", "--fault", "qbench:418"}, 418, 200, 200, 200},
		{"rate limit", []string{"--qbench-rate-limit", "1", "--fault", "salesforce:500"}, 200, 500, 200, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, append(tt.args, "--token", "t", "--accounts", "2")...)
			if got, body := send(t, "GET", r.env["CRMSYNCD_QBENCH_URL"]+customers, "t", nil); got != tt.qbench {
				t.Errorf("qbench: %d %s", got, body)
			}
			if got, body := send(t, "GET", r.env["CRMSYNCD_SALESFORCE_URL"]+limits, "t", nil); got != tt.salesforce {
				t.Errorf("salesforce: %d %s", got, body)
			}
			if got, body := send(t, "GET", r.env["CRMSYNCD_HUBSPOT_URL"]+companies, "t", nil); got != tt.hubspot {
				t.Errorf("hubspot: %d %s", got, body)
			}
			if got, body := send(t, "GET", r.env["CRMSYNCD_CLOSE_URL"]+leads, "t", nil); got != tt.closes {
				t.Errorf("close: %d %s", got, body)
			}
		})
	}
}

func TestExpireTokenEndsBothTokens(t *testing.T) {
	r := start(t, "--expire-token", "2", "--accounts", "1")
	for target, token := range map[string]string{
		r.env["CRMSYNCD_QBENCH_URL"] + "/qbench/api/v1/customer":         r.qbenchToken(t),
		r.env["CRMSYNCD_SALESFORCE_URL"] + "/services/data/v64.0/limits": r.salesforceToken(t),
	} {
		var got []int
		for range 3 {
			status, _ := send(t, "GET", target, token, nil)
			got = append(got, status)
		}
		if fmt.Sprint(got) != "[200 200 401]" {
			t.Errorf("%s: %v", target, got)
		}
	}
}

// A create takes effect and its answer is lost: what a daemon must survive (F8).
func TestDropAfterCreate(t *testing.T) {
	r := start(t, "--drop-after-create", "1", "--token", "t", "--accounts", "1")
	for _, tt := range []struct{ base, path, body string }{
		{r.env["CRMSYNCD_SALESFORCE_URL"], "/services/data/v64.0/sobjects/Account", `{"Name":"Lost and found"}`},
		{r.env["CRMSYNCD_HUBSPOT_URL"], "/crm/objects/2026-09/companies/batch/create", `{"inputs":[{"properties":{"name":"Lost and found"}}]}`},
		{r.env["CRMSYNCD_CLOSE_URL"], "/api/v1/lead/", `{"name":"Lost and found"}`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", tt.base+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer t")
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			t.Errorf("%s was answered: %d", tt.path, resp.StatusCode)
		}
		if _, body := send(t, "GET", tt.base+"/_sim/audit", "", nil); !strings.Contains(string(body), "Lost and found") {
			t.Errorf("%s took no effect: %s", tt.path, body)
		}
	}
}
