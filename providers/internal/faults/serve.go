package faults

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Wrap returns next with the switches before it.
func (s *Switches) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r := s.pick(req)
		if r == nil {
			next.ServeHTTP(w, req)
			return
		}
		r.serve(w, req, next)
	})
}

func (r *Rule) serve(w http.ResponseWriter, req *http.Request, next http.Handler) {
	if !pause(req, r.Delay) {
		panic(http.ErrAbortHandler)
	}
	if !r.replaces() && !r.Truncate {
		next.ServeHTTP(w, req)
		return
	}
	var own *recorder
	if r.After || !r.replaces() {
		own = &recorder{header: http.Header{}, status: http.StatusOK}
		next.ServeHTTP(own, req)
	} else {
		// A server that reads nothing and closes early would reset the connection and
		// hide the answer from the client.
		_, _ = io.Copy(io.Discard, io.LimitReader(req.Body, 1<<20))
	}
	switch {
	case r.Drop:
		panic(http.ErrAbortHandler)
	case r.replaces():
		r.answer(w, presented(req))
	default:
		maps.Copy(w.Header(), own.header)
		send(w, own.status, own.body.Bytes(), true)
	}
}

// presented is the key or token that a request carries.
func presented(req *http.Request) string {
	if user, _, basic := req.BasicAuth(); basic {
		return user
	}
	_, token, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	return token
}

// answer sends what the rule says instead of the simulator's answer.
func (r *Rule) answer(w http.ResponseWriter, credential string) {
	status := r.Status
	if status == 0 {
		status = http.StatusOK
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	body := []byte(strings.ReplaceAll(r.Body, "{credential}", credential))
	switch r.Answer {
	case Huge:
		defer sendHuge(w, status)
	case HTML:
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		body = []byte("<!DOCTYPE html><html><head><title>Down for Maintenance</title></head><body><h1>Down for Maintenance</h1></body></html>\n")
	case Deep:
		body = []byte(strings.Repeat("[", 100_000))
	case Control:
		body = []byte("{\"name\":\"bad\x00\x01\x1f\x7fvalue\"}")
	case Empty:
		body = nil
	}
	for k, v := range r.Header {
		w.Header().Set(k, v)
	}
	if r.Answer != Huge {
		send(w, status, body, r.Truncate)
	}
}

func send(w http.ResponseWriter, status int, body []byte, cut bool) {
	if !cut {
		w.WriteHeader(status)
		_, _ = w.Write(body)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body[:len(body)/2])
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	panic(http.ErrAbortHandler)
}

func sendHuge(w http.ResponseWriter, status int) {
	w.WriteHeader(status)
	chunk := bytes.Repeat([]byte("a"), 1<<20)
	if _, err := io.WriteString(w, `{"name":"`); err != nil {
		return
	}
	for range HugeSize >> 20 {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// pause waits for d and reports false when the request ended first.
func pause(req *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-req.Context().Done():
		return false
	}
}

func seconds(d time.Duration) string {
	return strconv.Itoa(int((d + time.Second - 1) / time.Second))
}

// recorder keeps an answer in memory.
type recorder struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.wrote = true
	return r.body.Write(p)
}
