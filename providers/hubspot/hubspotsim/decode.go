package hubspotsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxBody bounds a request's body; batches of the vendor's size are far smaller.
const maxBody = 20 << 20

// prop is one property of a request, as text.
type prop struct {
	name, val string
}

// props are the properties of a record in a request, in the order sent. Bare
// numbers and booleans are taken as their text; null says nothing at all.
type props []prop

// UnmarshalJSON reads an object of scalars.
func (l *props) UnmarshalJSON(raw []byte) error {
	*l = nil
	if string(raw) == "null" {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	open, err := dec.Token()
	if err != nil || open != json.Delim('{') {
		return errors.New("properties must be an object")
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return fmt.Errorf("read a property's name: %w", err)
		}
		name, _ := key.(string)
		val, err := dec.Token()
		if err != nil {
			return fmt.Errorf("read property %s: %w", name, err)
		}
		switch v := val.(type) {
		case string:
			l.put(name, v)
		case json.Number:
			l.put(name, v.String())
		case bool:
			l.put(name, fmt.Sprint(v))
		case nil:
		default:
			return fmt.Errorf("property %s must be text", name)
		}
	}
	return nil
}

func (l *props) put(name, val string) {
	for i := range *l {
		if (*l)[i].name == name {
			(*l)[i].val = val
			return
		}
	}
	*l = append(*l, prop{name, val})
}

// text is an id in a request: text, or a bare number.
type text string

// UnmarshalJSON reads text or a number.
func (t *text) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		var s string
		err := json.Unmarshal(raw, &s)
		*t = text(s)
		return err
	}
	var n json.Number
	if err := json.Unmarshal(raw, &n); err != nil {
		return errors.New("an id must be text or a number")
	}
	*t = text(n.String())
	return nil
}

type idRef struct {
	ID text `json:"id"`
}

// assocInput is an association that comes with a new record.
type assocInput struct {
	To    idRef       `json:"to"`
	Types []assocSpec `json:"types"`
}

// recordInput is a record in a request, alone or in a batch.
type recordInput struct {
	ID           text         `json:"id"`
	IDProperty   string       `json:"idProperty"`
	Trace        string       `json:"objectWriteTraceId"`
	Properties   props        `json:"properties"`
	Associations []assocInput `json:"associations"`
}

// read decodes the request's body into v.
func (c *call) read(v any) *Error {
	if kind := c.r.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		return &Error{Status: 415, Message: "Unsupported media type: " + kind}
	}
	raw, err := io.ReadAll(io.LimitReader(c.r.Body, maxBody+1))
	if err != nil {
		return malformed("the body ended early")
	}
	if len(raw) > maxBody {
		return &Error{Status: 413, Message: "The request is too large"}
	}
	c.size = len(raw)
	if err := json.Unmarshal(raw, v); err != nil {
		return malformed(err.Error())
	}
	return nil
}

// UnmarshalJSON reads a reference or a list of them.
func (l *idRefs) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '[' {
		return json.Unmarshal(raw, (*[]idRef)(l))
	}
	*l = make(idRefs, 1)
	return json.Unmarshal(raw, &(*l)[0])
}
