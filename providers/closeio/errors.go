package closeio

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/outcome"
	"crmsyncd/providers/internal/rest"
)

// verb is what a call was about; the same status means different things to a
// listing, to the look at one record and to an update.
type verb uint8

const (
	listing verb = iota
	looking      // at one record that may not be there
	updating
)

// fault is what an answer says is wrong.
//
// https://developer.close.com/topics/errors, last checked 2026-11-22.
type fault struct {
	Message string
	Fields  []string
}

// parseFault reads the body of a refusal. It is JSON of two shapes, or plain
// text under a JSON type, or a page of an edge.
func parseFault(resp *rest.Response) fault {
	var b struct {
		Error  json.RawMessage            `json:"error"`
		Errors []json.RawMessage          `json:"errors"`
		Fields map[string]json.RawMessage `json:"field-errors"`
	}
	if json.Unmarshal(resp.Body, &b) != nil {
		return fault{Message: rest.Excerpt(resp)}
	}
	var f fault
	var words []string
	for _, raw := range append([]json.RawMessage{b.Error}, b.Errors...) {
		words = appendWords(words, raw)
	}
	for name := range b.Fields {
		f.Fields = append(f.Fields, name)
	}
	slices.Sort(f.Fields)
	for _, name := range f.Fields {
		words = appendWords(append(words, name+":"), b.Fields[name])
	}
	f.Message = strings.Join(words, " ")
	return f
}

// appendWords adds the text of a value, or of what nests in it.
func appendWords(words []string, raw json.RawMessage) []string {
	var text string
	if len(raw) == 0 || string(raw) == "null" {
		return words
	}
	if json.Unmarshal(raw, &text) == nil {
		return append(words, text)
	}
	return append(words, string(raw))
}

// callError returns what the failure of a call means.
func callError(op string, v verb, resp *rest.Response) *providers.Error {
	f := parseFault(resp)
	e := &providers.Error{
		Op: op, Code: statusText(resp.Status), Message: f.Message, Fields: f.Fields,
		Kind: statusKind(v, resp.Status), Hint: hint(v, resp.Status),
	}
	if e.Kind == providers.Rejected && strings.HasPrefix(e.Message, "a page") {
		e.Kind = providers.Broken // from an edge, not from the API
	}
	return e
}

func statusKind(v verb, status int) providers.Kind {
	switch {
	case status == http.StatusUnauthorized:
		return providers.Denied
	case status == http.StatusPaymentRequired, status == http.StatusForbidden:
		if v == listing {
			return providers.Denied
		}
		return providers.Rejected
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout,
		status >= http.StatusInternalServerError && status != http.StatusNotImplemented:
		return providers.Transient
	case v != listing && (status == http.StatusNotFound || status == http.StatusGone):
		return providers.Missing
	case v == updating && (status == http.StatusBadRequest || status == http.StatusConflict || status == http.StatusUnprocessableEntity):
		return providers.Rejected
	}
	return providers.Broken
}

func hint(v verb, status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "the key was deleted, or is of another organization"
	case http.StatusPaymentRequired:
		return "the plan of the organization does not include this"
	case http.StatusForbidden:
		if v == updating {
			return "the role of the key's user may not write this"
		}
		return "the role of the key's user may not see this"
	}
	return ""
}

// expired reports whether a search was refused for its cursor.
func expired(err error) bool {
	e := outcome.AsError(err)
	if e == nil || e.Code != statusText(http.StatusBadRequest) {
		return false
	}
	text := strings.ToLower(e.Message)
	return strings.Contains(text, "cursor") || strings.Contains(text, "expire")
}

// refused reports whether a listing was refused for what it asked.
func refused(err error) bool {
	e := outcome.AsError(err)
	return e != nil && e.Code == statusText(http.StatusBadRequest)
}

func short(s string) string { return rest.Short(s, 80) }

func statusText(status int) string { return "status " + strconv.Itoa(status) }

func ref(object, id string) record.Ref {
	return record.Ref{System: "closeio", Object: object, ID: id}
}

// validID reports whether id can be an id of Close's at all. Any other would
// change the address that it becomes part of.
func validID(id string) bool {
	if len(id) < 3 || len(id) > 100 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
