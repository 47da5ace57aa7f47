package salesforcesim

import (
	"slices"
	"strings"
)

// plan is a query whose names are resolved against the org.
type plan struct {
	*store
	q       *soqlQuery
	t       *table
	now     int64
	all     bool // queryAll: deleted rows too
	columns []*column
	filter  func(uint32, *row) bool
	order   []orderKey
	keys    *keyed // rows can be found by an index
}

// column is a selected field, or a parent with selected fields of its own.
type column struct {
	f        *field
	relation *field
	children []*column
}

type orderKey struct {
	accessor
	orderItem
}

// keyed says that only rows with one of these folded values in f can match.
type keyed struct {
	f    *field
	vals []string
}

// accessor leads from a row over parents to a field.
type accessor struct {
	hops []*field
	f    *field
}

func noColumn(q *soqlQuery, pos int, name, object string) *Error {
	return queryError("INVALID_FIELD", q.text, pos, "No such column '"+name+"' on entity '"+object+
		"'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. "+
		"Please reference your WSDL or the describe call for the appropriate names.")
}

// compile resolves a query. Locked.
func (s *store) compile(q *soqlQuery, all bool) (*plan, *Error) {
	t := s.table(q.object)
	if t == nil {
		return nil, queryError("INVALID_TYPE", q.text, q.objPos, "sObject type '"+q.object+"' is not supported. If you are attempting to use a "+
			"custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.")
	}
	p := &plan{store: s, q: q, t: t, now: s.now(), all: all}
	for _, item := range q.fields {
		if err := p.selectItem(item); err != nil {
			return nil, err
		}
	}
	if q.where != nil {
		var err *Error
		if p.filter, err = p.condition(q.where); err != nil {
			return nil, err
		}
		p.keys = p.indexable(q.where)
	}
	for _, item := range q.order {
		a, err := p.resolve(item.path, item.pos)
		if err != nil {
			return nil, err
		}
		if a.f.unsortable {
			return nil, queryError("MALFORMED_QUERY", q.text, item.pos, "field '"+a.f.name+"' can not be sorted in a query call")
		}
		p.order = append(p.order, orderKey{a, item})
	}
	return p, nil
}

// resolve follows a path such as Account.Owner.Name.
func (p *plan) resolve(path string, pos int) (accessor, *Error) {
	var a accessor
	parts := strings.Split(path, ".")
	if len(parts) > 1 && (strings.EqualFold(parts[0], p.q.alias) || strings.EqualFold(parts[0], p.t.obj.name) && p.t.obj.parent(parts[0]) == nil) {
		parts = parts[1:]
	}
	o := p.t.obj
	for _, part := range parts[:len(parts)-1] {
		f := o.parent(part)
		if f == nil || len(a.hops) == 5 {
			return a, queryError("INVALID_FIELD", p.q.text, pos, "Didn't understand relationship '"+part+"' in field path. If you are attempting to use a "+
				"custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.")
		}
		a.hops = append(a.hops, f)
		o = p.schema.object(f.refersTo[0])
	}
	if a.f = o.field(parts[len(parts)-1]); a.f == nil {
		return a, noColumn(p.q, pos, parts[len(parts)-1], o.name)
	}
	return a, nil
}

func (p *plan) selectItem(item selectItem) *Error {
	switch item.fn {
	case "FIELDS":
		return p.selectFields(item)
	case "COUNT":
		if len(p.q.fields) > 1 {
			return queryError("MALFORMED_QUERY", p.q.text, item.pos, "COUNT with further fields is not simulated")
		}
		_, err := p.resolve(item.path, item.pos)
		return err
	}
	a, err := p.resolve(item.path, item.pos)
	if err != nil {
		return err
	}
	return p.addColumn(&p.columns, a.hops, a.f, item)
}

// addColumn puts a field into the tree of parents.
func (p *plan) addColumn(list *[]*column, hops []*field, f *field, item selectItem) *Error {
	if len(hops) == 0 {
		if slices.ContainsFunc(*list, func(c *column) bool { return c.f == f }) {
			return queryError("INVALID_FIELD", p.q.text, item.pos, "duplicate field selected: "+f.name)
		}
		*list = append(*list, &column{f: f})
		return nil
	}
	for _, c := range *list {
		if c.relation == hops[0] {
			return p.addColumn(&c.children, hops[1:], f, item)
		}
	}
	c := &column{relation: hops[0]}
	*list = append(*list, c)
	return p.addColumn(&c.children, hops[1:], f, item)
}

func (p *plan) selectFields(item selectItem) *Error {
	set := strings.ToUpper(item.path)
	switch set {
	case "ALL", "CUSTOM":
		if p.q.limit < 0 || p.q.limit > 200 {
			return queryError("MALFORMED_QUERY", p.q.text, item.pos, "The SOQL FIELDS function must have a LIMIT of at most 200")
		}
	case "STANDARD":
	default:
		return queryError("MALFORMED_QUERY", p.q.text, item.pos, "unexpected token: '"+item.path+"'")
	}
	for _, f := range p.t.obj.visible() {
		if (set == "STANDARD" && f.custom) || (set == "CUSTOM" && !f.custom) {
			continue
		}
		if err := p.addColumn(&p.columns, nil, f, item); err != nil {
			return err
		}
	}
	return nil
}

// indexable finds a comparison that all matches must pass and that an index
// can answer: = or IN with text on a stored field of the object itself.
func (p *plan) indexable(c *condition) *keyed {
	switch {
	case c.op == "AND":
		for _, part := range c.parts {
			if k := p.indexable(part); k != nil {
				return k
			}
		}
		return nil
	case (c.op != "=" && c.op != "IN") || c.sub != nil || strings.Contains(c.path, "."):
		return nil
	}
	f := p.t.obj.field(c.path)
	if f == nil || !f.hasIndex() {
		return nil
	}
	k := &keyed{f: f, vals: make([]string, 0, len(c.vals))}
	for _, v := range c.vals {
		if v.kind != tokString || v.text == "" {
			return nil
		}
		text := v.text
		if !f.isText() {
			text, _ = CanonicalID(text)
		}
		k.vals = append(k.vals, f.fold(text))
	}
	return k
}

// hasIndex tells whether an index finds exactly what equality means for the field.
func (f *field) hasIndex() bool {
	switch {
	case f.sys == sysID:
		return true
	case f.sys != sysNone:
		return false
	}
	return f.kind == "reference" || (f.isText() && f.kind != "multipicklist")
}
