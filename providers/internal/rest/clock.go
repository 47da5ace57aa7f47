package rest

import (
	"net/http"
	"sync"
	"time"
)

// Clock is the server's time, as its answers tell it. Between answers it moves
// with the local monotonic clock, so a local clock that is wrong or set does
// not move a cursor. The zero Clock is ready, and knows nothing yet.
type Clock struct {
	mu   sync.Mutex
	told time.Time
	when time.Time // with its monotonic reading
}

// Learn takes the time from the Date of an answer. A header without one, or
// with one that cannot be read, changes nothing.
func (c *Clock) Learn(h http.Header) {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told, c.when = at.UTC(), time.Now()
}

// At returns what the server's clock showed at a local moment, in whole seconds
// and never later than it was there. The moment must come from time.Now as it
// is: rounded or sent through a text it follows the wall clock. Before any
// answer told the time it returns the local one and false.
func (c *Clock) At(local time.Time) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told.IsZero() {
		return local.UTC().Truncate(time.Second), false
	}
	return c.told.Add(local.Sub(c.when)).Truncate(time.Second), true
}
