package salesforcesim

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// condition turns a node of WHERE into a test of a row.
func (p *plan) condition(c *condition) (func(uint32, *row) bool, *Error) {
	switch c.op {
	case "AND", "OR", "NOT":
		return p.logic(c)
	}
	a, err := p.resolve(c.path, c.pos)
	if err != nil {
		return nil, err
	}
	if a.f.unfilterable || a.f.kind == "address" {
		return nil, queryError("INVALID_FIELD", p.q.text, c.pos, "field '"+a.f.name+"' can not be filtered in a query call")
	}
	if a.f.kind == "datetime" {
		test, err := p.instantTest(a.f, c)
		if err != nil {
			return nil, err
		}
		return func(n uint32, r *row) bool { return test(p.instantAt(&a, n, r)) }, nil
	}
	test, err := p.textTest(a.f, c)
	if err != nil {
		return nil, err
	}
	return func(n uint32, r *row) bool { return test(p.valueAt(&a, n, r)) }, nil
}

func (p *plan) logic(c *condition) (func(uint32, *row) bool, *Error) {
	tests := make([]func(uint32, *row) bool, len(c.parts))
	for i, part := range c.parts {
		test, err := p.condition(part)
		if err != nil {
			return nil, err
		}
		tests[i] = test
	}
	switch c.op {
	case "NOT":
		return func(n uint32, r *row) bool { return !tests[0](n, r) }, nil
	case "AND":
		return func(n uint32, r *row) bool {
			for _, test := range tests {
				if !test(n, r) {
					return false
				}
			}
			return true
		}, nil
	}
	return func(n uint32, r *row) bool {
		for _, test := range tests {
			if test(n, r) {
				return true
			}
		}
		return false
	}, nil
}

// follow goes over the accessor's parents. The row is nil where one is missing.
func (p *plan) follow(hops []*field, t *table, n uint32, r *row) (*table, uint32, *row) {
	for _, hop := range hops {
		id := t.value(n, r, hop)
		t = p.tableOf(id)
		if t == nil {
			return nil, 0, nil
		}
		var ok bool
		if n, ok = t.find(id); !ok {
			return nil, 0, nil
		}
		if r = t.see(n, p.now); r == nil {
			return nil, 0, nil
		}
	}
	return t, n, r
}

// fieldIn is the field itself, or the one of that name where a polymorphic
// reference led to another object.
func (a *accessor) fieldIn(t *table) *field {
	if a.f.num < len(t.obj.fields) && t.obj.fields[a.f.num] == a.f {
		return a.f
	}
	return t.obj.field(a.f.name)
}

func (p *plan) valueAt(a *accessor, n uint32, r *row) string {
	t, n, r := p.follow(a.hops, p.t, n, r)
	if r == nil {
		return ""
	}
	f := a.fieldIn(t)
	if f == nil {
		return ""
	}
	return t.value(n, r, f)
}

// noInstant stands for null.
const noInstant = -1 << 62

func (p *plan) instantAt(a *accessor, n uint32, r *row) int64 {
	t, n, r := p.follow(a.hops, p.t, n, r)
	if r == nil {
		return noInstant
	}
	f := a.fieldIn(t)
	if f == nil {
		return noInstant
	}
	if f.sys != sysNone {
		return r.instant(f)
	}
	when, ok := parseTime(t.value(n, r, f))
	if !ok {
		return noInstant
	}
	return when.Unix()
}

func (p *plan) badOperator(c *condition) *Error {
	return queryError("INVALID_QUERY_FILTER_OPERATOR", p.q.text, c.pos, "invalid operator on "+c.path+" field: "+c.op)
}

func (p *plan) badLiteral(f *field, c *condition) *Error {
	quoted := "should not be enclosed in quotes"
	if f.isText() || f.kind == "reference" || f.kind == "id" {
		quoted = "should be enclosed in quotes"
	}
	return queryError("INVALID_FIELD", p.q.text, c.pos, "value of filter criterion for field '"+f.name+"' must be of type "+f.queryType()+" and "+quoted)
}

func (f *field) queryType() string {
	switch f.kind {
	case "datetime":
		return "dateTime"
	case "reference", "id":
		return "ID"
	}
	return f.jsonType()
}

func isNull(v literal) bool { return v.kind == tokName && v.text == "null" }

// holds tells what an ordering comparison says of a sign.
func holds(op string, sign int) bool {
	switch op {
	case "=":
		return sign == 0
	case "!=":
		return sign != 0
	case "<":
		return sign < 0
	case "<=":
		return sign <= 0
	case ">":
		return sign > 0
	default:
		return sign >= 0
	}
}

