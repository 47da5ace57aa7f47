package salesforce

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/scrub"
)

// verb is what a call was about; the same code means different things to a
// create, an update and a read.
type verb uint8

const (
	reading verb = iota
	creating
	updating
)

// fault is one error as the vendor sends it. A call that failed as a whole
// names its code errorCode, a record of a collection names it statusCode.
type fault struct {
	Code    string
	Message string
	Fields  []string
}

// concurrencyPause is how long a target rests when too many long requests run
// in the organization: there is no Retry-After.
const concurrencyPause = 2 * time.Minute

// recordError returns what a fault of one record means.
func recordError(op string, v verb, ref record.Ref, f fault) *providers.Error {
	e := &providers.Error{
		Op: op, Ref: ref, Code: f.Code, Message: unquoted(f.Message), Fields: f.Fields,
	}
	kind, ok := codeKind(v, f)
	if !ok {
		kind = providers.Rejected
	}
	e.Kind, e.Hint = kind, hint(f)
	return e
}

// callError returns what the failure of a whole call means: by its code, and
// by its status where the code says nothing.
func callError(op string, v verb, status int, f fault) *providers.Error {
	e := &providers.Error{Op: op, Code: f.Code, Message: unquoted(f.Message), Fields: f.Fields, Hint: hint(f)}
	kind, ok := codeKind(v, f)
	switch {
	case strings.HasPrefix(f.Code, "INSUFFICIENT_ACCESS"):
		kind = providers.Denied
	case !ok && f.Code != "" && status == http.StatusBadRequest && v != reading:
		kind = providers.Rejected
	case !ok, status >= http.StatusInternalServerError && kind != providers.Budget:
		kind = statusKind(status)
	case ofRecord(kind) && (v == reading || status != http.StatusBadRequest):
		kind = providers.Broken
	}
	if kind == providers.Transient && f.Code == "REQUEST_LIMIT_EXCEEDED" {
		e.RetryAfter = concurrencyPause
	}
	if status == http.StatusGone {
		e.Hint = "the API version was retired: set a newer api_version"
	}
	e.Kind = kind
	return e
}

// ofRecord reports whether a kind is about one record. A read has none, and a
// call that fails with another status than 400 was not refused for a record.
func ofRecord(k providers.Kind) bool {
	return k == providers.Rejected || k == providers.Missing || k == providers.Exists
}

func statusKind(status int) providers.Kind {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return providers.Denied
	case status == http.StatusTooManyRequests, status == http.StatusNotAcceptable, status == statusCannotRoute,
		status == http.StatusRequestTimeout, status >= http.StatusInternalServerError:
		return providers.Transient
	}
	return providers.Broken
}

// codeKind is the table of the vendor's codes. It tells whether it knows f.
//
// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
// and the StatusCode values of the SOAP API guide, last checked 2026-11-22.
func codeKind(v verb, f fault) (providers.Kind, bool) {
	switch f.Code {
	case "INVALID_SESSION_ID", "INVALID_AUTH_HEADER", "API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED":
		return providers.Denied, true
	case "REQUEST_LIMIT_EXCEEDED":
		if strings.Contains(f.Message, "Concurrent") {
			return providers.Transient, true
		}
		return providers.Budget, true
	case "LIMIT_EXCEEDED", "STORAGE_LIMIT_EXCEEDED":
		return providers.Budget, true
	case "INVALID_FIELD_FOR_INSERT_UPDATE":
		// Of some records fields are refused that others take, such as the Name of
		// a person account: https://help.salesforce.com/s/articleView?id=000386207,
		// last checked 2026-11-30. Whether all are refused, the schema tells.
		return providers.Rejected, true
	case "INVALID_FIELD", "INVALID_TYPE":
		if strings.Contains(f.Message, "Foreign key external ID") {
			return providers.Rejected, true
		}
		return providers.Broken, true
	case "DUPLICATE_VALUE":
		if v == creating {
			return providers.Exists, true
		}
		return providers.Rejected, true
	case "MALFORMED_ID", "INVALID_CROSS_REFERENCE_KEY", "ENTITY_IS_DELETED", "NOT_FOUND":
		if v == updating && aboutOwnID(f) {
			return providers.Missing, true
		}
		return providers.Rejected, true
	}
	if passing(f.Code) {
		return providers.Transient, true
	}
	return providers.Rejected, refused(f.Code)
}

