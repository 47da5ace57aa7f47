package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is a terminal that a test reads while the command writes.
type screen struct {
	mu    sync.Mutex
	text  bytes.Buffer
	ready chan struct{}
	once  sync.Once
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(p)
	if strings.Contains(s.text.String(), "Stop with Ctrl-C") {
		s.once.Do(func() { close(s.ready) })
	}
	return len(p), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// rehearsal is a running "crmsim serve".
type rehearsal struct {
	screen *screen
	env    map[string]string
	stop   func() error
}

func start(t *testing.T, args ...string) *rehearsal {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out := &screen{ready: make(chan struct{})}
	root := newRoot()
	root.SetOut(out)
	root.SetArgs(append([]string{"serve", "--qbench", "127.0.0.1:0", "--salesforce", "127.0.0.1:0", "--hubspot", "127.0.0.1:0", "--close", "127.0.0.1:0"}, args...))
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(ctx) }()
	select {
	case <-out.ready:
	case err := <-done:
		t.Fatalf("serve ended at once: %v\n%s", err, out)
	}
	var once sync.Once
	var ended error
	stop := func() error {
		once.Do(func() { cancel(); ended = <-done })
		return ended
	}
	t.Cleanup(func() { _ = stop() })
	return &rehearsal{screen: out, env: exported(out.String()), stop: stop}
}

// exported reads the export lines of a screen.
func exported(text string) map[string]string {
	env := map[string]string{}
	for line := range strings.Lines(text) {
		if rest, is := strings.CutPrefix(strings.TrimSpace(line), "export "); is {
			k, v, _ := strings.Cut(rest, "=")
			env[k] = strings.Trim(v, "'")
		}
	}
	return env
}

func (r *rehearsal) secret(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(r.env["CREDENTIALS_DIRECTORY"], name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func send(t *testing.T, method, target, token string, form url.Values) (int, []byte) {
	t.Helper()
	return call(t, method, target, token, "application/x-www-form-urlencoded", form.Encode())
}

// call makes one request with a body of a kind.
func call(t *testing.T, method, target, token, kind, body string) (status int, answer []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// accessToken reads the token out of a token answer.
func accessToken(t *testing.T, status int, body []byte) string {
	t.Helper()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK || answer.AccessToken == "" {
		t.Fatalf("token answer %d %s", status, body)
	}
	return answer.AccessToken
}

func (r *rehearsal) qbenchToken(t *testing.T) string {
	t.Helper()
	part := base64.RawURLEncoding.EncodeToString
	now := time.Now().Unix()
	text := part([]byte(`{"alg":"HS256"}`)) + "." +
		part(fmt.Appendf(nil, `{"sub":%q,"iat":%d,"exp":%d}`, r.env["CRMSYNCD_QBENCH_CLIENT_ID"], now, now+3300))
	mac := hmac.New(sha256.New, []byte(r.secret(t, "qbench")))
	mac.Write([]byte(text))
	status, body := send(t, "POST", r.env["CRMSYNCD_QBENCH_URL"]+"/qbench/oauth2/v1/token", "", url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {text + "." + part(mac.Sum(nil))},
	})
	return accessToken(t, status, body)
}

func (r *rehearsal) salesforceToken(t *testing.T) string {
	t.Helper()
	status, body := send(t, "POST", r.env["CRMSYNCD_SALESFORCE_URL"]+"/services/oauth2/token", "", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {r.env["CRMSYNCD_SALESFORCE_CLIENT_ID"]}, "client_secret": {r.secret(t, "salesforce")},
	})
	return accessToken(t, status, body)
}

// The printed environment and files are enough to sign in to all and to read
// what the banner promises.
func TestServePrintsWhatADaemonNeeds(t *testing.T) {
	r := start(t, "--accounts", "40", "--contacts-per-account", "3")
	status, body := send(t, "GET", r.env["CRMSYNCD_QBENCH_URL"]+"/qbench/api/v2/customers?page_size=1", r.qbenchToken(t), nil)
	if status != http.StatusOK || !strings.Contains(string(body), `"total_count":40`) {
		t.Fatalf("customers: %d %s", status, body)
	}
	query := "/services/data/v64.0/query?q=" + url.QueryEscape("SELECT COUNT() FROM Account")
	status, body = send(t, "GET", r.env["CRMSYNCD_SALESFORCE_URL"]+query, r.salesforceToken(t), nil)
	var count struct {
		TotalSize int `json:"totalSize"`
	}
	if err := json.Unmarshal(body, &count); err != nil || status != http.StatusOK {
		t.Fatalf("accounts: %d %s", status, body)
	}
	if want := fmt.Sprintf("%d accounts", count.TotalSize); count.TotalSize == 0 || !strings.Contains(r.screen.String(), want) {
		t.Fatalf("the org knows %d accounts, the screen says otherwise:\n%s", count.TotalSize, r.screen)
	}
	status, body = send(t, "GET", r.env["CRMSYNCD_HUBSPOT_URL"]+"/crm/objects/2026-09/companies?limit=100", r.secret(t, "hubspot"), nil)
	var page struct {
		Results []json.RawMessage `json:"results"`
	}
	if err := json.Unmarshal(body, &page); err != nil || status != http.StatusOK {
		t.Fatalf("companies: %d %s", status, body)
	}
	if want := fmt.Sprintf("%d companies", len(page.Results)); len(page.Results) == 0 || !strings.Contains(r.screen.String(), want) {
		t.Fatalf("the portal knows %d companies, the screen says otherwise:\n%s", len(page.Results), r.screen)
	}
	if n := r.closeTotal(t, "lead"); n == 0 || !strings.Contains(r.screen.String(), fmt.Sprintf("%d leads, ", n)) {
		t.Fatalf("the organization has %d leads, the screen says otherwise:\n%s", n, r.screen)
	}
	dir := r.env["CREDENTIALS_DIRECTORY"]
	if err := r.stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(dir)); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the temporary folder is still there: %v", err)
	}
	for _, want := range []string{"salesforce  answered 2 calls and took 0 writes", "hubspot     answered 1 calls and took 0 writes", "close       answered 1 calls and took 0 writes"} {
		if !strings.Contains(r.screen.String(), want) {
			t.Errorf("the summary does not say %q:\n%s", want, r.screen)
		}
	}
}