// instantTest compares a date-time with instants and date ranges.
func (p *plan) instantTest(f *field, c *condition) (func(int64) bool, *Error) {
	type span struct{ from, to int64 } // to is exclusive
	spans := make([]span, len(c.vals))
	for i, v := range c.vals {
		switch when, ok := parseTime(v.text); {
		case isNull(v):
			spans[i] = span{noInstant, noInstant + 1}
		case v.date != nil:
			from, to := v.date.span(time.Unix(p.now, 0))
			spans[i] = span{from.Unix(), to.Unix()}
		case v.kind != tokName || !ok:
			return nil, p.badLiteral(f, c)
		default:
			spans[i] = span{when.Unix(), when.Unix() + 1}
		}
	}
	among := func(x int64) bool {
		for _, s := range spans {
			if x >= s.from && x < s.to {
				return true
			}
		}
		return false
	}
	switch c.op {
	case "=", "IN":
		return among, p.noSub(c)
	case "!=", "NOT IN":
		return func(x int64) bool { return !among(x) }, p.noSub(c)
	case "<":
		return func(x int64) bool { return x != noInstant && x < spans[0].from }, nil
	case "<=":
		return func(x int64) bool { return x != noInstant && x < spans[0].to }, nil
	case ">":
		return func(x int64) bool { return x != noInstant && x >= spans[0].to }, nil
	case ">=":
		return func(x int64) bool { return x != noInstant && x >= spans[0].from }, nil
	}
	return nil, p.badOperator(c)
}

func (p *plan) noSub(c *condition) *Error {
	if c.sub != nil {
		return queryError("MALFORMED_QUERY", p.q.text, c.pos, "The selected field '"+c.path+"' in the subquery and the left operand must both be id or reference fields")
	}
	return nil
}

// textTest compares all other types by their canonical text.
func (p *plan) textTest(f *field, c *condition) (func(string) bool, *Error) {
	if c.sub != nil {
		return p.semiJoin(f, c)
	}
	switch f.kind {
	case "int", "double", "currency", "percent":
		return p.numberTest(f, c)
	case "boolean":
		return p.booleanTest(f, c)
	case "date":
		return p.dateTest(f, c)
	case "multipicklist":
		if c.op == "INCLUDES" || c.op == "EXCLUDES" {
			return p.picksTest(f, c)
		}
	}
	if c.op == "INCLUDES" || c.op == "EXCLUDES" {
		return nil, p.badOperator(c)
	}
	vals := make([]string, len(c.vals))
	for i, v := range c.vals {
		text, err := p.textLiteral(f, c, v)
		if err != nil {
			return nil, err
		}
		vals[i] = text
	}
	return p.stringTest(f, c, vals)
}

// textLiteral folds a literal as the field compares; null is "".
func (p *plan) textLiteral(f *field, c *condition, v literal) (string, *Error) {
	if isNull(v) {
		return "", nil
	}
	if v.kind != tokString {
		return "", p.badLiteral(f, c)
	}
	if f.kind != "reference" && f.kind != "id" {
		return f.fold(v.text), nil
	}
	if v.text == "" {
		return "", nil
	}
	id, ok := CanonicalID(v.text)
	if !ok {
		return "", queryError("INVALID_QUERY_FILTER_OPERATOR", p.q.text, v.pos, "invalid ID field: "+v.text)
	}
	return id, nil
}

func (p *plan) stringTest(f *field, c *condition, vals []string) (func(string) bool, *Error) {
	switch c.op {
	case "IN", "NOT IN":
		set := make(map[string]bool, len(vals))
		for _, v := range vals {
			set[v] = true
		}
		want := c.op == "IN"
		return func(s string) bool { return set[f.fold(s)] == want }, nil
	case "LIKE":
		if f.kind == "reference" || f.kind == "id" || isNull(c.vals[0]) {
			return nil, p.badOperator(c)
		}
		pattern := likePattern(f.fold(c.vals[0].raw))
		return func(s string) bool { return s != "" && like(pattern, f.fold(s)) }, nil
	case "=", "!=":
		return func(s string) bool { return (f.fold(s) == vals[0]) == (c.op == "=") }, nil
	case "<", "<=", ">", ">=":
		return func(s string) bool {
			return s != "" && vals[0] != "" && holds(c.op, strings.Compare(f.fold(s), vals[0]))
		}, nil
	}
	return nil, p.badOperator(c)
}

func (p *plan) numberTest(f *field, c *condition) (func(string) bool, *Error) {
	vals := make([]float64, 0, len(c.vals))
	null := false
	for _, v := range c.vals {
		if isNull(v) {
			null = true
			continue
		}
		x, err := strconv.ParseFloat(v.text, 64)
		if v.kind != tokNumber || err != nil {
			return nil, p.badLiteral(f, c)
		}
		vals = append(vals, x)
	}
	among := func(s string) bool {
		if s == "" {
			return null
		}
		x, _ := strconv.ParseFloat(s, 64)
		for _, v := range vals {
			if x == v {
				return true
			}
		}
		return false
	}
	switch c.op {
	case "=", "IN":
		return among, nil
	case "!=", "NOT IN":
		return func(s string) bool { return !among(s) }, nil
	case "<", "<=", ">", ">=":
		return func(s string) bool {
			x, err := strconv.ParseFloat(s, 64)
			return err == nil && !null && holds(c.op, compareFloat(x, vals[0]))
		}, nil
	}
	return nil, p.badOperator(c)
}

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (p *plan) booleanTest(f *field, c *condition) (func(string) bool, *Error) {
	if c.op != "=" && c.op != "!=" {
		return nil, p.badOperator(c)
	}
	v := c.vals[0]
	if v.kind != tokName || (v.text != "true" && v.text != "false" && v.text != "null") {
		return nil, p.badLiteral(f, c)
	}
	return func(s string) bool { return (s == v.text) == (c.op == "=") }, nil
}

