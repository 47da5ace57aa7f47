package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// drainTime is how long calls in flight may take after the stop.
const drainTime = 5 * time.Second

// running is the simulators while they serve.
type running struct {
	url map[string]string // of each system

	ctx     context.Context //nolint:containedctx // the life of the servers, not of a call
	cancel  context.CancelFunc
	servers []*http.Server
	done    chan error
}

// door is a simulator and the address where it is asked for.
type door struct {
	system, addr string
	handler      http.Handler
}

func (s *stage) doors(o options) []door {
	return []door{
		{"qbench", o.qbenchAddr, s.qbench},
		{"salesforce", o.salesforceAddr, withAdmin(s.salesforce, extrasOfSalesforce(s.salesforce))},
		{"hubspot", o.hubspotAddr, withAdmin(s.hubspot, extrasOfHubSpot(s.hubspot))},
		{"close", o.closeAddr, withAdmin(closeOrg{s.closeio}, extrasOfClose(s.closeio))},
	}
}

// listen opens all addresses before anything is served, so that a taken port
// leaves nothing half started.
func (s *stage) listen(ctx context.Context, o options) (*running, error) {
	doors := s.doors(o)
	r := &running{url: map[string]string{}, done: make(chan error, len(doors))}
	var listeners []net.Listener
	for _, d := range doors {
		l, err := open(ctx, d.addr)
		if err != nil {
			for _, opened := range listeners {
				_ = opened.Close()
			}
			return nil, fmt.Errorf("listen for %s: %w", d.system, err)
		}
		listeners = append(listeners, l)
		r.url[d.system] = "http://" + l.Addr().String()
	}
	r.ctx, r.cancel = context.WithCancel(ctx)
	for i, d := range doors {
		r.start(listeners[i], d.handler)
	}
	return r, nil
}

// open listens and makes sure that the name led to a loopback address.
func open(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if at, isTCP := l.Addr().(*net.TCPAddr); !isTCP || !at.IP.IsLoopback() {
		_ = l.Close()
		return nil, fmt.Errorf("%s is not a loopback address", l.Addr())
	}
	return l, nil
}

func (r *running) start(l net.Listener, h http.Handler) {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	r.servers = append(r.servers, srv)
	go func() {
		err := srv.Serve(l)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		r.done <- err
		r.cancel()
	}()
}

// wait returns when the context has ended or a server failed, and all servers
// have drained.
func (r *running) wait() error {
	<-r.ctx.Done()
	return r.stop()
}

// stop ends the servers and waits for them.
func (r *running) stop() error {
	r.cancel()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), drainTime)
	defer cancel()
	var errs []error
	for _, srv := range r.servers {
		if err := srv.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("drain: %w", err), srv.Close())
		}
	}
	for range r.servers {
		errs = append(errs, <-r.done)
	}
	return errors.Join(errs...)
}
