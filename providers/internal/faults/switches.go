package faults

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Switches is a set of rules that may be changed while requests are served.
// The zero value is ready, holds no rule, and draws from seed 0.
type Switches struct {
	mu    sync.RWMutex
	rules []*armed
	rng   *rand.Rand
	fired int
}

type armed struct {
	Rule
	seen int
}

// New returns empty switches whose random rates follow seed.
func New(seed uint64) *Switches {
	return &Switches{rng: rand.New(rand.NewPCG(seed, 0x5eed))}
}

// Add arms a rule and returns the function that takes it away again. Earlier
// rules come first: the first one that fires decides.
func (s *Switches) Add(r Rule) (remove func()) {
	a := &armed{Rule: r}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append(s.rules, a)
	return func() { s.remove(a) }
}

func (s *Switches) remove(a *armed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := make([]*armed, 0, len(s.rules))
	for _, r := range s.rules {
		if r != a {
			kept = append(kept, r)
		}
	}
	s.rules = kept
}

// Clear takes all rules away.
func (s *Switches) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
}

// Fired is the number of requests that a rule changed so far.
func (s *Switches) Fired() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.fired
}

// Storm makes the share p of all requests fail with 429 and, if retryAfter is
// above 0, a Retry-After in whole seconds. It returns the function that ends it.
func (s *Switches) Storm(p float64, retryAfter time.Duration) (end func()) {
	r := Rule{Rate: p, Status: http.StatusTooManyRequests}
	if retryAfter > 0 {
		r.Header = map[string]string{"Retry-After": seconds(retryAfter)}
	}
	return s.Add(r)
}

// Unavailable makes the share p of all requests fail with 503, half of them
// after they took effect if after is true. It returns the function that ends it.
func (s *Switches) Unavailable(p float64, after bool) (end func()) {
	r := Rule{Rate: p, Status: http.StatusServiceUnavailable}
	if !after {
		return s.Add(r)
	}
	r.Rate = p / 2
	before := s.Add(r)
	r.After = true
	later := s.Add(r)
	return func() { before(); later() }
}

// pick returns the rule that fires on req, if any, and counts the match in
// every rule it was compared with.
func (s *Switches) pick(req *http.Request) *Rule {
	s.mu.RLock()
	none := len(s.rules) == 0
	s.mu.RUnlock()
	if none {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.rules {
		if !a.matches(req) {
			continue
		}
		a.seen++
		if !a.inRange(a.seen) || (a.Rate > 0 && s.float() >= a.Rate) {
			continue
		}
		s.fired++
		return &a.Rule
	}
	return nil
}

func (s *Switches) float() float64 {
	if s.rng == nil {
		s.rng = rand.New(rand.NewPCG(0, 0x5eed))
	}
	return s.rng.Float64()
}
