package salesforcesim

import (
	"strconv"
	"strings"
)

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
