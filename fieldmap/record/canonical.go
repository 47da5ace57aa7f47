package record

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Fault says why a text has no canonical form. It never shows the text.
type Fault string

// Error returns what is wrong.
func (f Fault) Error() string { return string(f) }

// The faults of a value.
const (
	ErrDecimalID = Fault("an id in the form of a decimal number: ids are text or whole numbers") // R11
	ErrUTF8      = Fault("not valid UTF-8")
	ErrControl   = Fault("holds a control character")
	ErrInt       = Fault("not a whole number")
	ErrIntRange  = Fault("a whole number too large for 64 bits")
	ErrDecimal   = Fault("not a decimal number")
	ErrTooLong   = Fault("a number with too many digits")
	ErrBool      = Fault("not true or false")
	ErrDate      = Fault("not a date of the form 2006-01-02")
	ErrDatetime  = Fault("not an instant of the form 2006-01-02T15:04:05Z")
	ErrType      = Fault("a value of an unknown type")
	ErrJSON      = Fault("not a JSON value")
	ErrJSONKind  = Fault("a JSON value of another kind than the field's type allows")
)

// Canonical returns the value of type t that this plain text stands for: what a
// system would store. Blank text is null. A multi text has its elements parted
// by semicolons. The error names the fault and never the value.
func Canonical(t Type, text string) (Value, error) {
	text, err := clean(text)
	if err != nil || text == "" {
		return nullUnless(err)
	}
	if t == MultiSet {
		return set(t, strings.Split(text, ";"))
	}
	text, err = scalar(t, text)
	if err != nil {
		return Value{}, err
	}
	return Of(text), nil
}

func nullUnless(err error) (Value, error) {
	if err != nil {
		return Value{}, err
	}
	return NullValue(), nil
}

// clean trims text, gives its lines one kind of ending and refuses what no
// field may hold.
func clean(text string) (string, error) {
	if !utf8.ValidString(text) {
		return "", ErrUTF8
	}
	if strings.Contains(text, "\r\n") {
		text = strings.ReplaceAll(text, "\r\n", "\n")
	}
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return "", ErrControl
		}
	}
	return strings.TrimSpace(text), nil
}

// scalar returns the canonical text of clean text that is not blank.
func scalar(t Type, text string) (string, error) {
	switch t {
	case Text, ID, Picklist, Reference, MultiSet:
		return text, nil
	case Int:
		return canonicalInt(text)
	case Decimal:
		return canonicalDecimal(text)
	case Bool:
		return canonicalBool(text)
	case Date:
		return canonicalDate(text)
	case Datetime:
		return canonicalDatetime(text)
	}
	return "", ErrType
}

// set returns the multi-value of these texts: cleaned, without blanks and
// repetitions, in order.
func set(t Type, texts []string) (Value, error) {
	elems := make([]string, 0, len(texts))
	for _, text := range texts {
		text, err := clean(text)
		if err != nil {
			return Value{}, err
		}
		if text == "" {
			continue
		}
		if text, err = scalar(t, text); err != nil {
			return Value{}, err
		}
		elems = append(elems, text)
	}
	slices.Sort(elems)
	return Multi(slices.Compact(elems)...), nil
}

func canonicalBool(text string) (string, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "1":
		return "true", nil
	case "false", "no", "0":
		return "false", nil
	}
	return "", ErrBool
}

// canonicalDate takes the one form and no other: a form that has to be guessed
// is a day that has to be guessed (F20). Providers turn their vendors' forms
// into it.
func canonicalDate(text string) (string, error) {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil || day.Year() < 1 {
		return "", ErrDate
	}
	return text, nil
}

func canonicalDatetime(text string) (string, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		// An offset without a colon is as certain as one with it.
		at, err = time.Parse("2006-01-02T15:04:05.999999999Z0700", text)
	}
	at = at.UTC()
	if err != nil || at.Year() < 1 || at.Year() > 9999 {
		return "", ErrDatetime
	}
	return at.Format(time.RFC3339Nano), nil
}
