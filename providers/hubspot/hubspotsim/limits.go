package hubspotsim

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Policy names a limit, as 429 answers do.
type Policy string

// The limits of the API.
// https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines (last checked 2026-11-22)
const (
	PolicySecondly  Policy = "SECONDLY" // searches
	PolicyTenSecond Policy = "TEN_SECONDLY_ROLLING"
	PolicyDaily     Policy = "DAILY"
)

// limits counts calls in rolling windows and by the account's day.
type limits struct {
	opt *Options

	mu       sync.Mutex
	recent   window
	searches window
	day      string
	today    int
	refuse   map[Policy]int
}

// window holds the times of the calls within it.
type window struct{ at []int64 }

func (w *window) count(now int64, length time.Duration) int {
	first := 0
	for first < len(w.at) && w.at[first] <= now-length.Milliseconds() {
		first++
	}
	w.at = w.at[first:]
	return len(w.at)
}

// usage is what the headers of an answer tell.
type usage struct{ left, leftToday int }

// admit counts a call, or refuses it. Searches and association batches do not
// count in the window of ten seconds.
func (l *limits) admit(search, exempt bool) (u usage, err *Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.opt.Clock()
	ms := now.UnixMilli()
	if day := now.In(l.opt.TimeZone).Format(time.DateOnly); day != l.day {
		l.day, l.today = day, 0
	}
	recent, searches := l.recent.count(ms, 10*time.Second), l.searches.count(ms, time.Second)
	l.today++
	u = usage{max(0, l.opt.RateLimit-recent-1), max(0, l.opt.DailyLimit-l.today)}
	switch {
	case l.over(PolicyDaily, l.today-1, l.opt.DailyLimit):
		return u, limited(PolicyDaily, "You have reached your daily limit.")
	case search && l.over(PolicySecondly, searches, l.opt.SearchLimit):
		return u, limited(PolicySecondly, "You have reached your secondly limit.")
	case !search && !exempt && l.over(PolicyTenSecond, recent, l.opt.RateLimit):
		return u, limited(PolicyTenSecond, "You have reached your ten_secondly_rolling limit.")
	}
	switch {
	case search:
		l.searches.at = append(l.searches.at, ms)
	case !exempt:
		l.recent.at = append(l.recent.at, ms)
	}
	return u, nil
}

func (l *limits) over(p Policy, used, limit int) bool {
	if n := l.refuse[p]; n != 0 {
		if n > 0 {
			l.refuse[p] = n - 1
		}
		return true
	}
	return limit != Unlimited && used >= limit
}

func limited(p Policy, message string) *Error {
	return &Error{Status: http.StatusTooManyRequests, Message: message, ErrorType: "RATE_LIMIT", PolicyName: string(p)}
}

// headers tells the use of the limits. Searches tell nothing, OAuth apps
// nothing of the day.
func (l *limits) headers(h http.Header, u usage, oauth bool) {
	if l.opt.RateLimit != Unlimited {
		h.Set("X-Hubspot-Ratelimit-Max", strconv.Itoa(l.opt.RateLimit))
		h.Set("X-Hubspot-Ratelimit-Remaining", strconv.Itoa(u.left))
		h.Set("X-Hubspot-Ratelimit-Interval-Milliseconds", "10000")
	}
	if l.opt.DailyLimit != Unlimited && !oauth {
		h.Set("X-Hubspot-Ratelimit-Daily", strconv.Itoa(l.opt.DailyLimit))
		h.Set("X-Hubspot-Ratelimit-Daily-Remaining", strconv.Itoa(u.leftToday))
	}
}

// RefuseCalls answers the next n calls that the policy covers with its 429; a
// negative n refuses them until it is called with 0.
func (s *Sim) RefuseCalls(p Policy, n int) {
	s.limits.mu.Lock()
	defer s.limits.mu.Unlock()
	if s.limits.refuse == nil {
		s.limits.refuse = map[Policy]int{}
	}
	s.limits.refuse[p] = n
}

// CallsToday is the number of calls since the account's midnight.
func (s *Sim) CallsToday() int {
	s.limits.mu.Lock()
	defer s.limits.mu.Unlock()
	return s.limits.today
}
