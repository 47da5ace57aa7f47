package salesforce

import (
	"net/url"
	"strings"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

// stampField moves on every change of a record, also on those of the system.
const stampField = "SystemModstamp"

// authorField names the user who changed a record last. A change of the
// system's own, which moves the stamp, leaves it.
const authorField = "LastModifiedById"

// validName reports whether name may stand in a query or a path: a name of an
// object or field, with dots where a relationship is followed.
func validName(name string) bool {
	if name == "" || len(name) > 255 {
		return false
	}
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || !letter(part[0]) {
			return false
		}
		for i := range len(part) {
			if !alphanumeric(part[i]) && part[i] != '_' {
				return false
			}
		}
	}
	return true
}

func letter(c byte) bool { return upper(c) >= 'A' && upper(c) <= 'Z' }

// checkNames refuses names that cannot be one of Salesforce's, before they
// reach a query.
func checkNames(op, object string, fields []record.Field) error {
	if !validName(object) || strings.Contains(object, ".") {
		return providers.Errorf(providers.Broken, op, "%q is no name of an object", object)
	}
	for _, f := range fields {
		if !validName(f.Name) {
			e := providers.Errorf(providers.Broken, op, "%q is no name of a field", f.Name)
			e.Fields = []string{f.Name}
			return e
		}
	}
	return nil
}

// columns returns the fields that a query asks for: the id, the stamp and the
// author that every record needs, then each other field once, whatever its case.
func columns(fields []record.Field) []string {
	out := make([]string, 0, len(fields)+cellFields)
	out = append(out, "Id", stampField, authorField)
next:
	for _, f := range fields {
		for _, have := range out {
			if strings.EqualFold(have, f.Name) {
				continue next
			}
		}
		out = append(out, f.Name)
	}
	return out
}

func selectFrom(object string, fields []record.Field) string {
	return "SELECT " + strings.Join(columns(fields), ", ") + " FROM " + object
}

// listingQuery composes the query of one reading: what changed since from, or what
// comes after the record at from where that names one.
func listingQuery(object string, fields []record.Field, from position, before time.Time) string {
	var where []string
	switch {
	case from.at.IsZero():
	case from.id != "":
		at := from.at.Format(literalForm)
		where = append(where, "("+stampField+" > "+at+" OR ("+stampField+" = "+at+" AND Id > '"+from.id+"'))")
	default:
		where = append(where, stampField+" >= "+from.at.Add(-overlap).Format(literalForm))
	}
	if !before.IsZero() {
		where = append(where, stampField+" < "+before.Format(literalForm))
	}
	q := selectFrom(object, fields)
	if len(where) > 0 {
		q += " WHERE " + strings.Join(where, " AND ")
	}
	return q + " ORDER BY " + stampField + ", Id"
}

// quote writes s as a text literal.
//
// https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_quotedstringescapes.htm,
// last checked 2026-11-22.
func quote(b []byte, s string) []byte {
	b = append(b, '\'')
	for s != "" {
		n := strings.IndexAny(s, "'\\\"\n\r\t")
		if n < 0 {
			b = append(b, s...)
			break
		}
		c := s[n]
		switch c {
		case '\n':
			c = 'n'
		case '\r':
			c = 'r'
		case '\t':
			c = 't'
		}
		b = append(append(b, s[:n]...), '\\', c)
		s = s[n+1:]
	}
	return append(b, '\'')
}

// literal writes v as a literal of its type. It tells whether v can stand in a
// condition at all.
func literal(b []byte, t record.Type, v record.Value) ([]byte, bool) {
	text := v.Text()
	switch t {
	case record.Int, record.Decimal:
		return append(b, text...), isNumber(text)
	case record.Bool:
		return append(b, text...), text == "true" || text == "false"
	case record.Date, record.Datetime:
		return append(b, milliseconds(text)...), strings.Trim(text, "0123456789-:.TZ") == ""
	case record.Text, record.ID, record.Picklist, record.Reference:
		return quote(b, text), true
	}
	return b, false
}

// conditions cuts a look-up of many values into as few queries as the length
// of a query allows. Each value is asked for once; blanks, and texts longer
// than any key, are asked for not at all.
func conditions(op, head string, key record.Field, values []record.Value) ([]string, error) {
	var out []string
	var b, lit []byte
	start := head + " WHERE " + key.Name + " IN ("
	asked := make(map[record.Value]struct{}, len(values))
	for _, v := range values {
		if _, done := asked[v]; done || !v.IsSet() || len(v.Text()) > textRoom {
			continue
		}
		asked[v] = struct{}{}
		fits := false
		if lit, fits = literal(lit[:0], key.Type, v); !fits {
			e := providers.Errorf(providers.Broken, op, "a value of type %s cannot be looked up in %s", key.Type, key.Name)
			e.Fields = []string{key.Name}
			return nil, e
		}
		if len(b) > 0 && len(b)+len(lit)+2 > soqlRoom {
			out = append(out, string(append(b, ')')))
			b = b[:0]
		}
		if len(b) == 0 {
			b = append(b, start...)
		} else {
			b = append(b, ',')
		}
		b = append(b, lit...)
	}
	if len(b) > 0 {
		out = append(out, string(append(b, ')')))
	}
	return out, nil
}

// escapeQuery writes a query into an address. Spaces become %20, the form that
// every proxy leaves alone.
func escapeQuery(soql string) string {
	return strings.ReplaceAll(url.QueryEscape(soql), "+", "%20")
}
