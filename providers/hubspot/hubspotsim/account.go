package hubspotsim

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// serveAccount serves what is below /account-info/{version}.
func (c *call) serveAccount() *Error {
	c.calls.count(CallAccount, "")
	switch {
	case c.r.Method != http.MethodGet:
		return notAllowed()
	case slices.Equal(c.path, []string{"details"}):
		c.tellDetails()
	case slices.Equal(c.path, []string{"api-usage", "daily", "private-apps"}):
		c.tellUsage()
	default:
		return notFound()
	}
	return nil
}

func (c *call) tellDetails() {
	_, offset := c.opt.Clock().In(c.opt.TimeZone).Zone()
	c.sendValue(http.StatusOK, map[string]any{
		"portalId": c.store.portal.Load(), "accountType": "STANDARD", "timeZone": c.opt.TimeZone.String(), "companyCurrency": "USD",
		"additionalCurrencies": []string{}, "utcOffset": time.Unix(0, 0).In(time.FixedZone("", offset)).Format("-07:00"),
		"utcOffsetMilliseconds": offset * 1000, "uiDomain": "app.hubspot.com", "dataHostingLocation": "na1",
	})
}

func (c *call) tellUsage() {
	now := c.opt.Clock().In(c.opt.TimeZone)
	midnight := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, c.opt.TimeZone)
	c.sendValue(http.StatusOK, map[string]any{"results": []map[string]any{{
		"name": "private-apps-api-calls-daily", "usageLimit": c.opt.DailyLimit, "currentUsage": c.CallsToday(),
		"collectedAt": formatTime(now.UnixMilli()), "fetchStatus": "SUCCESS", "resetsAt": formatTime(midnight.UnixMilli()),
	}}})
}

// ownerJSON is an owner as the API tells it.
type ownerJSON struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	Type      string `json:"type"`
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
	UserID    int    `json:"userId,omitempty"`
	Including int    `json:"userIdIncludingInactive"`
	CreatedAt string `json:"createdAt"`
	UpdatedAt string `json:"updatedAt"`
	Archived  bool   `json:"archived"`
}

func (o Owner) tell() ownerJSON {
	const since = "2024-02-01T08:00:00.000Z"
	x := ownerJSON{o.ID, o.Email, "PERSON", o.FirstName, o.LastName, o.UserID, o.UserID, since, since, o.Archived}
	if o.Archived {
		x.UserID = 0
	}
	return x
}

// serveOwners serves what is below /crm/owners/{version}.
func (c *call) serveOwners() *Error {
	c.calls.count(CallOwners, "")
	if c.r.Method != http.MethodGet || len(c.path) > 1 {
		return notAllowed()
	}
	if err := c.scope("crm.objects.owners.read"); err != nil {
		return err
	}
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	if len(c.path) == 1 {
		return c.oneOwner(c.path[0])
	}
	return c.listOwners()
}

func (c *call) oneOwner(id string) *Error {
	q := c.query()
	for _, o := range c.store.owners {
		is := o.ID
		if q.Get("idProperty") == "userId" {
			is = strconv.Itoa(o.UserID)
		}
		if is == id && o.Archived == (q.Get("archived") == "true") {
			c.sendValue(http.StatusOK, o.tell())
			return nil
		}
	}
	return notFound()
}

func (c *call) listOwners() *Error {
	q := c.query()
	limit, first := 100, 0
	if v := q.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 500 {
			return invalid("limit must be from 1 to 500")
		}
		limit = n
	}
	if after := q.Get("after"); after != "" {
		n, err := strconv.Atoi(after)
		if err != nil || n < 0 {
			return invalid("after is not a cursor of this list")
		}
		first = n
	}
	list, next := []ownerJSON{}, 0
	for i, o := range c.store.owners {
		if i < first || o.Archived != (q.Get("archived") == "true") || (q.Get("email") != "" && o.Email != q.Get("email")) {
			continue
		}
		if len(list) == limit {
			next = i
			break
		}
		list = append(list, o.tell())
	}
	answer := map[string]any{"results": list}
	if next > 0 {
		answer["paging"] = map[string]any{"next": map[string]any{"after": strconv.Itoa(next)}}
	}
	c.sendValue(http.StatusOK, answer)
	return nil
}
