package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// speak makes one request with a JSON body.
func speak(t *testing.T, method, target, token, body string) (status int, answer string) {
	t.Helper()
	kind := ""
	if body != "" {
		kind = "application/json"
	}
	status, raw := call(t, method, target, token, kind, body)
	return status, string(raw)
}

// vendorDoor is how one running system is asked.
type vendorDoor struct {
	name, url     string
	object, field string // for rules and edits
	path, key     string // the object below /_sim/, and the field that it needs
	read, put     string // path of a record in the API, and the method that updates it
	wrap          func(field, value string) string
}

func plainField(field, value string) string { return fmt.Sprintf(`{%q:%q}`, field, value) }

func vendorDoors(r *rehearsal) []vendorDoor {
	property := func(field, value string) string { return `{"properties":` + plainField(field, value) + `}` }
	return []vendorDoor{
		{
			name: "qbench", url: r.env["CRMSYNCD_QBENCH_URL"], object: "customer", field: "phone", path: "customers", key: "customer_name",
			read: "/qbench/api/v1/customer/%s", put: "PUT", wrap: plainField,
		},
		{
			name: "salesforce", url: r.env["CRMSYNCD_SALESFORCE_URL"], object: "Account", field: "Phone", path: "Account", key: "Name",
			read: "/services/data/v64.0/sobjects/Account/%s", put: "PATCH", wrap: plainField,
		},
		{
			name: "hubspot", url: r.env["CRMSYNCD_HUBSPOT_URL"], object: "companies", field: "phone", path: "companies", key: "name",
			read: "/crm/objects/2026-09/companies/%s?properties=phone", put: "PATCH", wrap: property,
		},
		{
			name: "close", url: r.env["CRMSYNCD_CLOSE_URL"], object: "lead", field: "description", path: "lead", key: "name",
			read: "/api/v1/lead/%s/", put: "PUT", wrap: plainField,
		},
	}
}

