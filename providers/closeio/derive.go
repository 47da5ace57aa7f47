package closeio

import (
	"strconv"
	"strings"

	"crmsyncd/providers/internal/jsonwalk"
)

// partList is a list inside a record whose elements have no id, only a label.
type partList struct {
	member string   // of the record
	label  string   // member of the element
	parts  []string // what can be asked of an element
	alone  string   // a word for the first element's only part
}

// partLists are the lists of an object.
//
// https://developer.close.com/resources/leads and
// https://developer.close.com/resources/contacts, last checked 2026-11-22.
func partLists(object string) []*partList {
	switch object {
	case Lead:
		return []*partList{{member: "addresses", label: "label", parts: addressParts()}}
	case Contact:
		return []*partList{
			{member: "emails", label: "type", parts: []string{"email"}, alone: "email"},
			{member: "phones", label: "type", parts: []string{"phone"}, alone: "phone"},
			{member: "urls", label: "type", parts: []string{"url"}, alone: "url"},
		}
	}
	return nil
}

func addressParts() []string {
	return []string{"address_1", "address_2", "city", "state", "zipcode", "country"}
}

// anyLabel asks for the first element whatever its label.
const anyLabel = "*"

// partCell is a field that is part of a list's element.
type partCell struct {
	at, src int
	list    *partList
	label   string
	part    int
}

// parsePart reads a name such as addresses.office.city or emails.home.
func parsePart(object, name string) (list *partList, label string, part int, ok bool) {
	for _, l := range partLists(object) {
		if l.alone != "" && name == l.alone {
			return l, anyLabel, 0, true
		}
		rest, found := strings.CutPrefix(name, l.member+".")
		if !found || rest == "" {
			continue
		}
		if l.alone != "" {
			return l, rest, 0, true
		}
		dot := strings.LastIndexByte(rest, '.')
		if dot < 1 {
			return nil, "", 0, false
		}
		for i, p := range l.parts {
			if rest[dot+1:] == p {
				return l, rest[:dot], i, true
			}
		}
	}
	return nil, "", 0, false
}

// derivedCell is a field that is made of other members.
type derivedCell struct {
	at      int
	sources []string
	src     [2]int
	make    func(buf []byte, a, b []byte) []byte
}

// addDerived notes a field that Close has no member for, and reports whether it
// is one.
func (q *question) addDerived(at int, name string) bool {
	if list, label, part, ok := parsePart(q.object, name); ok {
		for i := range q.parts {
			if q.parts[i].list.member == list.member {
				list = q.parts[i].list // one look at a list does for all its parts
			}
		}
		q.parts = append(q.parts, partCell{at: at, list: list, label: label, part: part})
		q.add(list.member)
		return true
	}
	d, ok := derivation(q.object, name)
	if ok {
		d.at = at
		q.derived = append(q.derived, d)
	}
	return ok
}

func derivation(object, name string) (derivedCell, bool) {
	switch object + "." + name {
	case Contact + ".first_name":
		return derivedCell{sources: []string{"name"}, make: func(buf, name, _ []byte) []byte { return splitName(buf, name, true) }}, true
	case Contact + ".last_name":
		return derivedCell{sources: []string{"name"}, make: func(buf, name, _ []byte) []byte { return splitName(buf, name, false) }}, true
	case Opportunity + ".value":
		return derivedCell{sources: []string{"value", "value_currency"}, make: majorUnits}, true
	case User + ".name":
		return derivedCell{sources: []string{"first_name", "last_name"}, make: joinName}, true
	case User + ".is_active":
		return derivedCell{make: func(buf, _, _ []byte) []byte { return append(buf, "true"...) }}, true
	}
	return derivedCell{}, false
}

