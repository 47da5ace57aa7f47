package daemon

import (
	"encoding/json"
	"net/http"
)

// Pages returns the status pages, for probes and monitoring on this machine:
// /healthz answers 200 unless something is red, and 503 then, /status what
// `crmsyncd status -o json` prints. They hold no customers' data and take no
// orders.
func (a *API) Pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		st, ok := a.status(w, r)
		if !ok {
			return
		}
		if st.Health == HealthRed {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte(st.Health + "\n"))
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		if st, ok := a.status(w, r); ok {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(st)
		}
	})
	return mux
}

// status asks what the command asks.
func (a *API) status(w http.ResponseWriter, r *http.Request) (Status, bool) {
	got, err := opStatus(r.Context(), a, nil, nil)
	st, ok := got.(Status)
	if err != nil || !ok {
		http.Error(w, "the status cannot be told", http.StatusInternalServerError)
		return st, false
	}
	return st, true
}
