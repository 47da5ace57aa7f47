package daemon

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
)

// Readers says who may read the status pages.
type Readers struct {
	// Token is what a reader sends as a bearer token; nil where none is asked for.
	Token func() (string, error)
	// Anywhere takes readers from other machines. Otherwise only requests that
	// name this machine are answered: a page in somebody's browser can let its own
	// name lead here, and would read the answer.
	Anywhere bool
}

// Pages returns the status pages, for probes and monitoring:
// /healthz answers 200 unless something is red, and 503 then, /status what
// `crmsyncd status -o json` prints. They hold no customers' data and take no
// orders.
func (a *API) Pages(readers Readers) http.Handler {
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
	return readers.only(mux)
}

// only lets those readers through.
func (rs Readers) only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !rs.Anywhere && !localName(r.Host) {
			http.Error(w, "only requests to this machine by its own name are answered, such as http://127.0.0.1", http.StatusForbidden)
			return
		}
		ok, err := rs.knows(r)
		switch {
		case err != nil:
			http.Error(w, "the token of the pages cannot be read", http.StatusInternalServerError)
		case !ok:
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "send the token: Authorization: Bearer …", http.StatusUnauthorized)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// knows compares the token in a time that tells nothing of it.
func (rs Readers) knows(r *http.Request) (bool, error) {
	if rs.Token == nil {
		return !rs.Anywhere, nil
	}
	want, err := rs.Token()
	if err != nil || want == "" {
		return false, errors.Join(err, errNoToken)
	}
	scheme, got, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	a, b := sha256.Sum256([]byte(want)), sha256.Sum256([]byte(strings.TrimSpace(got)))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(a[:], b[:]) == 1, nil
}

var errNoToken = errors.New("there is no token")

// localName reports whether the host of a request, with or without a port, is a
// name of this machine for itself.
func localName(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
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
