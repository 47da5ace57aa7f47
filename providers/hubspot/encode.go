package hubspot

import (
	"strconv"
	"strings"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
)

// tracePrefix begins the id by which an answer names the input that it is about.
// It is followed by the input's place and unique within a call.
const tracePrefix = "r"

// appendInput appends one input of a batch: its place, the record for an
// update, the properties, and the associations of a create. An error names the
// field and never the value, and leaves a part of the input behind b.
func (w *write) appendInput(b []byte, i int) ([]byte, *providers.Error) {
	p := &w.patches[i]
	b = append(b, '{')
	if w.call.verb == updating {
		b = append(b, `"id":"`...)
		b = append(b, p.ID...)
		b = append(b, '"', ',')
	}
	b = append(b, `"properties":{`...)
	first := true
	for j := range p.Fields {
		f := &p.Fields[j]
		if isAssociation(f.Name) || w.call.verb == creating && f.Value.IsNull() {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, '"')
		b = append(b, f.Name...)
		b = append(b, '"', ':')
		var why string
		if b, why = appendValue(b, f); why != "" {
			return b, w.refusal(f.Name, why)
		}
	}
	b = append(b, '}')
	if w.call.verb == creating {
		var e *providers.Error
		if b, e = w.appendAssociations(b, p); e != nil {
			return b, e
		}
	}
	b = append(b, `,"objectWriteTraceId":"`+tracePrefix...)
	b = strconv.AppendInt(b, int64(i), 10)
	return append(b, '"', '}'), nil
}

// appendAssociations appends what a new record belongs to.
func (w *write) appendAssociations(b []byte, p *record.Patch) ([]byte, *providers.Error) {
	b = append(b, `,"associations":[`...)
	first := true
	for j := range p.Fields {
		f := &p.Fields[j]
		if !isAssociation(f.Name) || f.Value.IsNull() {
			continue
		}
		a, to, e := w.target(f)
		if e != nil {
			return b, e
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, `{"to":{"id":"`...)
		b = append(b, to...)
		b = append(b, `"},"types":[`...)
		b = appendType(b, linkType{hubspotDefined, a.typeID})
		b = append(b, ']', '}')
	}
	return append(b, ']'), nil
}

// target returns where an association field of a patch leads.
func (w *write) target(f *record.FieldValue) (association, string, *providers.Error) {
	a, e := associationOf(w.call.op, w.object, f.Field)
	switch {
	case e != nil:
		return a, "", e
	case f.Value.IsNull():
		return a, "", w.refusal(f.Name, "an association is never removed from here")
	case !validID(f.Value.Text()):
		return a, "", w.refusal(f.Name, "not the id of one record")
	}
	return a, f.Value.Text(), nil
}

func (w *write) refusal(field, why string) *providers.Error {
	e := providers.Errorf(providers.Rejected, w.call.op, "field %s: %s", field, why)
	e.Fields = []string{field}
	return e
}

// hubspotDefined is the category of the types that every portal has.
const hubspotDefined = "HUBSPOT_DEFINED"

// linkType is one type of an association: the primary, the one without a label,
// or a label that people made.
type linkType struct {
	category string
	id       int
}

func appendType(b []byte, t linkType) []byte {
	b = append(b, `{"associationCategory":"`...)
	b = append(b, t.category...)
	b = append(b, `","associationTypeId":`...)
	b = strconv.AppendInt(b, int64(t.id), 10)
	return append(b, '}')
}

// appendValue appends one value as the text that HubSpot takes for every type,
// or says why it cannot. Blank clears. A value that was not read is never
// written as blank.
func appendValue(b []byte, f *record.FieldValue) ([]byte, string) {
	v := f.Value
	switch {
	case v.IsNull():
		return append(b, `""`...), ""
	case !v.IsSet():
		return b, "the value is " + v.String() + " and cannot be written"
	}
	switch f.Type {
	case record.Int, record.Decimal:
		if !isNumber(v.Text()) {
			return b, "not a number"
		}
	case record.Bool:
		if v.Text() != "true" && v.Text() != "false" {
			return b, "neither true nor false"
		}
	case record.MultiSet:
		return appendMulti(b, v.Elems())
	case record.Datetime:
		return appendInstant(b, v.Text())
	case record.Reference:
		if strings.ContainsRune(v.Text(), '\x1f') {
			return b, "a reference to several records"
		}
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

// appendMulti joins the options of a set as the service wants them. No option
// can hold the separator, and one in front would add to what is there instead
// of taking its place.
func appendMulti(b []byte, elems []string) ([]byte, string) {
	for _, e := range elems {
		if e == "" || strings.Contains(e, ";") {
			return b, "an element is empty or holds a semicolon"
		}
	}
	return appendText(b, strings.Join(elems, ";"))
}

// appendInstant appends a moment in the grain that the service keeps, so that
// what is stored is what was sent.
func appendInstant(b []byte, text string) ([]byte, string) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return b, "not an instant"
	}
	b = append(b, '"')
	b = at.UTC().AppendFormat(b, stampForm)
	return append(b, '"'), ""
}

// isNumber reports whether s is a number as HubSpot takes it: digits with at
// most one point and no exponent.
func isNumber(s string) bool {
	whole, frac, hasFrac := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return digits(whole) && (!hasFrac || digits(frac))
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
