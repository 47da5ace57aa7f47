package closeiosim

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// limitWindow is the length of a window. Close names neither length nor number.
const limitWindow = 5 * time.Second

// limits counts calls per endpoint group: the method and the first part of the
// path.
// https://developer.close.com/api/overview/rate-limits (last checked 2026-11-22)
type limits struct {
	clock func() time.Time

	mu     sync.Mutex
	limit  int
	groups map[string]*group
}

type group struct {
	since time.Time
	used  int
}

// admit counts a call, tells the state in the RateLimit header, and reports how
// long to wait when there are no calls left.
func (l *limits) admit(name string, h http.Header) (wait time.Duration) {
	now := l.clock()
	l.mu.Lock()
	defer l.mu.Unlock()
	limit := l.limit
	if limit < 0 {
		return 0
	}
	g := l.groups[name]
	if g == nil {
		g = &group{since: now}
		l.groups[name] = g
	}
	if now.Sub(g.since) >= limitWindow || now.Before(g.since) {
		g.since, g.used = now, 0
	}
	reset := g.since.Add(limitWindow).Sub(now)
	if g.used >= limit {
		h.Set("RateLimit", rateHeader(limit, 0, reset))
		h.Set("Retry-After", wholeSeconds(reset))
		return reset
	}
	g.used++
	h.Set("RateLimit", rateHeader(limit, limit-g.used, reset))
	return 0
}

// rateHeader tells the reset in seconds with their fraction, as clients met it.
func rateHeader(limit, left int, reset time.Duration) string {
	return fmt.Sprintf("limit=%d, remaining=%d, reset=%s", limit, left, strconv.FormatFloat(reset.Seconds(), 'f', -1, 64))
}

func wholeSeconds(d time.Duration) string {
	return strconv.Itoa(int(math.Ceil(d.Seconds())))
}

// limitedBody is the old body of a 429, deprecated since 2024-04-24.
func limitedBody(wait time.Duration) []byte {
	return fmt.Appendf(nil, `{"error":{"rate_reset":%s,"message":"API call count exceeded for this 5 second window"}}`,
		strconv.FormatFloat(wait.Seconds(), 'f', -1, 64))
}
