package hubspotsim

import (
	"net/http"
	"strconv"
)

// maxTies is the page of one record's associations.
const maxTies = 500

// serveTies serves what is below {from}/{id}/associations.
func (c *call) serveTies(from *objectType, id string, rest []string) *Error {
	byDefault := rest[0] == "default" && len(rest) == 3
	if byDefault {
		rest = rest[1:]
	}
	to := c.store.object(rest[0])
	if to == nil {
		return invalid("Unable to infer object type from: " + rest[0])
	}
	if len(rest) == 1 && c.r.Method == http.MethodGet {
		return c.listTies(from, id, to)
	}
	if err := c.scope("crm.objects." + to.name + ".write"); err != nil {
		return err
	}
	switch c.r.Method {
	case http.MethodPut:
		return c.putTie(from, id, to, rest[1:], byDefault)
	case http.MethodDelete:
		if len(rest) == 2 && !byDefault {
			return c.untie(from, id, to, rest[1])
		}
	}
	return notAllowed()
}

func (c *call) putTie(from *objectType, id string, to *objectType, rest []string, byDefault bool) *Error {
	switch {
	case len(rest) == 2 && c.version == "v3":
		return c.tieByName(from, id, to, rest[0], rest[1])
	case len(rest) != 1:
		return notFound()
	case byDefault:
		return c.tieDefault(from, id, to, rest[0])
	}
	return c.tie(from, id, to, rest[0])
}

type typeJSON struct {
	Category string  `json:"category"`
	TypeID   int     `json:"typeId"`
	Label    *string `json:"label"`
}

type tieJSON struct {
	ToObjectID any        `json:"toObjectId"`
	Types      []typeJSON `json:"associationTypes"`
}

// id is an id in associations: a number in v4, text in dated versions.
func (c *call) id(o *objectType, n uint32) any {
	if c.legacy() {
		return idBase + 1 + int64(n)
	}
	return o.id(n)
}

func (c *call) tellTie(p *pair, l *link) tieJSON {
	x := tieJSON{ToObjectID: c.id(p.to, l.n)}
	for _, t := range p.types(l) {
		told := typeJSON{Category: t.Category, TypeID: t.TypeID}
		if t.Label != "" {
			label := t.Label
			told.Label = &label
		}
		x.Types = append(x.Types, told)
	}
	return x
}

// ties are the ties of a row from a position on, and where the next page begins.
func (c *call) ties(p *pair, n uint32, first, limit int) (list []tieJSON, next int) {
	list = []tieJSON{}
	at := 0
	for i := range p.from.rows[n].links {
		l := &p.from.rows[n].links[i]
		if l.obj != p.to.num || c.store.hides(p.to, l.n) {
			continue
		}
		if at >= first {
			if len(list) == limit {
				return list, at
			}
			list = append(list, c.tellTie(p, l))
		}
		at++
	}
	return list, 0
}

func (c *call) listTies(from *objectType, id string, to *objectType) *Error {
	c.calls.count(CallAssociations, from.name)
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	n, ok := c.store.seen(from).follow(id)
	if !ok {
		return noRecord(from, id)
	}
	limit, first := maxTies, 0
	if v := c.query().Get("limit"); v != "" {
		m, err := strconv.Atoi(v)
		if err != nil || m < 1 || m > maxTies {
			return invalid("limit must be from 1 to " + strconv.Itoa(maxTies))
		}
		limit = m
	}
	if v := c.query().Get("after"); v != "" {
		m, err := strconv.Atoi(v)
		if err != nil || m < 0 {
			return invalid("after is not a cursor of this list")
		}
		first = m
	}
	list, next := c.ties(c.store.pair(from, to), n, first, limit)
	answer := map[string]any{"results": list}
	if next > 0 {
		answer["paging"] = map[string]any{"next": map[string]any{"after": strconv.Itoa(next)}}
	}
	c.sendValue(http.StatusOK, answer)
	return nil
}

// ends finds both records of an association.
func (c *call) ends(p *pair, fromID, toID string) (n, m uint32, err *Error) {
	n, ok := c.store.seen(p.from).find(fromID)
	m, okToo := c.store.seen(p.to).find(toID)
	switch {
	case !ok:
		return 0, 0, badAssociations([]string{fromID})
	case !okToo || (p.from == p.to && n == m):
		return 0, 0, badAssociations([]string{toID})
	}
	return n, m, nil
}

// bind ties two records for a client.
func (c *call) bind(p *pair, n, m uint32, k linkKind, replace bool) *Error {
	if p.from.rows[n].link(p.to.num, m) == nil && (p.full(n) || c.store.pair(p.to, p.from).full(m)) {
		return tooMany(p)
	}
	c.store.connect(p, n, m, k, replace)
	c.store.noteTie(p, n, m, k.types, OpAssociate)
	return nil
}

