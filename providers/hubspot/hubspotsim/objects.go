package hubspotsim

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	maxPage        = 100
	maxHistoryPage = 50
)

// serveObjects serves what is below /crm/objects/{version}.
func (c *call) serveObjects() *Error {
	if len(c.path) == 0 {
		return notFound()
	}
	o := c.store.object(c.path[0])
	if o == nil {
		return invalid("Unable to infer object type from: " + c.path[0])
	}
	read := c.r.Method == http.MethodGet || !c.writes()
	verb := "write"
	if read {
		verb = "read"
	}
	if err := c.scope("crm.objects." + o.name + "." + verb); err != nil {
		return err
	}
	switch rest := c.path[1:]; {
	case len(rest) == 0:
		return c.serveCollection(o)
	case len(rest) == 1 && c.r.Method == http.MethodPost:
		return c.servePost(o, rest[0])
	case len(rest) == 1:
		return c.serveOne(o, rest[0])
	case len(rest) == 2 && rest[0] == "batch" && c.r.Method == http.MethodPost:
		return c.serveBatch(o, rest[1])
	case len(rest) >= 3 && rest[1] == "associations":
		return c.serveTies(o, rest[0], rest[2:])
	}
	return notFound()
}

func (c *call) serveCollection(o *objectType) *Error {
	switch c.r.Method {
	case http.MethodGet:
		return c.list(o)
	case http.MethodPost:
		return c.create(o)
	}
	return notAllowed()
}

func notAllowed() *Error {
	return &Error{Status: http.StatusMethodNotAllowed, Message: "method not allowed"}
}

func (c *call) servePost(o *objectType, verb string) *Error {
	switch verb {
	case "search":
		return c.search(o)
	case "merge":
		return c.mergeTwo(o)
	}
	return notFound()
}

func (c *call) serveOne(o *objectType, id string) *Error {
	switch c.r.Method {
	case http.MethodGet:
		return c.retrieve(o, id)
	case http.MethodPatch:
		return c.update(o, id)
	case http.MethodDelete:
		return c.archiveOne(o, id)
	}
	return notAllowed()
}

// names are the values of a parameter that may be repeated or hold commas.
func names(q url.Values, key string) []string {
	var list []string
	for _, v := range q[key] {
		for name := range strings.SplitSeq(v, ",") {
			if name = strings.TrimSpace(name); name != "" {
				list = append(list, name)
			}
		}
	}
	return list
}

// view reads what an answer shall tell.
func (c *call) view(o *objectType) (*view, *Error) {
	q := c.query()
	v := &view{o: o, props: o.pick(names(q, "properties"))}
	for _, name := range names(q, "propertiesWithHistory") {
		if p := o.prop(name); p != nil {
			v.history = append(v.history, p)
		}
	}
	for _, name := range names(q, "associations") {
		to := c.store.object(name)
		if to == nil {
			return nil, invalid("Unable to infer object type from: " + name)
		}
		v.assoc = append(v.assoc, to)
	}
	return v, nil
}

func (c *call) url(o *objectType) string {
	return "https://app.hubspot.com/contacts/" + c.PortalID() + "/record/" + o.typeID + "/"
}

func (c *call) list(o *objectType) *Error {
	c.calls.count(CallList, o.name)
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	v, err := c.view(o)
	if err != nil {
		return err
	}
	limit, first, err := c.page(o, len(v.history) > 0)
	if err != nil {
		return err
	}
	want := live
	if c.query().Get("archived") == "true" {
		want = archived
	}
	c.send(http.StatusOK, func(b []byte) []byte {
		b = append(b, `{"results":[`...)
		told, n := 0, first
		for ; n < len(o.rows); n++ {
			r := &o.rows[n]
			if r.life != want || c.store.hides(o, uint32(n)) {
				continue
			}
			if told == limit {
				break
			}
			if told > 0 {
				b = append(b, ',')
			}
			b = append(c.store.appendRecord(b, uint32(n), r, v), '}')
			told++
		}
		b = append(b, ']')
		if n < len(o.rows) {
			b = c.appendPaging(b, o.id(uint32(n)))
		}
		return append(b, '}')
	})
	return nil
}

// page reads limit and after; after is the id of the next record.
func (c *call) page(o *objectType, history bool) (limit, first int, err *Error) {
	q := c.query()
	limit, top := 10, maxPage
	if history {
		top = maxHistoryPage
	}
	if v := q.Get("limit"); v != "" {
		n, bad := strconv.Atoi(v)
		if bad != nil || n < 1 {
			return 0, 0, invalid("limit must be a positive number")
		}
		limit = n
	}
	if limit > top {
		return 0, 0, invalid("The maximum page size is " + strconv.Itoa(top) + "; limit was " + strconv.Itoa(limit))
	}
	if after := q.Get("after"); after != "" && after != "0" {
		n, bad := strconv.ParseInt(after, 10, 64)
		if bad != nil {
			return 0, 0, invalid("after is not a cursor of this list")
		}
		first = int(max(0, n-idBase-1))
	}
	return limit, min(first, len(o.rows)), nil
}

// appendPaging appends the cursor of the next page, with the link that the
// vendor gives beside it.
func (c *call) appendPaging(b []byte, after string) []byte {
	q := c.query()
	q.Set("after", after)
	b = append(append(b, `,"paging":{"next":{"after":`...), quote(nil, after)...)
	b = append(b, `,"link":`...)
	return append(quote(b, "https://api.hubapi.com"+c.r.URL.Path+"?"+q.Encode()), `}}`...)
}

