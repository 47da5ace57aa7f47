package record

import (
	"log/slog"
	"strings"
)

// State tells the four kinds of value apart. A blank never stands for
// something that was not read (F12, F19).
type State uint8

// The four states of a value.
const (
	Missing    State = iota // not read; the zero Value
	Unreadable              // the field is gone from the system's schema
	Null                    // read, and blank
	Set                     // read, and holds text
)

// multiSep parts the elements of a multi-value. It is a control character that
// Canonical refuses inside text.
const multiSep = "\x1f"

// Value is one canonical value. It is comparable; two values of one type are
// the same exactly when they are ==. It never prints its text by accident: a
// log or an error shows only its state.
type Value struct {
	state State
	text  string
}

// Of returns the value with this canonical text; empty text is null.
func Of(text string) Value {
	if text == "" {
		return Value{state: Null}
	}
	return Value{state: Set, text: text}
}

// NullValue returns the blank value.
func NullValue() Value { return Value{state: Null} }

// UnreadableValue returns the value of a field that the system no longer has.
func UnreadableValue() Value { return Value{state: Unreadable} }

// Multi returns a multi-value of these elements in this order; none is null.
func Multi(elems ...string) Value { return Of(strings.Join(elems, multiSep)) }

// State says which of the four kinds v is.
func (v Value) State() State { return v.state }

// IsSet reports whether v holds text.
func (v Value) IsSet() bool { return v.state == Set }

// IsNull reports whether v was read and is blank.
func (v Value) IsNull() bool { return v.state == Null }

// Known reports whether v was read: it is null or holds text.
func (v Value) Known() bool { return v.state >= Null }

// Text returns the canonical text, empty unless v is set.
func (v Value) Text() string { return v.text }

// Elems returns the elements of a multi-value, none when it is not set.
func (v Value) Elems() []string {
	if v.state != Set {
		return nil
	}
	return strings.Split(v.text, multiSep)
}

// String returns the state alone: values are customers' data.
func (v Value) String() string {
	return [...]string{"missing", "unreadable", "null", "[redacted]"}[v.state]
}

// LogValue keeps the text out of logs.
func (v Value) LogValue() slog.Value { return slog.StringValue(v.String()) }