// made makes a record by the door and returns its id.
func (d vendorDoor) made(t *testing.T, name string) string {
	t.Helper()
	status, body := speak(t, "POST", d.url+"/_sim/"+d.path, "", fmt.Sprintf(`{%q:%q}`, d.key, name))
	var made struct{ ID any }
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusOK {
		t.Fatalf("%s: insert: %d %s", d.name, status, body)
	}
	if n, is := made.ID.(float64); is {
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprint(made.ID)
}

// C16.1: each system takes rules by its door while it runs, tells how often
// they fired, and lets them go.
func TestC16_1_RulesWhileServing(t *testing.T) {
	r := start(t, "--token", "t", "--accounts", "2")
	for _, d := range vendorDoors(r) {
		t.Run(d.name, func(t *testing.T) {
			id := d.made(t, "Rule Street 1")
			rules, record := d.url+"/_sim/rules", d.url+fmt.Sprintf(d.read, id)
			arm := func(rest string) string {
				t.Helper()
				status, body := speak(t, "POST", rules, "", fmt.Sprintf(`{"object":%q,"match":{"id":%q}%s}`, d.object, id, rest))
				var made struct{ ID json.Number }
				if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusCreated {
					t.Fatalf("%s: %d %s", rest, status, body)
				}
				return made.ID.String()
			}
			for _, bad := range []string{
				`{"object":"nothing"}`, `{"object":` + fmt.Sprintf("%q", d.object) + `,"match":{"id":"404"}}`, `{"object":"x","paint":"red"}`,
				fmt.Sprintf(`{"object":%q,"fields":["no_such_field"]}`, d.object), fmt.Sprintf(`{"object":%q,"effect":"melt"}`, d.object), `{`,
			} {
				if status, body := speak(t, "POST", rules, "", bad); status != http.StatusBadRequest || body == "" {
					t.Errorf("%s: %d %s", bad, status, body)
				}
			}
			arm(fmt.Sprintf(`,"fields":[%q],"unnamed":true,"text":"no, {credential} of ann@acme.test","times":1`, d.field))
			if status, body := speak(t, d.put, record, "t", d.wrap(d.field, "1")); status != http.StatusBadRequest || !strings.Contains(body, "no, t of ann@acme.test") {
				t.Errorf("refused: %d %s", status, body)
			}
			ignore := arm(fmt.Sprintf(`,"effect":"ignore","fields":[%q]`, d.field))
			if status, body := speak(t, d.put, record, "t", d.wrap(d.field, "unheard")); status >= 300 {
				t.Errorf("ignored: %d %s", status, body)
			}
			if _, body := speak(t, "GET", record, "t", ""); strings.Contains(body, "unheard") {
				t.Errorf("not ignored: %s", body)
			}
			if status, _ := speak(t, "DELETE", rules+"/"+ignore, "", ""); status != http.StatusNoContent {
				t.Errorf("DELETE of one rule: %d", status)
			}
			hide := arm(`,"effect":"hide"`)
			if status, body := speak(t, "GET", record, "t", ""); status != http.StatusNotFound {
				t.Errorf("hidden: %d %s", status, body)
			}
			_, list := speak(t, "GET", rules, "", "")
			if strings.Count(list, `"fired":1`) < 1 || !strings.Contains(list, `"id":`+hide) || strings.Contains(list, `"effect":"ignore"`) {
				t.Errorf("the rules: %s", list)
			}
			if status, _ := speak(t, "DELETE", rules, "", ""); status != http.StatusNoContent {
				t.Errorf("DELETE: %d", status)
			}
			if status, body := speak(t, "GET", record, "t", ""); status != http.StatusOK {
				t.Errorf("after the rules: %d %s", status, body)
			}
			arm(fmt.Sprintf(`,"effect":"malform","fields":[%q],"form":"nan"`, d.field))
			if _, body := speak(t, "GET", record, "t", ""); !strings.Contains(body, "NaN") {
				t.Errorf("not malformed: %s", body)
			}
		})
	}
}

// C16.1: an edit with quiet leaves no trace, and one without is a person's.
func TestC16_1_QuietEditsWhileServing(t *testing.T) {
	r := start(t, "--token", "t", "--accounts", "1", "--qbench-last-updated")
	stamps := map[string]string{"qbench": "last_updated", "salesforce": "SystemModstamp", "hubspot": "updatedAt", "close": "date_updated"}
	for _, d := range vendorDoors(r) {
		id := d.made(t, "Quiet Street 1")
		door, record := d.url+"/_sim/"+d.path+"/"+id, d.url+fmt.Sprintf(d.read, id)
		stamp := func() string {
			_, body := speak(t, "GET", record, "t", "")
			var in map[string]json.RawMessage
			if err := json.Unmarshal([]byte(body), &in); err != nil || in[stamps[d.name]] == nil {
				t.Fatalf("%s: %v in %s", d.name, err, body)
			}
			return string(in[stamps[d.name]])
		}
		before := stamp()
		if status, body := speak(t, "PATCH", door, "", fmt.Sprintf(`{%q:"unseen","quiet":true}`, d.field)); status >= 300 {
			t.Errorf("%s: %d %s", d.name, status, body)
		}
		if _, body := speak(t, "GET", record, "t", ""); !strings.Contains(body, "unseen") || stamp() != before {
			t.Errorf("%s: stamp %s, was %s: %s", d.name, stamp(), before, body)
		}
		if status, _ := speak(t, "PATCH", door, "", fmt.Sprintf(`{%q:true}`, d.field)); status != http.StatusBadRequest && d.name != "qbench" {
			t.Errorf("%s took a value that is no text: %d", d.name, status)
		}
		if status, _ := speak(t, "POST", d.url+"/_sim/"+d.path, "", fmt.Sprintf(`{%q:"x","quiet":true}`, d.key)); status != http.StatusBadRequest {
			t.Errorf("%s made a record quietly: %d", d.name, status)
		}
	}
}

// C16.1: another organization behind the same address.
func TestC16_1_AnotherOrganizationWhileServing(t *testing.T) {
	r := start(t, "--token", "t", "--accounts", "1")
	for _, tt := range []struct{ url, id, path, told string }{
		{r.env["CRMSYNCD_SALESFORCE_URL"], "00D8d0000000009EAA", "/services/oauth2/userinfo", `"organization_id":"00D8d0000000009EAA"`},
		{r.env["CRMSYNCD_HUBSPOT_URL"], "48000099", "/account-info/2026-09/details", `"portalId":48000099`},
		{r.env["CRMSYNCD_CLOSE_URL"], "orga_another", "/api/v1/me/", `"id":"orga_another"`},
	} {
		door := tt.url + "/_sim/organization"
		if _, body := speak(t, "GET", door, "", ""); !strings.HasPrefix(body, `{"id":"`) || strings.Contains(body, tt.id) {
			t.Errorf("%s: before: %s", tt.path, body)
		}
		for _, bad := range []string{`{"id":"no id"}`, `{"name":"Acme"}`, ``} {
			if status, body := speak(t, "PUT", door, "", bad); status != http.StatusBadRequest {
				t.Errorf("%s: %s: %d %s", tt.path, bad, status, body)
			}
		}
		if status, body := speak(t, "PUT", door, "", `{"id":"`+tt.id+`"}`); status != http.StatusNoContent {
			t.Errorf("%s: %d %s", tt.path, status, body)
		}
		if _, body := speak(t, "GET", tt.url+tt.path, "t", ""); !strings.Contains(body, tt.told) {
			t.Errorf("%s: %s", tt.path, body)
		}
	}
}

// C16.1: rules may come with the command line, and --help describes them.
func TestC16_1_RuleFlag(t *testing.T) {
	r := start(t, "--token", "t", "--accounts", "1", "--rule", `salesforce:{"object":"Account","on":"create","text":"closed","code":"LIMIT_EXCEEDED"}`,
		"--rule", `qbench:{"object":"customer","effect":"hide"}`)
	if status, body := speak(t, "POST", r.env["CRMSYNCD_SALESFORCE_URL"]+"/services/data/v64.0/sobjects/Account", "t", `{"Name":"x"}`); !strings.Contains(body, "LIMIT_EXCEEDED") {
		t.Errorf("got %d %s", status, body)
	}
	if _, body := speak(t, "GET", r.env["CRMSYNCD_QBENCH_URL"]+"/qbench/api/v1/customer", "t", ""); !strings.Contains(body, `"total_count":0`) {
		t.Errorf("got %s", body)
	}
	for _, bad := range []string{`{"object":"Account"}`, `zoho:{"object":"Account"}`, `salesforce:{"object":"Thing"}`, `salesforce:{"object":"Account"`} {
		root := newRoot()
		root.SetOut(io.Discard)
		root.SetArgs([]string{"serve", "--accounts", "1", "--qbench", "127.0.0.1:0", "--salesforce", "127.0.0.1:0", "--hubspot", "127.0.0.1:0", "--close", "127.0.0.1:0", "--rule", bad})
		err := root.ExecuteContext(t.Context())
		if err == nil || !strings.Contains(err.Error(), "--rule") || exitCode(err) != exitCode(usageError{err}) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	var help strings.Builder
	root := newRoot()
	root.SetOut(&help)
	root.SetArgs([]string{"serve", "--help"})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"/_sim/rules", "refuse", "ignore", "rewrite", "hide", "malform", "{credential}", "/_sim/organization", `"quiet": true`, "--rule"} {
		if !strings.Contains(help.String(), word) {
			t.Errorf("--help does not tell of %s", word)
		}
	}
}

// C16.1: rules come and go while the API is read; run it under the race detector.
func TestC16_1_RulesTurnWhileTheAPIIsRead(t *testing.T) {
	r := start(t, "--token", "t", "--accounts", "2", "--qbench-rate-limit", "-1")
	var all sync.WaitGroup
	for _, d := range vendorDoors(r) {
		record := d.url + fmt.Sprintf(d.read, d.made(t, "Busy Street 1"))
		rule := fmt.Sprintf(`{"object":%q,"effect":"hide"}`, d.object)
		all.Go(func() {
			for range 10 {
				if status, body := speak(t, "GET", record, "t", ""); status != http.StatusOK && status != http.StatusNotFound {
					t.Errorf("%s: %d %s", d.name, status, body)
				}
			}
		})
		all.Go(func() {
			for range 10 {
				if status, body := speak(t, "POST", d.url+"/_sim/rules", "", rule); status != http.StatusCreated {
					t.Errorf("%s: %d %s", d.name, status, body)
				}
				speak(t, "DELETE", d.url+"/_sim/rules", "", "")
			}
		})
	}
	all.Wait()
}