// locate finds a record by id, or by the property named in idProperty.
func (c *call) locate(o *objectType, id string) (uint32, *Error) {
	name := c.query().Get("idProperty")
	if name == "" || name == "hs_object_id" {
		n, ok := c.store.seen(o).follow(id)
		if !ok {
			return 0, noRecord(o, id)
		}
		return n, nil
	}
	key := o.key(name)
	if key == nil {
		return 0, nonUnique(o, name, c.PortalID())
	}
	n, ok := c.store.seen(o).holder(key, id)
	if !ok {
		return 0, noRecord(o, id)
	}
	return n, nil
}

func (c *call) retrieve(o *objectType, id string) *Error {
	c.calls.count(CallRetrieve, o.name)
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	v, err := c.view(o)
	if err != nil {
		return err
	}
	n, err := c.locate(o, id)
	if c.query().Get("archived") == "true" {
		m, ok := c.store.seen(o).row(id)
		if !ok || o.rows[m].life != archived {
			return noRecord(o, id)
		}
		n, err = m, nil
	}
	if err != nil {
		return err
	}
	v.url = c.url(o)
	c.send(http.StatusOK, func(b []byte) []byte {
		return append(c.store.appendRecord(b, n, &o.rows[n], v), '}')
	})
	return nil
}

func (c *call) create(o *objectType) *Error {
	c.calls.count(CallCreate, o.name)
	var in recordInput
	if err := c.read(&in); err != nil {
		return err
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	w := c.writer(o, OpCreate)
	d := &draft{in: in}
	if w.plan(d); d.err != nil {
		return d.err
	}
	w.apply(d)
	c.w.Header().Set("Location", "https://api.hubapi.com"+strings.TrimSuffix(c.r.URL.Path, "/")+"/"+o.id(d.n))
	c.sendDraft(http.StatusCreated, o, d)
	return nil
}

func (c *call) update(o *objectType, id string) *Error {
	c.calls.count(CallUpdate, o.name)
	var in recordInput
	if err := c.read(&in); err != nil {
		return err
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	n, err := c.locate(o, id)
	if err != nil {
		return err
	}
	in.ID, in.Associations = text(o.id(n)), nil
	w := c.writer(o, OpUpdate)
	d := &draft{in: in}
	if w.plan(d); d.err != nil {
		return d.err
	}
	w.apply(d)
	c.sendDraft(http.StatusOK, o, d)
	return nil
}

// writer is the store's for what this call writes.
func (c *call) writer(o *objectType, op string) *writer {
	w := c.store.writer(o, op)
	w.strict, w.credential = c.strict(), credential(c.r)
	return w
}

func (c *call) sendDraft(status int, o *objectType, d *draft) {
	c.send(status, func(b []byte) []byte {
		b = c.appendDraft(b, o, d, c.url(o))
		return append(b, '}')
	})
}

// appendDraft appends what a write answers: the properties written and those
// of the system, of a new record also what the portal itself concluded.
func (c *call) appendDraft(b []byte, o *objectType, d *draft, address string) []byte {
	v := &view{o: o, url: address, props: make([]*property, 0, len(d.set)+len(o.always)+2)}
	for _, s := range d.set {
		v.props = append(v.props, s.p)
	}
	v.props = append(v.props, o.always...)
	if d.fresh {
		v.props = append(v.props, o.byName["hs_object_source"], o.byName["hs_object_source_id"])
	}
	if d.company != nil {
		v.props = append(v.props, o.byName["associatedcompanyid"])
	}
	b = c.store.appendRecord(b, d.n, &o.rows[d.n], v)
	if len(d.warnings) == 0 {
		return b
	}
	b = append(b, `,"warnings":[`...)
	for i, w := range d.warnings {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"category":"PROPERTY_VALUE_NORMALIZED","message":"The value was normalized","context":{"propertyName":`...)
		b = quote(append(quote(b, w.name), `,"rawValue":`...), w.raw)
		b = append(quote(append(b, `,"normalizedValue":`...), w.val), `}}`...)
	}
	return append(b, ']')
}

func (c *call) archiveOne(o *objectType, id string) *Error {
	c.calls.count(CallArchive, o.name)
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	n, ok := c.store.seen(o).row(id)
	if !ok {
		return noRecord(o, id)
	}
	if o.rows[n].life == live {
		c.store.archive(o, n)
		c.store.noteRow(o, n, OpArchive)
	}
	c.status = http.StatusNoContent
	return nil
}

func (s *store) noteRow(o *objectType, n uint32, op string) {
	if !s.opt.NoAudit {
		s.audit = append(s.audit, auditEntry{at: s.now(), op: op, o: o, n: n})
	}
}

func (c *call) mergeTwo(o *objectType) *Error {
	c.calls.count(CallMerge, o.name)
	var in struct {
		Primary text `json:"primaryObjectId"`
		Other   text `json:"objectIdToMerge"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	n, ok := c.store.seen(o).find(string(in.Primary))
	m, okToo := c.store.seen(o).find(string(in.Other))
	switch {
	case !ok:
		return noRecord(o, string(in.Primary))
	case !okToo:
		return noRecord(o, string(in.Other))
	case n == m:
		return invalid("A record cannot be merged with itself")
	}
	c.store.merge(o, n, m)
	c.store.noteRow(o, n, OpMerge)
	v := &view{o: o, props: o.pick([]string{"hs_merged_object_ids"}), url: c.url(o)}
	c.send(http.StatusOK, func(b []byte) []byte {
		return append(c.store.appendRecord(b, n, &o.rows[n], v), '}')
	})
	return nil
}
