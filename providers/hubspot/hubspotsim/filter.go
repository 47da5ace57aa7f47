package hubspotsim

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// filter is a compiled filter of a search.
type filter struct {
	p          *property
	to         *objectType // of associations.{object}
	op         string
	text, high string
	num, top   float64
	values     map[string]bool
}

func noSuchFilter(name string) *Error {
	return invalid("There was a problem with the request: property " + name + " does not exist")
}

func (s *store) compile(o *objectType, in *searchInput) ([][]filter, *Error) {
	var groups [][]filter
	for _, g := range in.Groups {
		var list []filter
		for i := range g.Filters {
			f, err := s.compileOne(o, &g.Filters[i])
			if err != nil {
				return nil, err
			}
			list = append(list, f)
		}
		groups = append(groups, list)
	}
	return groups, nil
}

func operators() []string {
	return []string{
		"EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "IN", "NOT_IN",
		"HAS_PROPERTY", "NOT_HAS_PROPERTY", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN",
	}
}

func (s *store) compileOne(o *objectType, in *searchFilter) (filter, *Error) {
	f := filter{op: in.Operator, text: string(in.Value), high: string(in.High)}
	if !slices.Contains(operators(), in.Operator) {
		return f, invalid("operator " + in.Operator + " is not known")
	}
	if in.Operator == "IN" || in.Operator == "NOT_IN" {
		f.values = map[string]bool{}
		for _, v := range in.Values {
			f.values[string(v)] = true
		}
	}
	if name, ok := strings.CutPrefix(in.Property, "associations."); ok {
		if f.to = s.object(name); f.to == nil {
			return f, noSuchFilter(in.Property)
		}
		return f, nil
	}
	if f.p = o.prop(in.Property); f.p == nil {
		return f, noSuchFilter(in.Property)
	}
	return f, f.bind()
}

// bind reads the filter's values in the property's type. A time at the epoch
// makes the vendor's index fail.
func (f *filter) bind() *Error {
	if !f.p.isNumeric() {
		if f.p.kind != "enumeration" {
			f.text = strings.ToLower(f.text)
			f.high = strings.ToLower(f.high)
		}
		return nil
	}
	var ok bool
	switch f.op {
	case "HAS_PROPERTY", "NOT_HAS_PROPERTY", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN", "IN", "NOT_IN":
		return nil
	case "BETWEEN":
		if f.top, ok = f.p.number(f.high); !ok {
			return invalid(f.high + " is not a value of " + f.p.name)
		}
	}
	if f.num, ok = f.p.number(f.text); !ok {
		return invalid(f.text + " is not a value of " + f.p.name)
	}
	if f.num == 0 && f.p.kind != "number" {
		return &Error{Status: http.StatusInternalServerError, Message: "internal error"}
	}
	return nil
}

func (p *property) isNumeric() bool {
	return p.kind == "number" || p.kind == "date" || p.kind == "datetime"
}

// number is a value of a numeric property; times are in milliseconds.
func (p *property) number(v string) (float64, bool) {
	if p.kind == "number" {
		n, err := strconv.ParseFloat(v, 64)
		return n, err == nil
	}
	t, _, ok := parseAny(v)
	return float64(t.UnixMilli()), ok
}

func (s *store) number(o *objectType, n uint32, r *row, p *property) (float64, bool) {
	switch {
	case p.sys == sysCreated:
		return float64(r.created), true
	case p.sys == sysModified:
		return float64(r.modified), true
	case p.sys == sysID:
		return float64(idBase + 1 + int64(n)), true
	case !p.isNumeric():
		return 0, false
	}
	v := s.value(o, n, r, p)
	if v == "" {
		return 0, false
	}
	if p.kind == "datetime" {
		if t, err := time.Parse("2006-01-02T15:04:05.000Z", v); err == nil {
			return float64(t.UnixMilli()), true
		}
	}
	return p.number(v)
}

// matches tells whether one group of filters holds; no group is no condition.
func (s *store) matches(o *objectType, n uint32, r *row, groups [][]filter) bool {
	if len(groups) == 0 {
		return true
	}
	return slices.ContainsFunc(groups, func(g []filter) bool {
		for i := range g {
			if !s.holds(o, n, r, &g[i]) {
				return false
			}
		}
		return true
	})
}

func (s *store) holds(o *objectType, n uint32, r *row, f *filter) bool {
	if f.to != nil {
		return f.tied(r)
	}
	if f.p.isNumeric() && f.op != "IN" && f.op != "NOT_IN" {
		num, ok := s.number(o, n, r, f.p)
		return f.compare(num, ok)
	}
	v := s.value(o, n, r, f.p)
	if f.p.kind != "enumeration" {
		v = strings.ToLower(v)
	}
	return f.compareText(v)
}

func (f *filter) compare(v float64, known bool) bool {
	switch f.op {
	case "HAS_PROPERTY":
		return known
	case "NOT_HAS_PROPERTY":
		return !known
	case "NEQ":
		return !known || v != f.num
	}
	if !known {
		return false
	}
	switch f.op {
	case "EQ", "CONTAINS_TOKEN":
		return v == f.num
	case "LT":
		return v < f.num
	case "LTE":
		return v <= f.num
	case "GT":
		return v > f.num
	case "GTE":
		return v >= f.num
	case "BETWEEN":
		return v >= f.num && v <= f.top
	}
	return false
}

// compareText compares without case, but for IN and NOT_IN, whose values the
// client has to give in lower case.
func (f *filter) compareText(v string) bool {
	switch f.op {
	case "IN":
		return f.values[v]
	case "NOT_IN":
		return !f.values[v]
	case "HAS_PROPERTY":
		return v != ""
	case "NOT_HAS_PROPERTY":
		return v == ""
	case "CONTAINS_TOKEN":
		return hasToken(v, f.text)
	case "NOT_CONTAINS_TOKEN":
		return !hasToken(v, f.text)
	}
	return f.order(v)
}

func (f *filter) order(v string) bool {
	switch f.op {
	case "EQ":
		return v == f.text
	case "NEQ":
		return v != f.text
	case "LT":
		return v != "" && v < f.text
	case "LTE":
		return v != "" && v <= f.text
	case "GT":
		return v > f.text
	case "GTE":
		return v >= f.text
	case "BETWEEN":
		return v >= f.text && v <= f.high
	}
	return false
}

// hasToken finds a word in v; a star stands for any text.
func hasToken(v, token string) bool {
	token = strings.ToLower(token)
	if bare := strings.Trim(token, "*"); bare != token {
		return strings.Contains(v, bare)
	}
	words := strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(" .,;:@/-_()", r) })
	return v == token || slices.Contains(words, token)
}

// tied tells whether a row has the association that a pseudo-property asks for.
func (f *filter) tied(r *row) bool {
	found := slices.ContainsFunc(r.links, func(l link) bool {
		if l.obj != f.to.num {
			return false
		}
		id := f.to.id(l.n)
		switch f.op {
		case "HAS_PROPERTY", "NOT_HAS_PROPERTY":
			return true
		case "IN", "NOT_IN":
			return f.values[id]
		}
		return id == f.text
	})
	return found != strings.HasPrefix(f.op, "N")
}
