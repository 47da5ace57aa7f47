package salesforcesim

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
		if r = t.shows(n, p.now); r == nil {
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
const noInstant int64 = -1 << 62

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