func (s *store) noteTie(p *pair, n, m uint32, types []int, op string) {
	if !s.opt.NoAudit {
		s.audit = append(s.audit, auditEntry{at: s.now(), op: op, o: p.from, n: n, to: p.to, m: m, types: types})
	}
}

func (c *call) tie(from *objectType, id string, to *objectType, toID string) *Error {
	c.calls.count(CallAssociate, from.name)
	var specs []assocSpec
	if err := c.read(&specs); err != nil {
		return err
	}
	if len(specs) == 0 {
		return invalid("an association needs types")
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	p := c.store.pair(from, to)
	k, unknown := p.kind(specs)
	if unknown != nil {
		return c.store.wrongType(from, *unknown)
	}
	n, m, err := c.ends(p, id, toID)
	if err != nil {
		return err
	}
	if err := c.bind(p, n, m, k, true); err != nil {
		return err
	}
	c.sendValue(http.StatusCreated, c.tellBound(p, n, m))
	return nil
}

// boundJSON is a tie that was made.
type boundJSON struct {
	FromType string   `json:"fromObjectTypeId"`
	FromID   any      `json:"fromObjectId"`
	ToType   string   `json:"toObjectTypeId"`
	ToID     any      `json:"toObjectId"`
	Labels   []string `json:"labels"`
}

func (c *call) tellBound(p *pair, n, m uint32) boundJSON {
	x := boundJSON{p.from.typeID, c.id(p.from, n), p.to.typeID, c.id(p.to, m), []string{}}
	for _, t := range p.types(p.from.rows[n].link(p.to.num, m)) {
		if t.Label != "" {
			x.Labels = append(x.Labels, t.Label)
		}
	}
	return x
}

func (c *call) tieDefault(from *objectType, id string, to *objectType, toID string) *Error {
	c.calls.count(CallAssociate, from.name)
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	p := c.store.pair(from, to)
	n, m, err := c.ends(p, id, toID)
	if err != nil {
		return err
	}
	if err := c.bind(p, n, m, linkKind{types: []int{p.plain}}, false); err != nil {
		return err
	}
	c.sendTies(http.StatusOK, c.tellDefault(p, n, m), nil)
	return nil
}

type defaultJSON struct {
	From struct {
		ID string `json:"id"`
	} `json:"from"`
	To struct {
		ID string `json:"id"`
	} `json:"to"`
	Spec assocSpec `json:"associationSpec"`
}

// tellDefault tells of a default tie from both ends.
func (c *call) tellDefault(p *pair, n, m uint32) []any {
	var there, back defaultJSON
	there.From.ID, there.To.ID = p.from.id(n), p.to.id(m)
	back.From, back.To = there.To, there.From
	there.Spec = assocSpec{definedByHubSpot, p.plain}
	back.Spec = assocSpec{definedByHubSpot, c.store.pair(p.to, p.from).plain}
	return []any{there, back}
}

func (c *call) untie(from *objectType, id string, to *objectType, toID string) *Error {
	c.calls.count(CallDisassociate, from.name)
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	p := c.store.pair(from, to)
	n, m, err := c.ends(p, id, toID)
	if err != nil {
		return err
	}
	if c.store.disconnect(p, n, m) {
		c.store.noteTie(p, n, m, nil, OpDisassociate)
	}
	c.status = http.StatusNoContent
	return nil
}

// tieByName serves the PUT of v3, whose plain type name means the primary company.
func (c *call) tieByName(from *objectType, id string, to *objectType, toID, name string) *Error {
	c.calls.count(CallAssociate, from.name)
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	p := c.store.pair(from, to)
	k, ok := p.byName(name)
	if !ok {
		return invalid("There is no association type " + name)
	}
	n, m, err := c.ends(p, id, toID)
	if err != nil {
		return err
	}
	if err := c.bind(p, n, m, k, true); err != nil {
		return err
	}
	c.send(http.StatusOK, func(b []byte) []byte {
		return append(c.store.appendRecord(b, n, &from.rows[n], &view{o: from, props: from.pick(nil)}), '}')
	})
	return nil
}

// byName reads a type of v3: a name, or the id as text.
func (p *pair) byName(name string) (linkKind, bool) {
	if id, err := strconv.Atoi(name); err == nil {
		k, unknown := p.kind([]assocSpec{{TypeID: id}})
		return k, unknown == nil
	}
	plain := p.from.singular + "_to_" + p.to.singular
	switch {
	case name == plain && p.primary != 0:
		return linkKind{primary: true, types: []int{p.primary}}, true
	case name == plain || name == plain+"_unlabeled":
		return linkKind{types: []int{p.plain}}, true
	}
	return linkKind{}, false
}
