package worldtest

import (
	"context"
	"errors"
	"net/http"
	"sync"
)

// errKilled is what commits and calls meet once the process is as good as dead.
var errKilled = errors.New("killed")

// killer ends the life of a process at a chosen commit or call. From then on
// nothing is committed and no call leaves.
type killer struct {
	mu            sync.Mutex
	commits       int // that are left, 0 for no limit
	calls         int
	after         bool // the last call takes effect and its answer is lost
	dead          bool
	cancel        func()
	deaths, armed int
}

// AtCommit kills the next process at its n-th commit.
func (k *killer) atCommit(n int) { k.arm(func() { k.commits = n }) }

// AtCall kills the next process at its n-th call, before or after it took effect.
func (k *killer) atCall(n int, after bool) { k.arm(func() { k.calls, k.after = n, after }) }

func (k *killer) arm(set func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.armed++
	set()
}

// disarm lets a new process live.
func (k *killer) disarm() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.commits, k.calls, k.after, k.dead, k.cancel = 0, 0, false, false, nil
}

func (k *killer) onDeath(cancel func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cancel = cancel
}

// isDead reports whether the process was killed.
func (k *killer) isDead() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dead
}

// count takes one from n and kills at the last one.
func (k *killer) count(n *int) (last bool) {
	if *n == 0 {
		return false
	}
	if *n--; *n > 0 {
		return false
	}
	k.dead = true
	k.deaths++
	if k.cancel != nil {
		k.cancel()
	}
	return true
}

func (k *killer) commit() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dead || k.count(&k.commits) {
		return errKilled
	}
	return nil
}

func (k *killer) call() (pass, lose bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dead {
		return false, false
	}
	if k.count(&k.calls) {
		return false, k.after
	}
	return true, false
}

// mortal is the way out of a process that may be killed.
type mortal struct {
	*killer
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (m mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	pass, lose := m.call()
	switch {
	case pass:
		return m.next.RoundTrip(r) // it stands for the network
	case lose:
		if resp, err := m.next.RoundTrip(r.WithContext(context.WithoutCancel(r.Context()))); err == nil {
			_ = resp.Body.Close()
		}
	}
	return nil, errKilled
}

// spare takes back what is armed and did not happen.
func (k *killer) spare() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.commits, k.calls = 0, 0
}
