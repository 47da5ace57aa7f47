package salesforcesim

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// locatorLife is how long a result may be paged through, and maxLocators how
// many are kept.
const (
	locatorLife = 48 * time.Hour
	maxLocators = 100
)

// locator is the unread rest of a query. It belongs to the session that ran
// the query.
type locator struct {
	num     uint32
	plan    *plan
	rows    []uint32
	page    int
	session string
	until   time.Time
}

// query serves query and queryAll, and the further pages of both.
func (c *call) query() *Error {
	if len(c.path) == 2 {
		return c.queryMore(c.path[1])
	}
	if len(c.path) > 2 {
		return notFound()
	}
	text := c.r.URL.Query().Get("q")
	if strings.TrimSpace(text) == "" {
		c.calls.count(CallQuery, "")
		return bad("MALFORMED_QUERY", "A query string has to be specified")
	}
	q, err := parseSOQL(text)
	if err != nil {
		c.calls.count(CallQuery, "")
		return err
	}
	object := q.object
	if t := c.store.table(object); t != nil {
		object = t.obj.name
	}
	c.calls.count(CallQuery, object)
	p, err := c.compiled(q)
	if err != nil {
		return err
	}
	if c.r.URL.Query().Get("columns") == "true" {
		return c.answer(http.StatusOK, p.appendMetadata)
	}
	rows := p.run()
	if q.count || (len(q.fields) == 1 && q.fields[0].fn == "COUNT") {
		return c.answerCount(p, rows)
	}
	l := &locator{plan: p, rows: rows, page: c.pageSize(p), session: c.session}
	if len(rows) > l.page {
		c.keep(l)
	}
	return c.answerPage(l, 0)
}

// compiled resolves the query and makes its index. It returns with the read
// lock held.
func (c *call) compiled(q *soqlQuery) (*plan, *Error) {
	all := c.path[0] == "queryAll"
	c.rlock()
	p, err := c.store.compile(q, all)
	if err != nil {
		return nil, err
	}
	if p.needsIndex() {
		c.runlock()
		c.store.mu.Lock()
		p.prepare()
		c.store.mu.Unlock()
		c.rlock()
	}
	return p, nil
}

// pageSize follows the wish in Sforce-Query-Options from 200 to 2000. A long
// text among the fields halves the page, as recorded.
func (c *call) pageSize(p *plan) int {
	size := c.opt.PageSize
	for opt := range strings.SplitSeq(c.r.Header.Get("Sforce-Query-Options"), ",") {
		key, val, _ := strings.Cut(opt, "=")
		if n, err := strconv.Atoi(strings.TrimSpace(val)); err == nil && strings.EqualFold(strings.TrimSpace(key), "batchSize") {
			size = min(max(n, 200), 2000)
		}
	}
	for _, col := range p.columns {
		if col.f != nil && col.f.kind == "textarea" && col.f.length >= 32000 {
			size = min(size, 1000)
		}
	}
	return size
}

func (c *call) keep(l *locator) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.num = c.nextLoc
	c.nextLoc++
	l.until = c.opt.Clock().Add(locatorLife)
	for key, old := range c.locators {
		if len(c.locators) >= maxLocators && old.num+maxLocators <= l.num {
			delete(c.locators, key)
		}
	}
	c.locators[l.name()] = l
}

func (l *locator) name() string { return makeID("0r8", l.num) }

func (c *call) queryMore(path string) *Error {
	c.calls.count(CallQueryMore, "")
	gone := bad("INVALID_QUERY_LOCATOR", "invalid query locator")
	name, offset, ok := strings.Cut(path, "-")
	at, err := strconv.Atoi(offset)
	c.mu.Lock()
	l := c.locators[name]
	c.mu.Unlock()
	if !ok || err != nil || l == nil || at < 0 || at >= len(l.rows) || l.session != c.session || !c.opt.Clock().Before(l.until) {
		return gone
	}
	c.rlock()
	return c.answerPage(l, at)
}

func (c *call) answerPage(l *locator, at int) *Error {
	end := min(at+l.page, len(l.rows))
	return c.answer(http.StatusOK, func(b []byte) []byte {
		b = append(b, `{"totalSize":`...)
		b = strconv.AppendInt(b, int64(len(l.rows)), 10)
		if end < len(l.rows) {
			b = append(b, `,"done":false,"nextRecordsUrl":"`+c.prefix+`/query/`+l.name()+`-`+strconv.Itoa(end)+`"`...)
		} else {
			b = append(b, `,"done":true`...)
		}
		b = append(b, `,"records":[`...)
		for i, n := range l.rows[at:end] {
			if i > 0 {
				b = append(b, ',')
			}
			b = l.plan.appendRow(b, n, c.prefix)
		}
		return append(b, `]}`...)
	})
}

func (c *call) answerCount(p *plan, rows []uint32) *Error {
	n := strconv.Itoa(len(rows))
	if p.q.count {
		return c.answer(http.StatusOK, func(b []byte) []byte {
			return append(b, `{"totalSize":`+n+`,"done":true,"records":[]}`...)
		})
	}
	a, err := p.resolve(p.q.fields[0].path, p.q.fields[0].pos)
	if err != nil {
		return err
	}
	set := 0
	for _, n := range rows {
		if p.valueAt(&a, n, p.t.see(n, p.now)) != "" {
			set++
		}
	}
	return c.answer(http.StatusOK, func(b []byte) []byte {
		return append(b, `{"totalSize":1,"done":true,"records":[{"attributes":{"type":"AggregateResult"},"expr0":`+strconv.Itoa(set)+`}]}`...)
	})
}

// appendMetadata answers columns=true, which the vendor's command line asks for.
func (p *plan) appendMetadata(b []byte) []byte {
	j := &jsonObject{append(b, '{')}
	j.key("columnMetadata")
	j.b = appendColumnMetadata(append(j.b, '['), p.columns)
	j.b = append(j.b, ']')
	j.text("entityName", p.t.obj.name)
	j.flag(false, "groupBy")
	j.flag(true, "idSelected")
	j.text("keyPrefix", p.t.obj.prefix)
	return append(j.b, '}')
}

func appendColumnMetadata(b []byte, cols []*column) []byte {
	for i, col := range cols {
		if i > 0 {
			b = append(b, ',')
		}
		f := col.f
		name := ""
		if f == nil {
			f, name = col.relation, col.relation.relation
		} else {
			name = f.name
		}
		j := &jsonObject{append(b, '{')}
		j.flag(false, "aggregate")
		j.text("apexType", f.kind)
		j.flag(f.kind == "boolean", "booleanType")
		j.text("columnName", name)
		j.flag(f.custom, "custom")
		j.text("displayName", name)
		j.raw("foreignKeyName", "null")
		j.flag(f.createable, "insertable")
		j.key("joinColumns")
		j.b = append(appendColumnMetadata(append(j.b, '['), col.children), ']')
		j.flag(f.isNumber(), "numberType")
		j.flag(!f.isNumber() && f.kind != "boolean", "textType")
		j.flag(f.updateable, "updatable")
		b = append(j.b, '}')
	}
	return b
}
