package daemon_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"crmsyncd/sync/daemon"
)

// The status pages say what the command says, and take no orders.
func TestPages(t *testing.T) {
	h := api(t).Pages(daemon.Readers{})
	get := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "http://localhost:9464"+path, nil))
		return w
	}
	if w := get("GET", "/healthz"); w.Code != http.StatusOK || w.Body.String() != "yellow\n" {
		t.Errorf("healthz: %d %q", w.Code, w.Body)
	}
	var st daemon.Status
	if w := get("GET", "/status"); json.Unmarshal(w.Body.Bytes(), &st) != nil || st.Version != "test" {
		t.Errorf("status: %d %q", w.Code, w.Body)
	}
	for _, path := range []string{"/", "/v1/run", "/v1/held"} {
		if w := get("GET", path); w.Code != http.StatusNotFound {
			t.Errorf("%s answers %d", path, w.Code)
		}
	}
	if w := get("POST", "/status"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("a POST answers %d", w.Code)
	}
}

// C12.2: without a token only this machine's own names are answered, and beyond
// this machine nobody is without the token.
func TestC12_2_WhoReadsThePages(t *testing.T) {
	token := func() (string, error) { return "s3cret", nil }
	for name, c := range map[string]struct {
		readers      daemon.Readers
		host, bearer string
		want         int
	}{
		"address":              {daemon.Readers{}, "127.0.0.1:9464", "", 200},
		"other loopback":       {daemon.Readers{}, "127.8.8.8", "", 200},
		"IPv6":                 {daemon.Readers{}, "[::1]:9464", "", 200},
		"IPv6 without a port":  {daemon.Readers{}, "[::1]", "", 200},
		"name":                 {daemon.Readers{}, "LocalHost.:9464", "", 200},
		"stranger's name":      {daemon.Readers{}, "evil.example", "", 403},
		"with our port":        {daemon.Readers{}, "evil.example:9464", "", 403},
		"like ours":            {daemon.Readers{}, "localhost.evil.example", "", 403},
		"address like ours":    {daemon.Readers{}, "127.0.0.1.evil.example", "", 403},
		"outer address":        {daemon.Readers{}, "192.0.2.7:9464", "", 403},
		"no name":              {daemon.Readers{}, "", "", 403},
		"token":                {daemon.Readers{Token: token}, "127.0.0.1", "Bearer s3cret", 200},
		"token, small letters": {daemon.Readers{Token: token}, "127.0.0.1", "bearer s3cret", 200},
		"token missing":        {daemon.Readers{Token: token}, "127.0.0.1", "", 401},
		"token wrong":          {daemon.Readers{Token: token}, "127.0.0.1", "Bearer s3cre", 401},
		"another scheme":       {daemon.Readers{Token: token}, "127.0.0.1", "Basic s3cret", 401},
		"token, evil name":     {daemon.Readers{Token: token}, "evil.example", "Bearer s3cret", 403},
		"anywhere":             {daemon.Readers{Token: token, Anywhere: true}, "crm.example", "Bearer s3cret", 200},
		"anywhere, no token":   {daemon.Readers{Token: token, Anywhere: true}, "127.0.0.1", "", 401},
		"anywhere, none set":   {daemon.Readers{Anywhere: true}, "127.0.0.1", "", 401},
		"token not readable":   {daemon.Readers{Token: func() (string, error) { return "", errors.New("gone") }}, "127.0.0.1", "Bearer ", 500},
		"token empty":          {daemon.Readers{Token: func() (string, error) { return "", nil }}, "127.0.0.1", "Bearer ", 500},
	} {
		t.Run(name, func(t *testing.T) {
			h := api(t).Pages(c.readers)
			for _, path := range []string{"/status", "/healthz"} {
				r := httptest.NewRequest("GET", path, nil)
				r.Host = c.host
				if c.bearer != "" {
					r.Header.Set("Authorization", c.bearer)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != c.want {
					t.Errorf("%s answers %d, want %d: %s", path, w.Code, c.want, w.Body)
				}
			}
		})
	}
}
