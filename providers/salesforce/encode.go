package salesforce

import (
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
)

// A collections call names the type first in each record: the service reads a
// record as it comes and cannot place values before it knows their type.
const (
	bodyOpen  = `{"allOrNone":false,"records":[`
	bodyClose = `]}`
)

// appendRecord appends one record with these fields. An error names the field
// and never the value, and leaves a part of the record behind b.
func appendRecord(b []byte, object, id string, fields []record.FieldValue) ([]byte, *providers.Error) {
	b = append(b, `{"attributes":{"type":"`...)
	b = append(b, object...)
	b = append(b, `"}`...)
	if id != "" {
		b = append(b, `,"id":"`...)
		b = append(b, id...)
		b = append(b, '"')
	}
	for i := range fields {
		f := &fields[i]
		b = append(b, ',', '"')
		b = append(b, f.Name...)
		b = append(b, '"', ':')
		var why string
		if b, why = appendValue(b, f); why != "" {
			e := providers.Errorf(providers.Rejected, "write "+object, "field %s: %s", f.Name, why)
			e.Fields = []string{f.Name}
			return b, e
		}
	}
	return append(b, '}'), nil
}

// appendValue appends one value in the JSON form that the field's type needs,
// or says why it cannot. A value that was not read is never written as blank.
func appendValue(b []byte, f *record.FieldValue) ([]byte, string) {
	v := f.Value
	switch {
	case v.IsNull():
		return append(b, "null"...), ""
	case !v.IsSet():
		return b, "the value is " + v.String() + " and cannot be written"
	}
	switch f.Type {
	case record.Int, record.Decimal:
		if !isNumber(v.Text()) {
			return b, "not a number"
		}
		return append(b, v.Text()...), ""
	case record.Bool:
		if v.Text() != "true" && v.Text() != "false" {
			return b, "neither true nor false"
		}
		return append(b, v.Text()...), ""
	case record.MultiSet:
		return appendMulti(b, v.Elems())
	case record.Datetime:
		return appendText(b, milliseconds(v.Text()))
	}
	return appendText(b, v.Text())
}

func appendText(b []byte, s string) ([]byte, string) {
	b, ok := jsonwalk.AppendText(b, s)
	if !ok {
		return b, "not valid UTF-8"
	}
	return b, ""
}

// appendMulti joins the elements of a multi-select picklist as the service
// wants them. No element of such a picklist can hold the separator.
func appendMulti(b []byte, elems []string) ([]byte, string) {
	for _, e := range elems {
		if strings.Contains(e, ";") {
			return b, "an element holds a semicolon"
		}
	}
	return appendText(b, strings.Join(elems, ";"))
}

// milliseconds cuts an instant in UTC to the finest grain that the service
// reads.
func milliseconds(at string) string {
	whole, frac, ok := strings.Cut(strings.TrimSuffix(at, "Z"), ".")
	if !ok || len(frac) <= 3 {
		return at
	}
	return whole + "." + frac[:3] + "Z"
}

// isNumber reports whether s is a decimal number as JSON writes it, without an
// exponent, so that it can be sent bare.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, frac, hasFrac := strings.Cut(s, ".")
	if hasFrac && !digits(frac) {
		return false
	}
	return digits(whole) && (len(whole) == 1 || whole[0] != '0')
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
