package hubspotsim

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A Detail is one entry of an error's list.
type Detail struct {
	Message string              `json:"message"`
	Code    string              `json:"code,omitempty"`
	In      string              `json:"in,omitempty"`
	Context map[string][]string `json:"context,omitempty"`
}

// An Error is an error as the API tells it.
type Error struct {
	// Status is the HTTP status of a call of its own; inside a batch it is not told.
	Status int `json:"-"`
	// State is the "status" of the body, "error" if empty.
	State         string              `json:"status"`
	Message       string              `json:"message"`
	CorrelationID string              `json:"correlationId,omitempty"`
	Category      string              `json:"category,omitempty"`
	SubCategory   string              `json:"subCategory,omitempty"`
	ErrorType     string              `json:"errorType,omitempty"`
	PolicyName    string              `json:"policyName,omitempty"`
	RequestID     string              `json:"requestId,omitempty"`
	Errors        []Detail            `json:"errors,omitempty"`
	Context       map[string][]string `json:"context,omitempty"`

	conflict bool
}

// Error returns category and message.
func (e *Error) Error() string { return e.Category + ": " + e.Message }

func invalid(message string) *Error {
	return &Error{Status: http.StatusBadRequest, Category: "VALIDATION_ERROR", Message: message}
}

func malformed(message string) *Error {
	return &Error{Status: http.StatusBadRequest, Message: "Invalid input JSON: " + message}
}

func notFound() *Error {
	return &Error{Status: http.StatusNotFound, Category: "OBJECT_NOT_FOUND", Message: "resource not found"}
}

func noRecord(o *objectType, id string) *Error {
	e := notFound()
	e.Message = "Object not found.  objectId: " + id + ", type: " + o.upper()
	return e
}

func nonUnique(o *objectType, name, portal string) *Error {
	return invalid("Unable to perform update/upsert by non-unique " + o.typeID + " property " + name + " in portal ID " + portal)
}

// badValue is one refused property inside a message.
type badValue struct {
	IsValid   bool   `json:"isValid"`
	Message   string `json:"message"`
	Error     string `json:"error"`
	Name      string `json:"name"`
	Localized string `json:"localizedErrorMessage"`
	PortalID  int64  `json:"portalId"`
}

// refused gathers the properties of one record that were refused.
type refused struct {
	portal  int64
	values  []badValue
	details []Detail
}

func (x *refused) add(name string, f *fault) {
	x.values = append(x.values, badValue{Message: f.message, Error: f.code, Name: name, Localized: f.message, PortalID: x.portal})
	x.details = append(x.details, Detail{Message: f.message, Code: f.code, Context: map[string][]string{"propertyName": {name}}})
}

func (x *refused) err() *Error {
	if len(x.values) == 0 {
		return nil
	}
	raw, err := json.Marshal(x.values)
	if err != nil {
		return invalid("Property values were not valid")
	}
	e := invalid("Property values were not valid: " + string(raw))
	e.Errors = x.details
	return e
}

// inBatch is the error as one of a batch's list, where it names its input.
func (e *Error) inBatch(trace, id string) *Error {
	in := &Error{State: "error", Category: e.Category, SubCategory: e.SubCategory, Message: e.Message, Context: map[string][]string{}}
	for k, v := range e.Context {
		in.Context[k] = v
	}
	if trace != "" {
		in.Context["objectWriteTraceId"] = []string{trace}
	}
	if e.Category == "OBJECT_NOT_FOUND" && id != "" {
		in.Context["ids"] = []string{id}
	}
	return in
}

// quote appends s as a JSON string. Text that is not UTF-8 is mended.
func quote(b []byte, s string) []byte {
	out, err := jsontext.AppendQuote(b, s)
	if err != nil {
		out, _ = jsontext.AppendQuote(b, strings.ToValidUTF8(s, "\uFFFD"))
	}
	return out
}
