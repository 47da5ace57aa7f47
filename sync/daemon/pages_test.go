package daemon_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"crmsyncd/sync/daemon"
)

// The status pages say what the command says, and take no orders.
func TestPages(t *testing.T) {
	h := api(t).Pages()
	get := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	if w := get("GET", "/healthz"); w.Code != http.StatusOK || w.Body.String() != "green\n" {
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
