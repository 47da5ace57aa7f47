package record

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// CanonicalJSON returns the value of type t that a JSON literal stands for: a
// string, number, bool, null or an array of these. No literal at all is the
// missing value. No number passes through a float on its way (R9).
func CanonicalJSON(t Type, raw []byte) (Value, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return Value{}, nil
	}
	if raw[0] == '[' {
		return canonicalArray(t, raw)
	}
	text, kind, err := literal(raw)
	if err != nil || kind == 'n' {
		return nullUnless(err)
	}
	if kind == '"' {
		return Canonical(t, text)
	}
	text, err = bare(t, kind, text)
	if err != nil {
		return Value{}, err
	}
	return Of(text), nil
}

// literal reads one string, number, bool or null and returns its plain text
// and its kind in jsontext's terms.
func literal(raw []byte) (string, jsontext.Kind, error) {
	kind := jsontext.Value(raw).Kind()
	switch kind {
	case '"':
		if plain(raw) {
			return string(raw[1 : len(raw)-1]), kind, nil
		}
		text, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return "", kind, ErrJSON
		}
		return string(text), kind, nil
	case '0', 't', 'f', 'n':
		if !jsontext.Value(raw).IsValid() {
			return "", kind, ErrJSON
		}
		return string(raw), kind, nil
	case '{':
		return "", kind, ErrJSONKind
	}
	return "", kind, ErrJSON
}

// plain reports whether a JSON string stands for its own bytes, as nearly all
// do; it saves a copy of each.
func plain(raw []byte) bool {
	if len(raw) < 2 || raw[len(raw)-1] != '"' {
		return false
	}
	for _, c := range raw[1 : len(raw)-1] {
		if c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// bare returns the canonical text of a JSON number or bool.
func bare(t Type, kind jsontext.Kind, text string) (string, error) {
	number := kind == '0'
	switch t {
	case ID, Reference:
		if !number {
			return "", ErrJSONKind
		}
		if strings.ContainsAny(text, ".eE") {
			return "", ErrDecimalID
		}
		return text, nil
	case Int, Decimal:
		if !number {
			return "", ErrJSONKind
		}
	case Date, Datetime:
		return "", ErrJSONKind
	case Text, Bool, Picklist, MultiSet:
	}
	return scalar(t, text)
}

// canonicalArray reads the elements of a set, and of a reference that names
// several records.
func canonicalArray(t Type, raw []byte) (Value, error) {
	if t != MultiSet && t != Reference {
		return Value{}, ErrJSONKind
	}
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.ReadToken(); err != nil {
		return Value{}, ErrJSON
	}
	var elems []string
	for dec.PeekKind() != ']' {
		elem, err := dec.ReadValue()
		if err != nil {
			return Value{}, ErrJSON
		}
		text, err := element(t, elem)
		if err != nil {
			return Value{}, err
		}
		elems = append(elems, text)
	}
	if _, err := dec.ReadToken(); err != nil || dec.InputOffset() != int64(len(raw)) {
		return Value{}, ErrJSON
	}
	return set(t, elems)
}

// element returns the plain text of one element; null is blank.
func element(t Type, raw []byte) (string, error) {
	if raw[0] == '[' {
		return "", ErrJSONKind
	}
	text, kind, err := literal(raw)
	switch {
	case err != nil:
		return "", err
	case kind == 'n':
		return "", nil
	case kind == '"':
		return text, nil
	}
	return bare(t, kind, text)
}

// WholeNumberID reads an id that a system keeps as a decimal number: 12345.0
// is 12345. It is the explicit repair of R11, used only where an admin asked
// for it; a number with a real fraction stays refused, and a text id that is
// not plainly a decimal passes as it is.
func WholeNumberID(raw []byte) (Value, error) {
	v, err := CanonicalJSON(ID, raw)
	decimal := errors.Is(err, ErrDecimalID)
	if err != nil && !decimal {
		return Value{}, err
	}
	text := v.Text()
	if decimal {
		text = string(bytes.TrimSpace(raw))
	} else if whole, frac, found := strings.Cut(text, "."); !found || whole == "" || frac == "" ||
		!digits(strings.TrimPrefix(whole, "-")) || !digits(frac) {
		return v, nil
	}
	whole, err := canonicalDecimal(text)
	if err != nil || strings.Contains(whole, ".") {
		return Value{}, ErrDecimalID
	}
	return Of(whole), nil
}
