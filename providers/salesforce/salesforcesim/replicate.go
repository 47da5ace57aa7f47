package salesforcesim

import (
	"net/http"
	"time"
)

// How far back getUpdated and getDeleted look.
// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_getupdated.htm (last checked 2026-11-22)
const (
	updatedWindow = 30 * 24 * time.Hour
	deletedWindow = 15 * 24 * time.Hour
)

// span reads start and end, which must be more than a minute apart.
func (c *call) span(window time.Duration) (start, end int64, fail *Error) {
	q := c.r.URL.Query()
	from, ok := parseTime(q.Get("start"))
	to, ok2 := parseTime(q.Get("end"))
	if !ok || !ok2 {
		return 0, 0, bad("INVALID_REPLICATION_DATE", "start and end must be date-times such as 2026-05-01T00:00:00Z")
	}
	switch {
	case !from.Add(time.Minute).Before(to):
		return 0, 0, bad("INVALID_REPLICATION_DATE", "startDate before endDate by more than one minute is required")
	case from.Before(c.opt.Clock().Add(-window)):
		return 0, 0, bad("INVALID_REPLICATION_DATE", "startDate is too far in the past")
	}
	return from.Unix(), to.Unix(), nil
}

// covered is how far an answer reaches: not beyond now, nor beyond the stamp of
// a transaction that is still open. Locked.
func (t *table) covered(end, now int64) int64 {
	end = min(end, now)
	for n, l := range t.late {
		if now < l.until {
			end = min(end, t.rows[n].stamp-1)
		}
	}
	return end
}

func (c *call) updated(t *table) *Error {
	c.calls.count(CallUpdated, t.obj.name)
	start, end, err := c.span(updatedWindow)
	if err != nil {
		return err
	}
	c.rlock()
	now := c.store.now()
	return c.answer(http.StatusOK, func(b []byte) []byte {
		b = append(b, `{"ids":[`...)
		first := true
		for n := range t.rows {
			r := t.shows(uint32(n), now)
			if r == nil || r.life != live || r.stamp < start || r.stamp >= end {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = quote(b, t.id(uint32(n)))
		}
		return append(b, `],"latestDateCovered":"`+formatTime(t.covered(end, now))+`"}`...)
	})
}

func (c *call) deleted(t *table) *Error {
	c.calls.count(CallDeleted, t.obj.name)
	start, end, err := c.span(deletedWindow)
	if err != nil {
		return err
	}
	c.rlock()
	now := c.store.now()
	earliest := max(c.store.emptied, now-int64(deletedWindow.Seconds()))
	return c.answer(http.StatusOK, func(b []byte) []byte {
		b = append(b, `{"deletedRecords":[`...)
		first := true
		for n := range t.rows {
			r := t.shows(uint32(n), now)
			if r == nil || r.life != deleted || r.stamp < start || r.stamp >= end {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(b, `{"id":"`+t.id(uint32(n))+`","deletedDate":"`+formatTime(r.stamp)+`"}`...)
		}
		return append(b, `],"earliestDateAvailable":"`+formatTime(earliest)+`","latestDateCovered":"`+formatTime(t.covered(end, now))+`"}`...)
	})
}
