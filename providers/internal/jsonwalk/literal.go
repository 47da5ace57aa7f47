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

// AppendText appends s as a string literal. It appends nothing and returns false
// where s is not valid UTF-8.
func AppendText(b []byte, s string) ([]byte, bool) {
	if needsNoEscape(s) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"'), true
	}
	out, err := jsontext.AppendQuote(b, s)
	if err != nil {
		return b, false
	}
	return out, true
}

func needsNoEscape(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
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
