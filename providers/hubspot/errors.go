package hubspot

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/rest"
)

// verb is what a call was about; the same code means different things to a
// create, an update and a read.
type verb uint8

const (
	reading verb = iota
	looking      // for one thing that may not be there
	creating
	updating
)

// callError returns what the failure of a whole call means.
func callError(op string, v verb, resp *rest.Response) *providers.Error {
	f := parseFault(resp)
	e := errorOf(op, v, f)
	kind, ok := statusKind(resp.Status, f)
	switch {
	case ok:
		e.Kind = kind
	case v == looking && resp.Status == http.StatusNotFound:
		e.Kind = providers.Missing
	case v <= looking && ofRecord(e.Kind):
		e.Kind = providers.Broken
	case f.Code == "" && resp.Status != http.StatusBadRequest && resp.Status != http.StatusConflict:
		e.Kind = providers.Broken
	}
	if resp.Status == statusMoving {
		e.RetryAfter, _ = rest.RetryAfter(resp.Header, time.Now())
		e.Hint = "the portal is being moved to another data center"
	}
	if id := resp.Header.Get("X-HubSpot-Correlation-Id"); id != "" && validName(id) && len(id) <= 64 {
		e.Message = strings.TrimSpace(e.Message + " [correlation " + id + "]")
	}
	return e
}

// errorOf returns what one fault means for the record that it is about.
func errorOf(op string, v verb, f fault) *providers.Error {
	return &providers.Error{
		Op: op, Kind: codeKind(v, f), Code: f.Code, Message: unquoted(f.Message), Fields: f.Fields, Hint: hint(f),
	}
}

// ofRecord reports whether a kind is about one record.
func ofRecord(k providers.Kind) bool {
	return k == providers.Rejected || k == providers.Missing || k == providers.Exists
}

// statusKind tells the statuses that say how far a failure reaches whatever the
// answer holds.
func statusKind(status int, f fault) (providers.Kind, bool) {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == statusBadKey:
		return providers.Denied, true
	case status == http.StatusTooManyRequests && ofTheDay(f), status == statusMoving:
		return providers.Budget, true
	case status == http.StatusTooManyRequests, status == statusLocked, status == http.StatusRequestTimeout,
		status >= http.StatusInternalServerError && status != http.StatusNotImplemented:
		return providers.Transient, true
	case status < 400, status == http.StatusRequestURITooLong, status == http.StatusMethodNotAllowed:
		return providers.Broken, true
	}
	return 0, false
}

// codeKind is the table of the vendor's codes.
//
// https://developers.hubspot.com/docs/api-reference/error-handling and
// https://developers.hubspot.com/changelog/crm-api-write-validation-enforcement,
// last checked 2026-11-22.
func codeKind(v verb, f fault) providers.Kind {
	switch f.Code {
	case "PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE", "INVALID_OBJECT_TYPE":
		return providers.Broken
	case "MISSING_SCOPES", "INVALID_AUTHENTICATION", "EXPIRED_AUTHENTICATION":
		return providers.Denied
	case "CONFLICT", "CONFLICTING_UNIQUE_VALUE", "OBJECT_ALREADY_EXISTS":
		if v == creating {
			return providers.Exists
		}
		return providers.Rejected
	case "OBJECT_NOT_FOUND":
		if v == updating {
			return providers.Missing
		}
		return providers.Rejected
	case "RATE_LIMITS", "RATE_LIMIT", "INTERNAL_ERROR":
		return providers.Transient
	}
	switch {
	case strings.Contains(f.Message, "non-unique"), strings.Contains(f.Message, "infer object type"):
		return providers.Broken
	case strings.Contains(f.Message, "Edit Associations"):
		return providers.Denied
	case v <= looking:
		return providers.Broken
	}
	return providers.Rejected
}

func hint(f fault) string {
	switch f.Code {
	case "PROPERTY_DOESNT_EXIST":
		return "the property is gone or was renamed"
	case "READ_ONLY_VALUE":
		return "HubSpot keeps this property itself: take it out of the route"
	case "MISSING_SCOPES":
		if len(f.Scopes) > 0 {
			return "grant the credential " + strings.Join(f.Scopes, ", ")
		}
		return "grant the credential the scopes of this object"
	case "INVALID_OPTION":
		return "add the option in HubSpot, or to the value map"
	case "MISSING_REQUIRED_PROPERTY", "MISSING_CONDITIONAL_REQUIRED_PROPERTY":
		return "a rule of the portal demands this property: map it, or relax the rule"
	case "CONFLICT", "CONFLICTING_UNIQUE_VALUE":
		return "another record has this value, perhaps as a further e-mail address"
	}
	switch {
	case ofTheDay(f):
		return "the portal's quota comes back at midnight in its own time zone"
	case strings.Contains(f.Message, "non-unique"):
		return "look up by a property with unique values, by hs_object_id or by a contact's email"
	case strings.Contains(f.Message, "Edit Associations"):
		return "the user behind the app needs the permission to edit associations"
	}
	return ""
}

func short(s string) string { return rest.Short(s, 80) }

func statusText(status int) string { return "status " + strconv.Itoa(status) }
