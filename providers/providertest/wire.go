package providertest

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"crmsyncd/providers/internal/faults"
)

// Wire is a Transport that keeps a record of what went over it.
type Wire struct {
	Handler http.Handler
	// Twist, if set, may answer in the place of the Handler, whose answer it is
	// given, as a server would that repeats what it was sent.
	Twist func(req *http.Request, status int, body []byte) (int, []byte)

	mu    sync.Mutex
	calls []call
	keys  map[string]struct{}
}

type call struct {
	method, host, uri string
}

// RoundTrip implements http.RoundTripper.
func (w *Wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := w.note(req); err != nil {
		return nil, err
	}
	inner := faults.Transport{Handler: w.Handler}
	resp, err := inner.RoundTrip(req)
	if err != nil || w.Twist == nil {
		return resp, err // a transport's errors are its caller's
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err // a transport's errors are its caller's
	}
	resp.StatusCode, body = w.Twist(req, resp.StatusCode, body)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, nil
}

func (w *Wire) note(req *http.Request) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, call{req.Method, req.URL.Host, req.URL.RequestURI()})
	if w.keys == nil {
		w.keys = map[string]struct{}{}
	}
	if _, key, ok := strings.Cut(req.Header.Get("Authorization"), " "); ok {
		w.keys[key] = struct{}{}
	}
	if req.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || req.Body == nil {
		return nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return err // a transport's errors are its caller's
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	form, err := url.ParseQuery(string(body))
	for _, name := range []string{"assertion", "client_secret", "refresh_token"} {
		if v := form.Get(name); v != "" {
			w.keys[v] = struct{}{}
		}
	}
	return err // a transport's errors are its caller's
}

// secrets are the credentials that went over the wire, and more.
func (w *Wire) secrets(more []string) map[string]struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[string]struct{}{}
	for k := range w.keys {
		all[k] = struct{}{}
	}
	for _, k := range more {
		if k != "" {
			all[k] = struct{}{}
		}
	}
	return all
}

// Count returns how many calls had an address with this part; all for "".
func (w *Wire) Count(part string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, c := range w.calls {
		if strings.Contains(c.uri, part) {
			n++
		}
	}
	return n
}

// Hosts returns every host that was called.
func (w *Wire) Hosts() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	hosts := map[string]int{}
	for _, c := range w.calls {
		hosts[c.host]++
	}
	return hosts
}
