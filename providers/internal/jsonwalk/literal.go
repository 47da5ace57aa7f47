package jsonwalk

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Text returns the text of a string literal.
func Text(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	plain, err := jsontext.AppendUnquote(nil, raw)
	return string(plain), err == nil
}

// Int returns the value of a literal that is a whole number without fraction or
// exponent.
func Int(raw []byte) (int, bool) {
	n, err := strconv.Atoi(string(raw))
	return n, err == nil
}

// IsNull reports whether the literal is null.
func IsNull(raw []byte) bool { return string(raw) == "null" }

// Elements returns the literals of an array, and false for anything else.
func Elements(raw []byte) ([][]byte, bool) {
	if len(raw) == 0 || raw[0] != '[' {
		return nil, false
	}
	w := New(Shape{})
	w.body = raw
	return w.elements()
}
