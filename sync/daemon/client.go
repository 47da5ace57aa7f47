package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// ErrNoDaemon is returned when nobody answers on the socket.
var ErrNoDaemon = errors.New("no daemon is running")

var errCut = errors.New("the answer was cut: the daemon ended before it was whole (crmsyncd status shows how things are)")

// Client asks an API, over a socket or in its own process.
type Client struct {
	http *http.Client
	// Daemon tells who answers; nil in the command's own process.
	Daemon *Pong
}

// Sink takes what comes before the result. Either may be nil.
type Sink struct {
	Item     func(json.RawMessage) error
	Progress func(Progress)
}

// dialTime is how long a daemon has to say that it is there.
const dialTime = 2 * time.Second

// Dial returns a client of the daemon behind the socket, ErrNoDaemon if there
// is none.
func Dial(ctx context.Context, socket string) (*Client, error) {
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "unix", socket)
	}}
	c := &Client{http: &http.Client{Transport: tr}}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	pong, err := Ask[Pong](ctx, c, "ping", nil, Sink{})
	switch {
	case err == nil:
		c.Daemon = &pong
		return c, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		if info, err := os.Stat(socket); err == nil && info.Mode().Type() != fs.ModeSocket {
			return nil, fmt.Errorf("%s is no control socket: name that of the daemon", socket)
		}
		return nil, ErrNoDaemon
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("the daemon behind %s does not answer within %s: it hangs, or is stopped (systemctl status crmsyncd)", socket, dialTime)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the control socket %s is not open to you: %s", socket, mayEnter(socket))
	}
	return nil, fmt.Errorf("control socket %s: %w", socket, err)
}

// mayEnter says who may use the socket: its folder belongs to the group.
func mayEnter(socket string) string {
	const members = "run this as root, or as a member of its group"
	info, err := os.Stat(filepath.Dir(socket))
	if err != nil {
		return members
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Gid == 0 { // nobody should become a member of root's
		return members
	}
	group, err := user.LookupGroupId(strconv.FormatUint(uint64(owner.Gid), 10))
	if err != nil {
		return members
	}
	return fmt.Sprintf("run this as root, or as a member of the group %s (adduser NAME %s, and log in again)", group.Name, group.Name)
}

// Local returns a client of a handler in the same process.
func Local(h http.Handler) *Client {
	return &Client{http: &http.Client{Transport: inProcess{h}}}
}

// Ask puts one question and returns its result.
func Ask[R any](ctx context.Context, c *Client, name string, args any, sink Sink) (R, error) {
	var result R
	body, err := json.Marshal(args)
	if err != nil {
		return result, fmt.Errorf("ask %s: %w", name, err)
	}
	if args == nil {
		body = nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://crmsyncd/v1/"+name, bytes.NewReader(body))
	if err != nil {
		return result, fmt.Errorf("ask %s: %w", name, err)
	}
	resp, err := c.http.Do(req)
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		return result, errCut
	}
	if err != nil {
		return result, fmt.Errorf("ask %s: %w", name, err)
	}
	defer resp.Body.Close()
	return readFrames[R](json.NewDecoder(resp.Body), sink)
}

// readFrames reads an answer to its last line.
func readFrames[R any](dec *json.Decoder, sink Sink) (R, error) {
	var result R
	for {
		var f Frame
		if err := dec.Decode(&f); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
				return result, errCut
			}
			return result, fmt.Errorf("read the answer: %w", err)
		}
		switch {
		case f.Error != nil:
			return result, f.Error
		case f.Result != nil:
			if err := json.Unmarshal(f.Result, &result); err != nil {
				return result, fmt.Errorf("read the answer: %w", err)
			}
			return result, nil
		case f.Progress != nil && sink.Progress != nil:
			sink.Progress(*f.Progress)
		case f.Item != nil && sink.Item != nil:
			if err := sink.Item(f.Item); err != nil {
				return result, err
			}
		}
	}
}

// inProcess carries requests to a handler without a network.
type inProcess struct{ h http.Handler }

// RoundTrip lets the handler write into a pipe, so that a long answer is read
// while it is made.
func (t inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	pr, pw := io.Pipe()
	w := &pipeWriter{w: pw, header: http.Header{}, ready: make(chan int, 1)}
	go func() {
		defer pw.Close()
		t.h.ServeHTTP(w, req)
		w.WriteHeader(http.StatusOK)
	}()
	select {
	case code := <-w.ready:
		return &http.Response{
			StatusCode: code, Status: http.StatusText(code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: w.header, Body: pr, ContentLength: -1, Request: req,
		}, nil
	case <-req.Context().Done():
		_ = pr.Close() // lets the handler's next write fail
		return nil, req.Context().Err()
	}
}

// pipeWriter is the handler's side.
type pipeWriter struct {
	w      *io.PipeWriter
	header http.Header
	ready  chan int
	sent   bool
}

// Header returns the header.
func (p *pipeWriter) Header() http.Header { return p.header }

// WriteHeader lets the reader begin.
func (p *pipeWriter) WriteHeader(code int) {
	if !p.sent {
		p.sent = true
		p.ready <- code
	}
}

// Write writes a part of the answer.
func (p *pipeWriter) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	return p.w.Write(b) // the handler's own error
}

// Flush does nothing: a pipe holds nothing back.
func (p *pipeWriter) Flush() {}