// passing reports whether a fault may be gone by itself later. The failure of
// an organization's own automation is one: its text often hides a lock.
func passing(code string) bool {
	switch code {
	case "UNABLE_TO_LOCK_ROW", "UNKNOWN_EXCEPTION", "SERVER_UNAVAILABLE", "REQUEST_RUNNING_TOO_LONG",
		"QUERY_TIMEOUT", "TXN_SECURITY_METERING_ERROR", "ALL_OR_NONE_OPERATION_ROLLED_BACK",
		"PROCESSING_HALTED", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "CANNOT_EXECUTE_FLOW_TRIGGER",
		"INVALID_QUERY_LOCATOR":
		return true
	}
	return false
}

func refused(code string) bool {
	switch code {
	case "REQUIRED_FIELD_MISSING", "STRING_TOO_LONG", "NUMBER_OUTSIDE_VALID_RANGE", "INVALID_EMAIL_ADDRESS",
		"INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "FIELD_CUSTOM_VALIDATION_EXCEPTION",
		"FIELD_INTEGRITY_EXCEPTION", "FIELD_FILTER_VALIDATION_EXCEPTION", "JSON_PARSER_ERROR",
		"INVALID_TYPE_ON_FIELD_IN_RECORD", "DUPLICATES_DETECTED":
		return true
	}
	return false
}

// retriedOnce reports whether a record is worth sending again in the same
// call: nothing of it was written, and the cause lasts moments.
func retriedOnce(code string) bool {
	return code == "UNABLE_TO_LOCK_ROW" || code == "UNKNOWN_EXCEPTION" || code == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
}

// aboutOwnID tells a fault of the record's own id from one of a reference that
// it carries: the latter names its field.
func aboutOwnID(f fault) bool {
	for _, name := range f.Fields {
		if !strings.EqualFold(name, "Id") {
			return false
		}
	}
	return true
}

func hint(f fault) string {
	switch f.Code {
	case "INVALID_FIELD_FOR_INSERT_UPDATE":
		return "give the integration user edit rights on the named fields"
	case "INVALID_FIELD", "INVALID_TYPE":
		return "the field or object is gone, was renamed, or the integration user may not see it"
	case "DUPLICATES_DETECTED":
		return "a duplicate rule found a similar record: merge or link by hand, or allow saves past alerting rules"
	case "API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED":
		return "enable the API for this organization and user"
	case "STORAGE_LIMIT_EXCEEDED":
		return "the organization's data storage is full"
	case "FIELD_INTEGRITY_EXCEPTION":
		return "a state needs a country that has it"
	case "INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY":
		return "the integration user may not write this record or the one it refers to"
	}
	return ""
}

// refusedFields returns the fields that the message of an
// INVALID_FIELD_FOR_INSERT_UPDATE lists.
func refusedFields(msg string) []string {
	var list string
	for _, mark := range []string{"bad field names on insert/update call: ", "Unable to create/update fields: "} {
		if _, tail, ok := strings.Cut(msg, mark); ok {
			list, _, _ = strings.Cut(tail, ".")
		}
	}
	var out []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); validName(name) {
			out = append(out, name)
		}
	}
	return out
}

// vanishedField returns the field that an INVALID_FIELD message names. Only
// its text tells.
func vanishedField(msg string) (string, bool) {
	m := regexp.MustCompile(`No such column '([A-Za-z0-9_.]{1,255})'`).FindStringSubmatch(msg)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// namedFields completes the fields of a fault from its text.
func namedFields(f fault) fault {
	if len(f.Fields) == 0 && f.Code == "INVALID_FIELD" {
		if name, ok := vanishedField(f.Message); ok {
			f.Fields = []string{name}
		}
	}
	if len(f.Fields) == 0 && f.Code == "INVALID_FIELD_FOR_INSERT_UPDATE" {
		f.Fields = refusedFields(f.Message)
	}
	return f
}

// unquoted takes out of the vendor's words what they quote of the record: values
// are the customer's, errors are for logs.
func unquoted(msg string) string { return quotedValues(scrub.Printable(msg)) }

// quotedValues replaces the values that Salesforce repeats in its messages.
func quotedValues(msg string) string {
	for _, mark := range []struct{ from, to string }{
		{"data value too large: ", " (max length="},
		{"bad value for restricted picklist field: ", ""},
		{"nvalid email address: ", ""},
		{"Foreign key external ID: ", " not found"},
		{" value ", " or request may be missing"},
		{"value not of required type: ", ""},
		{"value outside of valid range on numeric field: ", ""},
	} {
		_, rest, ok := strings.Cut(msg, mark.from)
		if !ok || mark.to != "" && !strings.Contains(rest, mark.to) {
			continue
		}
		tail := ""
		if mark.to != "" {
			tail = rest[strings.LastIndex(rest, mark.to):]
		}
		msg = msg[:len(msg)-len(rest)] + scrub.Hidden + tail
	}
	return msg
}
