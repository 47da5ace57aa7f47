package salesforcesim

import (
	"strconv"
	"strings"
)

// maxDepth bounds nested parentheses and subqueries.
const maxDepth = 50

type parser struct {
	text  string
	toks  []token
	at    int
	depth int
}

// parseSOQL parses a whole query.
func parseSOQL(text string) (*soqlQuery, *Error) {
	toks, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{text: text, toks: toks}
	q, err := p.query()
	if err != nil {
		return nil, err
	}
	if p.peek().kind != tokEnd {
		return nil, p.unexpected()
	}
	return q, nil
}

func (p *parser) peek() token { return p.toks[p.at] }

func (p *parser) next() token {
	t := p.toks[p.at]
	if t.kind != tokEnd {
		p.at++
	}
	return t
}

// is tells whether the next tokens are the given words or symbols.
func (p *parser) is(words ...string) bool {
	for i, w := range words {
		if p.at+i >= len(p.toks) {
			return false
		}
		t := p.toks[p.at+i]
		if (t.kind != tokName && t.kind != tokSymbol) || !strings.EqualFold(t.text, w) {
			return false
		}
	}
	return true
}

// take skips the given words, if they come next.
func (p *parser) take(words ...string) bool {
	if !p.is(words...) {
		return false
	}
	p.at += len(words)
	return true
}

func (p *parser) unexpected() *Error {
	t := p.peek()
	text := t.text
	if t.kind == tokEnd {
		text = "<EOF>"
	}
	return queryError("MALFORMED_QUERY", p.text, t.pos, "unexpected token: '"+text+"'")
}

func (p *parser) must(words ...string) *Error {
	if !p.take(words...) {
		return p.unexpected()
	}
	return nil
}

func (p *parser) name() (token, *Error) {
	t := p.peek()
	if t.kind != tokName || isKeyword(t.text) {
		return token{}, p.unexpected()
	}
	return p.next(), nil
}

func isKeyword(s string) bool {
	switch strings.ToUpper(s) {
	case "SELECT", "FROM", "WHERE", "ORDER", "LIMIT", "OFFSET", "AND", "OR", "NOT", "IN", "LIKE", "INCLUDES", "EXCLUDES":
		return true
	}
	return false
}

func (p *parser) query() (*soqlQuery, *Error) {
	if p.depth++; p.depth > maxDepth {
		return nil, bad("QUERY_TOO_COMPLICATED", "Query is either selecting too many fields or the filter conditions are too complicated.")
	}
	defer func() { p.depth-- }()
	q := &soqlQuery{text: p.text, limit: -1}
	if err := p.must("SELECT"); err != nil {
		return nil, err
	}
	if err := p.selection(q); err != nil {
		return nil, err
	}
	if err := p.must("FROM"); err != nil {
		return nil, err
	}
	object, err := p.name()
	if err != nil {
		return nil, err
	}
	q.object, q.objPos = object.text, object.pos
	p.take("AS")
	if t := p.peek(); t.kind == tokName && !isKeyword(t.text) && !isClause(t.text) {
		q.alias = p.next().text
	}
	return q, p.clauses(q)
}

// isClause tells words that may follow the object, so that they are no alias.
func isClause(s string) bool {
	switch strings.ToUpper(s) {
	case "USING", "WITH", "GROUP", "HAVING", "FOR", "ALL", "UPDATE":
		return true
	}
	return false
}

func (p *parser) selection(q *soqlQuery) *Error {
	if p.take("COUNT", "(", ")") {
		q.count = true
		return nil
	}
	for {
		item, err := p.selectItem()
		if err != nil {
			return err
		}
		q.fields = append(q.fields, item)
		if !p.take(",") {
			return nil
		}
	}
}

func (p *parser) selectItem() (selectItem, *Error) {
	if p.is("(") {
		return selectItem{}, queryError("MALFORMED_QUERY", p.text, p.peek().pos, "child subqueries are not simulated")
	}
	t, err := p.name()
	if err != nil {
		return selectItem{}, err
	}
	if !p.take("(") {
		return selectItem{path: t.text, pos: t.pos}, nil
	}
	fn := strings.ToUpper(t.text)
	if fn != "FIELDS" && fn != "COUNT" {
		return selectItem{}, queryError("MALFORMED_QUERY", p.text, t.pos, "the function "+t.text+" is not simulated")
	}
	arg, err := p.name()
	if err != nil {
		return selectItem{}, err
	}
	return selectItem{path: arg.text, fn: fn, pos: t.pos}, p.must(")")
}

