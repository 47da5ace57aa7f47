package faults

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Transport calls a handler in process, without sockets, so that a client and
// a simulator can live in one synctest bubble. A handler that aborts the
// connection gives the client an error before the header, or a body that ends
// in io.ErrUnexpectedEOF after it, as a real connection would.
type Transport struct {
	Handler http.Handler
	// Latency is waited before each request reaches the handler.
	Latency time.Duration
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !pause(req, t.Latency) {
		return nil, fmt.Errorf("wait for the answer: %w", req.Context().Err())
	}
	in := serverRequest(req)
	defer func() { _ = in.Body.Close() }()
	out := &recorder{header: http.Header{}, status: http.StatusOK}
	aborted := call(t.Handler, out, in)
	if err := req.Context().Err(); err != nil {
		return nil, fmt.Errorf("wait for the answer: %w", err)
	}
	if aborted && !out.wrote {
		return nil, fmt.Errorf("read the answer: %w", io.EOF)
	}
	return response(req, out, aborted), nil
}

// serverRequest is req as a server would see it.
func serverRequest(req *http.Request) *http.Request {
	in := req.Clone(req.Context())
	in.RequestURI = req.URL.RequestURI()
	in.Host = req.Host
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	in.RemoteAddr = "192.0.2.1:1234"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	return in
}

// call reports whether the handler aborted the connection.
func call(h http.Handler, w http.ResponseWriter, req *http.Request) (aborted bool) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			aborted = true
		default:
			panic(p)
		}
	}()
	h.ServeHTTP(w, req)
	return false
}

func response(req *http.Request, out *recorder, aborted bool) *http.Response {
	var body io.Reader = &out.body
	length := int64(out.body.Len())
	if aborted {
		body = io.MultiReader(body, brokenReader{})
		length = -1
		if n, err := strconv.ParseInt(out.header.Get("Content-Length"), 10, 64); err == nil {
			length = n
		}
	}
	if out.header.Get("Content-Type") == "" && out.body.Len() > 0 {
		out.header.Set("Content-Type", http.DetectContentType(out.body.Bytes()[:min(512, out.body.Len())]))
	}
	return &http.Response{
		Status:        strconv.Itoa(out.status) + " " + http.StatusText(out.status),
		StatusCode:    out.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        out.header,
		Body:          io.NopCloser(body),
		ContentLength: length,
		Request:       req,
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
