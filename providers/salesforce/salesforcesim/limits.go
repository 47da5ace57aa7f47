package salesforcesim

import (
	"net/http"
	"strconv"
	"sync"
)

// quota counts API calls of the rolling day.
type quota struct {
	mu     sync.Mutex
	used   int
	max    int
	perApp bool
}

// take uses one call, and reports false when none is left.
func (q *quota) take() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.used >= q.max {
		return false
	}
	q.used++
	return true
}

func (q *quota) header() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	text := "api-usage=" + strconv.Itoa(q.used) + "/" + strconv.Itoa(q.max)
	if q.perApp {
		text += "; per-app-api-usage=17/250(appName=sample-connected-app)"
	}
	return text
}

// SetQuota says how many of how many calls are used up. With used at max or
// above, every data call is refused with 403 REQUEST_LIMIT_EXCEEDED.
func (s *Sim) SetQuota(used, limit int) {
	s.quota.mu.Lock()
	defer s.quota.mu.Unlock()
	s.quota.used, s.quota.max = used, limit
}

// SetPerAppQuota switches the longer form of Sforce-Limit-Info on or off,
// which tells the app's own share as well.
func (s *Sim) SetPerAppQuota(on bool) {
	s.quota.mu.Lock()
	defer s.quota.mu.Unlock()
	s.quota.perApp = on
}

func (c *call) limits() *Error {
	c.calls.count(CallLimits, "")
	c.quota.mu.Lock()
	limit, left := strconv.Itoa(c.quota.max), strconv.Itoa(max(0, c.quota.max-c.quota.used))
	c.quota.mu.Unlock()
	return c.answer(http.StatusOK, func(b []byte) []byte {
		return append(b, `{"DailyApiRequests":{"Max":`+limit+`,"Remaining":`+left+`},`+
			`"DailyBulkApiBatches":{"Max":15000,"Remaining":15000},"DailyBulkV2QueryJobs":{"Max":10000,"Remaining":10000},`+
			`"DataStorageMB":{"Max":1024,"Remaining":1024},"FileStorageMB":{"Max":1024,"Remaining":1024}}`...)
	})
}

func (s *Sim) serveVersions(w http.ResponseWriter) {
	b := []byte{'['}
	for v := s.opt.MinVersion; v <= s.opt.MaxVersion; v++ {
		if len(b) > 1 {
			b = append(b, ',')
		}
		n := strconv.Itoa(v)
		b = append(b, `{"label":"`+release(v)+`","url":"/services/data/v`+n+`.0","version":"`+n+`.0"}`...)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_, _ = w.Write(append(b, ']'))
}

// release names the release of a version: v31 is Summer '14, three a year.
func release(v int) string {
	n := v - 30
	season := [...]string{"Spring", "Summer", "Winter"}[((n%3)+3)%3]
	year := 14 + n/3
	if season == "Winter" {
		year++
	}
	return season + " '" + strconv.Itoa(year)
}

func (c *call) resources() *Error {
	c.calls.count(CallResources, "")
	return c.answer(http.StatusOK, func(b []byte) []byte {
		b = append(b, '{')
		for _, r := range []string{"query", "queryAll", "sobjects", "composite", "limits"} {
			b = append(b, `"`+r+`":"`+c.prefix+`/`+r+`",`...)
		}
		b = append(b, `"identity":`...)
		b = quote(b, c.identityURL(c.r))
		return append(b, '}')
	})
}