func (p *parser) clauses(q *soqlQuery) *Error {
	var err *Error
	if p.take("WHERE") {
		if q.where, err = p.or(); err != nil {
			return err
		}
	}
	if p.take("ORDER", "BY") {
		if err := p.ordering(q); err != nil {
			return err
		}
	}
	if p.take("LIMIT") {
		if q.limit, err = p.count(); err != nil {
			return err
		}
	}
	if p.take("OFFSET") {
		at := p.peek().pos
		if q.offset, err = p.count(); err != nil {
			return err
		}
		if q.offset > 2000 {
			return queryError("NUMBER_OUTSIDE_VALID_RANGE", p.text, at, "Maximum SOQL offset allowed is 2000")
		}
	}
	return nil
}

func (p *parser) count() (int, *Error) {
	t := p.peek()
	n, err := strconv.Atoi(t.text)
	if t.kind != tokNumber || err != nil || n < 0 || n > 1<<31-1 {
		return 0, p.unexpected()
	}
	p.next()
	return n, nil
}

func (p *parser) ordering(q *soqlQuery) *Error {
	for {
		t, err := p.name()
		if err != nil {
			return err
		}
		item := orderItem{path: t.text, pos: t.pos}
		if p.take("DESC") {
			item.desc = true
		} else {
			p.take("ASC")
		}
		if p.take("NULLS", "LAST") {
			item.nullsLast = true
		} else {
			p.take("NULLS", "FIRST")
		}
		q.order = append(q.order, item)
		if !p.take(",") {
			return nil
		}
	}
}

// or parses part {OR part} or part {AND part}; the two do not mix without
// parentheses.
func (p *parser) or() (*condition, *Error) {
	first, err := p.not()
	if err != nil {
		return nil, err
	}
	op := strings.ToUpper(p.peek().text)
	if !p.is("AND") && !p.is("OR") {
		return first, nil
	}
	c := &condition{op: op, parts: []*condition{first}, pos: p.peek().pos}
	for p.take(op) {
		next, err := p.not()
		if err != nil {
			return nil, err
		}
		c.parts = append(c.parts, next)
	}
	if p.is("AND") || p.is("OR") {
		return nil, p.unexpected()
	}
	return c, nil
}

func (p *parser) not() (*condition, *Error) {
	if p.depth++; p.depth > maxDepth {
		return nil, bad("QUERY_TOO_COMPLICATED", "Query is either selecting too many fields or the filter conditions are too complicated.")
	}
	defer func() { p.depth-- }()
	pos := p.peek().pos
	switch {
	case p.take("NOT"):
		part, err := p.not()
		if err != nil {
			return nil, err
		}
		return &condition{op: "NOT", parts: []*condition{part}, pos: pos}, nil
	case p.take("("):
		c, err := p.or()
		if err != nil {
			return nil, err
		}
		return c, p.must(")")
	}
	return p.comparison()
}

func (p *parser) comparison() (*condition, *Error) {
	t, err := p.name()
	if err != nil {
		return nil, err
	}
	c := &condition{path: t.text, pos: t.pos}
	switch {
	case p.take("NOT", "IN"):
		c.op = "NOT IN"
		return c, p.list(c)
	case p.take("IN"), p.take("INCLUDES"), p.take("EXCLUDES"):
		c.op = strings.ToUpper(p.toks[p.at-1].text)
		return c, p.list(c)
	case p.take("LIKE"):
		c.op = "LIKE"
	default:
		op := p.peek()
		switch {
		case op.kind != tokSymbol || op.text == "(" || op.text == ")" || op.text == ",":
			return nil, p.unexpected()
		case op.text == "<>":
			c.op = "!="
		default:
			c.op = op.text
		}
		p.next()
	}
	v, err := p.literal()
	if err != nil {
		return nil, err
	}
	c.vals = []literal{v}
	return c, nil
}

// list parses (a, b) or (SELECT …).
func (p *parser) list(c *condition) *Error {
	if err := p.must("("); err != nil {
		return err
	}
	if p.is("SELECT") {
		var err *Error
		if c.sub, err = p.query(); err != nil {
			return err
		}
		return p.must(")")
	}
	for {
		v, err := p.literal()
		if err != nil {
			return err
		}
		c.vals = append(c.vals, v)
		if !p.take(",") {
			return p.must(")")
		}
	}
}

func (p *parser) literal() (literal, *Error) {
	t := p.peek()
	if t.kind != tokString && t.kind != tokNumber && t.kind != tokName {
		return literal{}, p.unexpected()
	}
	v := literal{token: p.next()}
	if t.kind != tokName {
		return v, nil
	}
	switch strings.ToLower(t.text) {
	case "null", "true", "false":
		v.text = strings.ToLower(t.text)
		return v, nil
	}
	if d, ok := parseDateLiteral(t.text); ok {
		v.date = d
		return v, nil
	}
	if _, ok := parseTime(t.text); ok {
		return v, nil
	}
	if isDate(t.text) {
		return v, nil
	}
	p.at--
	return literal{}, p.unexpected()
}
