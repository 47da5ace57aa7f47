package salesforcesim

import (
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// An Error is an error as the data API tells it.
type Error struct {
	// Status is the HTTP status of a single call; collections always answer 200.
	Status int
	// Code is the vendor's code, for instance STRING_TOO_LONG.
	Code string
	// Message is the vendor's text.
	Message string
	// Fields are the fields at fault, if the vendor names them.
	Fields []string

	duplicate *duplicateResult
}

// Error returns code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

func errorf(status int, code, message string, fields ...string) *Error {
	return &Error{Status: status, Code: code, Message: message, Fields: fields}
}

func bad(code, message string, fields ...string) *Error {
	return errorf(http.StatusBadRequest, code, message, fields...)
}

func notFound() *Error {
	return errorf(http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
}

func noSuchColumn(name, object string) *Error {
	return bad("INVALID_FIELD", "No such column '"+name+"' on sobject of type "+object)
}

func notWritable(fields []string) *Error {
	return bad("INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: "+strings.Join(fields, ", ")+
		". Please check the security settings of this field and verify that it is read/write for your profile or permission set.", fields...)
}

func parserError(want, got string) *Error {
	return bad("JSON_PARSER_ERROR", "Cannot deserialize instance of "+want+" from "+got+
		" or request may be missing a required field at [line:1, column:1]")
}

func entityDeleted() *Error {
	return errorf(http.StatusNotFound, "ENTITY_IS_DELETED", "entity is deleted")
}

func malformedID(what, id string) *Error {
	return bad("MALFORMED_ID", what+": id value of incorrect type: "+id)
}

// appendSingle appends e as single calls tell it: with errorCode.
func (e *Error) appendSingle(b []byte, version int) []byte {
	b = append(b, `{"message":`...)
	b = quote(b, e.Message)
	b = append(b, `,"errorCode":`...)
	b = quote(b, e.Code)
	if e.Fields != nil || e.duplicate != nil {
		b = append(b, `,"fields":`...)
		b = appendStrings(b, e.Fields)
	}
	if e.duplicate != nil {
		b = e.duplicate.append(b, version)
	}
	return append(b, '}')
}

// appendMany appends e as collections tell it: with statusCode, and without
// details of duplicates.
func (e *Error) appendMany(b []byte) []byte {
	b = append(b, `{"statusCode":`...)
	b = quote(b, e.Code)
	b = append(b, `,"message":`...)
	b = quote(b, e.Message)
	b = append(b, `,"fields":`...)
	b = appendStrings(b, e.Fields)
	return append(b, '}')
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = quote(b, s)
	}
	return append(b, ']')
}

// quote appends s as a JSON string. Text that is not UTF-8 is mended.
func quote(b []byte, s string) []byte {
	out, err := jsontext.AppendQuote(b, s)
	if err != nil {
		out, _ = jsontext.AppendQuote(b, strings.ToValidUTF8(s, "\uFFFD"))
	}
	return out
}
