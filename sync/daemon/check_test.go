package daemon_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"testing"

	"crmsyncd/providers"
	"crmsyncd/sync/daemon"
)

// failing is a system that is asked in vain.
type failing struct {
	providers.Provider
	err error
}

func (f failing) Identify(context.Context) (providers.Identity, error) {
	return providers.Identity{}, f.err
}

// A check tells a system that does not answer from one that answers something
// wrong, and from a host that nobody knows.
func TestCheckTellsWhoIsDown(t *testing.T) {
	transient := func(err error) error {
		return &providers.Error{Op: "read the account", Kind: providers.Transient, Err: err}
	}
	for name, tc := range map[string]struct {
		err  error
		down bool
	}{
		"503":                {transient(errors.New("status 503, down")), true},
		"no connection":      {transient(&net.OpError{Op: "dial", Err: errors.New("connection refused")}), true},
		"an unknown host":    {transient(&net.DNSError{Err: "no such host", Name: "typo.example", IsNotFound: true}), false},
		"no resolver":        {transient(&net.DNSError{Err: "i/o timeout", Name: "a.example", IsTimeout: true}), true},
		"a wrong credential": {providers.Errorf(providers.Denied, "token", "status 401, the gate said status 503"), false},
		"anything else":      {errors.New("another organization answers"), false},
	} {
		a := apiOf(t, failing{err: tc.err})
		var view daemon.CheckView
		sink := daemon.Sink{Item: func(raw json.RawMessage) error { return json.Unmarshal(raw, &view) }}
		if _, err := daemon.Ask[daemon.Count](t.Context(), daemon.Local(a.Handler()), "check", daemon.CheckArgs{}, sink); err != nil {
			t.Fatal(err)
		}
		if view.Error == "" || view.Down != tc.down {
			t.Errorf("%s: %+v, want down %t", name, view, tc.down)
		}
	}
}