// closeTotal asks Close with the printed key how many records it has.
func (r *rehearsal) closeTotal(t *testing.T, object string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.env["CRMSYNCD_CLOSE_URL"]+"/api/v1/"+object+"/?_limit=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(r.secret(t, "close"), "")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var page struct {
		Total int `json:"total_results"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("list %s: %d %v", object, resp.StatusCode, err)
	}
	return page.Total
}

func TestServeWritesTheConfigFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "my rehearsal")
	r := start(t, "--write-config", dir)
	for path, want := range map[string]os.FileMode{
		dir: os.ModeDir | 0o700, "env": 0o600, "credentials": os.ModeDir | 0o700, "credentials/qbench": 0o600, "credentials/salesforce": 0o600,
		"credentials/hubspot": 0o600, "credentials/close": 0o600,
	} {
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "env"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.screen.String(), string(raw)) {
		t.Errorf("the file says\n%s\nthe screen\n%s", raw, r.screen)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "credentials", "qbench")); err != nil {
		t.Errorf("the folder asked for is gone: %v", err)
	}
}

func TestFixedTokenOpensAll(t *testing.T) {
	r := start(t, "--token", "let-me-in", "--accounts", "1")
	if got := r.secret(t, "hubspot"); got != "let-me-in" {
		t.Errorf("the secret for HubSpot is %q", got)
	}
	if got := r.secret(t, "close"); got != "let-me-in" {
		t.Errorf("the secret for Close is %q", got)
	}
	for _, target := range []string{
		r.env["CRMSYNCD_CLOSE_URL"] + "/api/v1/me/",
		r.env["CRMSYNCD_QBENCH_URL"] + "/qbench/api/v1/customer", r.env["CRMSYNCD_SALESFORCE_URL"] + "/services/data/v64.0/limits",
		r.env["CRMSYNCD_HUBSPOT_URL"] + "/account-info/2026-09/details",
	} {
		if status, body := send(t, "GET", target, "let-me-in", nil); status != http.StatusOK {
			t.Errorf("%s: %d %s", target, status, body)
		}
		if status, _ := send(t, "GET", target, "wrong", nil); status != http.StatusUnauthorized {
			t.Errorf("%s with a wrong token: %d", target, status)
		}
	}
}

func TestSchemaFlag(t *testing.T) {
	path := filepath.Join(t.TempDir(), "schema.yaml")
	text := "objects:\n  Account:\n    fields:\n      - {name: Lab_Tier__c, type: picklist, values: [gold, silver]}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, "--schema", path, "--token", "t", "--accounts", "1")
	_, body := send(t, "GET", r.env["CRMSYNCD_SALESFORCE_URL"]+"/services/data/v64.0/sobjects/Account/describe", "t", nil)
	if !strings.Contains(string(body), "Lab_Tier__c") {
		t.Fatal("the describe does not tell the extra field")
	}
}

func TestHubSpotSchemaFlag(t *testing.T) {
	path := filepath.Join(t.TempDir(), "schema.yaml")
	text := "objects:\n  companies:\n    properties:\n      - {name: lab_tier, type: enumeration, options: [gold, silver]}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, "--hubspot-schema", path, "--token", "t", "--accounts", "1")
	properties := r.env["CRMSYNCD_HUBSPOT_URL"] + "/crm/properties/2026-09/companies/"
	if status, body := send(t, "GET", properties+"lab_tier", "t", nil); status != http.StatusOK {
		t.Errorf("the extra property: %d %s", status, body)
	}
	// What keeps our ids is not there unless the file has it, and that is told.
	if !strings.Contains(r.screen.String(), "check --live") {
		t.Errorf("no hint of the missing property:\n%s", r.screen)
	}
	if status, body := send(t, "GET", properties+"qbench_id", "t", nil); status != http.StatusNotFound {
		t.Errorf("the portal has qbench_id: %d %s", status, body)
	}
	text = "objects:\n  companies:\n    properties:\n      - {name: qbench_id, unique: true}\n  contacts:\n    properties:\n      - {name: qbench_id, unique: true}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := start(t, "--hubspot-schema", path, "--accounts", "1"); strings.Contains(r.screen.String(), "check --live") {
		t.Errorf("a hint of a property that is there:\n%s", r.screen)
	}
}

func TestCloseSchemaFlag(t *testing.T) {
	path := filepath.Join(t.TempDir(), "schema.yaml")
	text := "custom_fields:\n  - {name: Region, type: choices, choices: [EMEA, AMER], objects: [lead]}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, "--close-schema", path, "--token", "t", "--accounts", "1")
	if status, body := send(t, "GET", r.env["CRMSYNCD_CLOSE_URL"]+"/api/v1/custom_field/lead/", "t", nil); status != http.StatusOK || !strings.Contains(string(body), "Region") {
		t.Errorf("the extra field: %d %s", status, body)
	}
}

func TestRefusedCommandLines(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"--qbench", "0.0.0.0:8091"}, "--qbench \"0.0.0.0:8091\": must be a loopback address"},
		{[]string{"--salesforce", ":8092"}, "--salesforce \":8092\": must be a loopback address"},
		{[]string{"--salesforce", "10.1.2.3:1"}, "must be a loopback address"},
		{[]string{"--hubspot", "0.0.0.0:0"}, "--hubspot \"0.0.0.0:0\": must be a loopback address"},
		{[]string{"--hubspot-schema", missing}, "none.yaml"},
		{[]string{"--close", "0.0.0.0:0"}, "--close \"0.0.0.0:0\": must be a loopback address"},
		{[]string{"--close-schema", missing}, "none.yaml"},
		{[]string{"--fault", "close:whatever"}, `unknown word "whatever"`},
		{[]string{"--fault", "hubspot:whatever"}, `unknown word "whatever"`},
		{[]string{"--qbench", "[::]:1"}, "must be a loopback address"},
		{[]string{"--qbench", "example.com:1"}, "must be a loopback address"},
		{[]string{"--qbench", "8091"}, "must be address:port"},
		{[]string{"--fault-429", "1.5"}, "--fault-429 is 1.5: must be between 0 and 1"},
		{[]string{"--fault-5xx", "NaN"}, "must be between 0 and 1"},
		{[]string{"--accounts", "-1"}, "--accounts is -1"},
		{[]string{"--latency", "-1s"}, "--latency is -1s"},
		{[]string{"--fault", "qbench:whatever"}, `unknown word "whatever"`},
		{[]string{"--qbench-dates", "roman"}, "must be one of none, slash"},
		{[]string{"--schema", missing}, "none.yaml"},
		{[]string{"--no-such-flag"}, "unknown flag"},
		{[]string{"extra"}, "unknown command"},
	}
	for _, tt := range tests {
		root := newRoot()
		root.SetOut(io.Discard)
		root.SetArgs(append([]string{"serve", "--accounts", "1"}, tt.args...))
		err := root.ExecuteContext(t.Context())
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.args, err, tt.want)
			continue
		}
		if got := exitCode(err); got != exitUsage {
			t.Errorf("%v: exit code %d, want %d", tt.args, got, exitUsage)
		}
	}
}

func TestTakenPortLeavesNothingOpen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	_ = free.Close()
	root := newRoot()
	root.SetOut(io.Discard)
	root.SetArgs([]string{"serve", "--accounts", "1", "--qbench", addr, "--salesforce", "127.0.0.1:0", "--hubspot", "127.0.0.1:0", "--close", taken.Addr().String()})
	if err := root.ExecuteContext(t.Context()); err == nil || exitCode(err) != exitFailed {
		t.Fatalf("the port is taken, but: %v", err)
	}
	again, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("the other address stayed open: %v", err)
	}
	_ = again.Close()
}