// derive fills in the fields of a row that are made of others.
func (s *sheet) derive(row, raw [][]byte) {
	var open *partList
	var doc *jsonwalk.Page
	for i := range s.q.parts {
		p := &s.q.parts[i]
		if open != p.list {
			open, doc = p.list, s.elements(p.list, row[p.src])
		}
		raw[p.at] = p.pick(doc, row[p.src])
	}
	for i := range s.q.derived {
		d := &s.q.derived[i]
		var a, b []byte
		if len(d.sources) > 0 {
			a = row[d.src[0]]
			if a == nil {
				continue // not sent
			}
		}
		if len(d.sources) > 1 {
			b = row[d.src[1]]
		}
		from := len(s.arena)
		s.arena = d.make(s.arena, a, b)
		raw[d.at] = s.arena[from:len(s.arena):len(s.arena)]
	}
}

// elements reads a list of a record; nil where it is none.
func (s *sheet) elements(l *partList, raw []byte) *jsonwalk.Page {
	if len(raw) == 0 || raw[0] != '[' {
		return nil
	}
	w := s.lists[l]
	if w == nil {
		w = jsonwalk.New(jsonwalk.Shape{Fields: append([]string{l.label}, l.parts...)})
		if s.lists == nil {
			s.lists = map[*partList]*jsonwalk.Walker{}
		}
		s.lists[l] = w
	}
	doc, err := w.Walk(raw)
	if err != nil {
		return nil
	}
	return doc
}

// pick returns the part of the first element with the label. A list without such
// an element has a blank there; a list that was not sent has nothing.
func (p *partCell) pick(doc *jsonwalk.Page, raw []byte) []byte {
	if doc == nil {
		if raw == nil || jsonwalk.IsNull(raw) {
			return raw
		}
		return []byte("{}") // no list: for Convert to refuse
	}
	for i := range doc.Len() {
		row := doc.Row(i)
		if row == nil {
			continue
		}
		if label, _ := jsonwalk.Text(row[0]); p.label != anyLabel && !strings.EqualFold(label, p.label) {
			continue
		}
		if row[1+p.part] == nil {
			return null()
		}
		return row[1+p.part]
	}
	return null()
}

// splitName takes a person's one name apart at its last blank. A single word is
// the last name.
func splitName(buf, raw []byte, first bool) []byte {
	name, ok := jsonwalk.Text(raw)
	if !ok {
		return append(buf, raw...)
	}
	name = strings.TrimSpace(name)
	head, tail := "", name
	if i := strings.LastIndexAny(name, " \t\u00a0"); i >= 0 {
		head, tail = strings.TrimSpace(name[:i]), strings.TrimSpace(name[i:])
	}
	if first {
		return appendText(buf, head)
	}
	return appendText(buf, tail)
}

func joinName(buf, first, last []byte) []byte {
	a, _ := jsonwalk.Text(first)
	b, _ := jsonwalk.Text(last)
	return appendText(buf, strings.TrimSpace(strings.TrimSpace(a)+" "+strings.TrimSpace(b)))
}

// appendText writes a text as a JSON literal, null where it is blank.
func appendText(buf []byte, text string) []byte {
	if text == "" {
		return append(buf, "null"...)
	}
	return quote(buf, text)
}

// majorUnits turns an amount in the smallest units of its currency into the
// usual ones: 50000 is 500 dollars and 50000 yen.
//
// https://developer.close.com/resources/opportunities, last checked 2026-11-22.
func majorUnits(buf, value, currency []byte) []byte {
	if jsonwalk.IsNull(value) {
		return append(buf, value...)
	}
	digits, negative := strings.CutPrefix(string(value), "-")
	if _, err := strconv.ParseUint(digits, 10, 64); err != nil || len(digits) > 1 && digits[0] == '0' {
		return append(buf, "{}"...) // no whole number: for Convert to refuse
	}
	if negative {
		buf = append(buf, '-')
	}
	code, _ := jsonwalk.Text(currency)
	exp := exponent(code)
	if exp == 0 {
		return append(buf, digits...)
	}
	if pad := exp + 1 - len(digits); pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	buf = append(buf, digits[:len(digits)-exp]...)
	if frac := strings.TrimRight(digits[len(digits)-exp:], "0"); frac != "" {
		buf = append(append(buf, '.'), frac...)
	}
	return buf
}

// exponent is how many digits a currency has behind the point, by ISO 4217.
func exponent(code string) int {
	switch strings.ToUpper(code) {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	case "CLF", "UYW":
		return 4
	}
	return 2
}