func (p *plan) dateTest(f *field, c *condition) (func(string) bool, *Error) {
	type span struct{ from, to string } // both inclusive
	spans := make([]span, len(c.vals))
	for i, v := range c.vals {
		switch {
		case isNull(v):
		case v.date != nil:
			from, to := v.date.span(time.Unix(p.now, 0))
			spans[i] = span{from.Format(dateLayout), to.AddDate(0, 0, -1).Format(dateLayout)}
		case v.kind == tokName && isDate(v.text):
			spans[i] = span{v.text, v.text}
		default:
			return nil, p.badLiteral(f, c)
		}
	}
	among := func(s string) bool {
		for _, x := range spans {
			if s >= x.from && s <= x.to {
				return true
			}
		}
		return false
	}
	switch c.op {
	case "=", "IN":
		return among, nil
	case "!=", "NOT IN":
		return func(s string) bool { return !among(s) }, nil
	}
	null := isNull(c.vals[0])
	some := func(test func(string) bool) func(string) bool {
		return func(s string) bool { return s != "" && !null && test(s) }
	}
	switch c.op {
	case "<":
		return some(func(s string) bool { return s < spans[0].from }), nil
	case "<=":
		return some(func(s string) bool { return s <= spans[0].to }), nil
	case ">":
		return some(func(s string) bool { return s > spans[0].to }), nil
	case ">=":
		return some(func(s string) bool { return s >= spans[0].from }), nil
	}
	return nil, p.badOperator(c)
}

// picksTest: each value is a list of picks that must all be there; one such
// value is enough.
func (p *plan) picksTest(f *field, c *condition) (func(string) bool, *Error) {
	var groups [][]string
	for _, v := range c.vals {
		if v.kind != tokString {
			return nil, p.badLiteral(f, c)
		}
		groups = append(groups, strings.Split(f.fold(v.text), ";"))
	}
	want := c.op == "INCLUDES"
	return func(s string) bool {
		has := map[string]bool{}
		for pick := range strings.SplitSeq(f.fold(s), ";") {
			has[pick] = true
		}
		for _, group := range groups {
			all := true
			for _, pick := range group {
				all = all && has[pick]
			}
			if all {
				return want
			}
		}
		return !want
	}, nil
}

// semiJoin: id IN (SELECT reference FROM …).
func (p *plan) semiJoin(f *field, c *condition) (func(string) bool, *Error) {
	sub, err := p.compile(c.sub, false)
	if err != nil {
		return nil, err
	}
	isID := func(f *field) bool { return f.kind == "id" || f.kind == "reference" }
	if len(sub.columns) != 1 || sub.columns[0].f == nil || !isID(sub.columns[0].f) || !isID(f) {
		c.path = f.name
		return nil, p.noSub(c)
	}
	set := map[string]bool{}
	for _, n := range sub.run() {
		set[sub.t.value(n, sub.t.see(n, p.now), sub.columns[0].f)] = true
	}
	delete(set, "")
	want := c.op == "IN"
	return func(s string) bool { return set[s] == want }, nil
}

// likeRune is one place of a LIKE pattern.
type likeRune struct {
	r        rune
	any, one bool // % and _
}

func likePattern(raw string) []likeRune {
	var list []likeRune
	for i := 0; i < len(raw); {
		r, size := utf8.DecodeRuneInString(raw[i:])
		i += size
		switch r {
		case '%':
			list = append(list, likeRune{any: true})
			continue
		case '_':
			list = append(list, likeRune{one: true})
			continue
		case '\\':
			if i < len(raw) {
				plain, _ := unescape(raw[i])
				r, _ = utf8.DecodeRuneInString(plain)
				i++
			}
		}
		list = append(list, likeRune{r: r})
	}
	return list
}

// like matches s against a pattern, going back to the last % on a mismatch.
func like(pattern []likeRune, s string) bool {
	text := []rune(s)
	i, j, star, mark := 0, 0, -1, 0
	for j < len(text) {
		switch {
		case i < len(pattern) && pattern[i].any:
			star, mark = i, j
			i++
		case i < len(pattern) && (pattern[i].one || pattern[i].r == text[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i].any {
		i++
	}
	return i == len(pattern)
}
