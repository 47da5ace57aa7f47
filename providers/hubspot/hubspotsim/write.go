package hubspotsim

import (
	"net/http"
	"slices"
	"strings"
)

// The operations of a Write.
const (
	OpCreate       = "create"
	OpUpdate       = "update"
	OpUpsert       = "upsert"
	OpArchive      = "archive"
	OpMerge        = "merge"
	OpAssociate    = "associate"
	OpDisassociate = "disassociate"
)

// change is a value that a write puts into a record.
type change struct {
	p       *property
	val     string
	derived bool // by the portal, from something else in the write
}

// warning tells of a value that was mended.
type warning struct{ name, raw, val string }

// plannedLink is an association that a write makes.
type plannedLink struct {
	p *pair
	m uint32
	k linkKind
}

// draft is one record of a write: what was asked, then what comes of it.
type draft struct {
	in  recordInput
	key *property // idProperty; nil for record ids

	n        uint32
	fresh    bool
	missing  bool // there is no such record
	set      []change
	warnings []warning
	links    []plannedLink
	company  *plannedLink // associatedcompanyid
	err      *Error
}

// writer is one call that writes records. The store's lock is held.
type writer struct {
	*store
	o       *objectType
	op      string
	human   bool
	quiet   bool // neither the stamp nor the author moves
	strict  bool // 2026-09: administrators' rules hold, dates are mended
	follows bool // ids of merged records are taken
	at      int64

	credential string // of the call
	source     uint8
	claims     map[*property]map[string]bool
}

func (s *store) writer(o *objectType, op string) *writer {
	return &writer{store: s, o: o, op: op, at: s.now(), source: byAPI, claims: map[*property]map[string]bool{}}
}

// plan finds out what comes of a draft, and changes nothing.
func (w *writer) plan(d *draft) {
	w.resolve(d)
	if d.missing {
		return
	}
	if d.err = w.check(d); d.err != nil {
		return
	}
	if d.err = w.checkLinks(d); d.err != nil {
		return
	}
	if d.err = w.checkUnique(d); d.err != nil {
		return
	}
	if rule := w.switches.rule; rule != nil && !w.human {
		d.err = rule(w.describe(d))
	}
	if d.err == nil && !w.human {
		d.err = w.refuse(d)
	}
	if d.err == nil {
		w.claim(d)
	}
}

func (w *writer) resolve(d *draft) {
	id, found := string(d.in.ID), false
	switch {
	case w.op == OpCreate:
	case d.key != nil:
		d.n, found = w.holder(w.o, d.key, id)
	case w.follows:
		d.n, found = w.o.follow(id)
	default:
		d.n, found = w.o.find(id)
	}
	found = found && (w.human || !w.hides(w.o, d.n))
	d.fresh = w.op == OpCreate || (w.op == OpUpsert && !found)
	d.missing = !found && !d.fresh
	if w.op != OpUpsert || !d.fresh {
		return
	}
	if !slices.ContainsFunc(d.in.Properties, func(p prop) bool { return p.name == d.key.name }) {
		d.in.Properties = append(d.in.Properties, prop{d.key.name, id})
	}
}

// current is the row that a draft changes, or an empty one.
func (w *writer) current(d *draft) *row {
	if d.fresh {
		return &row{}
	}
	return &w.o.rows[d.n]
}

func (w *writer) check(d *draft) *Error {
	bad := refused{portal: w.portal.Load()}
	for _, in := range d.in.Properties {
		if f := w.checkOne(d, in); f != nil {
			bad.add(in.name, f)
		}
	}
	if err := bad.err(); err != nil {
		return err
	}
	w.derive(d)
	return w.checkMandatory(d)
}

func (w *writer) checkOne(d *draft, in prop) *fault {
	p := w.o.prop(in.name)
	switch {
	case p == nil:
		return &fault{"PROPERTY_DOESNT_EXIST", `Property "` + in.name + `" does not exist`}
	case (p.readOnly || p.protected) && !w.human, p.readOnly && p.sys != sysNone:
		return &fault{"READ_ONLY_VALUE", `"` + p.name + `" is a read only property; its value cannot be set.`}
	case p.sys == sysCompany:
		return w.checkCompany(d, in.val)
	case in.val == "":
		d.set = append(d.set, change{p: p})
		return nil
	}
	now := w.current(d).stored(p).val
	val, mended, bad := w.parse(p, in.val, now, w.strict)
	if bad != nil {
		return bad
	}
	if mended {
		d.warnings = append(d.warnings, warning{p.name, in.val, val})
	}
	// A stage further back is passed over in silence: it moves forward only,
	// unless it is cleared first.
	if p.name == "lifecyclestage" && now != "" && stageRank(p, val) < stageRank(p, now) {
		return nil
	}
	d.set = append(d.set, change{p: p, val: val})
	return nil
}

func (w *writer) checkCompany(d *draft, id string) *fault {
	p := w.pair(w.o, w.object("companies"))
	d.company = &plannedLink{p: p, k: linkKind{primary: id != "", types: []int{p.primary}}}
	if id == "" {
		return nil
	}
	m, ok := p.to.find(id)
	if !ok || !w.human && w.hides(p.to, m) {
		return &fault{"INVALID_OPTION", "There is no company with the id " + id}
	}
	d.company.m = m
	return nil
}

// derive adds what the portal itself concludes.
func (w *writer) derive(d *draft) {
	domain, website := d.changed("domain"), w.o.prop("website")
	if domain != nil && domain.val != "" && website != nil && d.changed("website") == nil {
		d.set = append(d.set, change{p: website, val: domain.val, derived: true})
	}
	if d.fresh {
		w.deriveNew(d)
		return
	}
	// A second address that becomes the first changes places with it.
	email, more := d.changed("email"), w.o.byName["hs_additional_emails"]
	if email == nil || email.val == "" || more == nil {
		return
	}
	r := w.current(d)
	list := strings.Split(r.stored(more).val, ";")
	if i := slices.Index(list, email.val); i >= 0 {
		list[i] = r.stored(email.p).val
		d.set = append(d.set, change{p: more, val: strings.Trim(strings.Join(list, ";"), ";"), derived: true})
	}
}

func (w *writer) deriveNew(d *draft) {
	for _, in := range []prop{{"lifecyclestage", "lead"}, {"hs_pipeline", w.o.name + "-lifecycle-pipeline"}, {"pipeline", "default"}} {
		p := w.o.prop(in.name)
		if p == nil || d.changed(in.name) != nil {
			continue
		}
		if own, ok := p.option(in.val); ok {
			d.set = append(d.set, change{p: p, val: own, derived: true})
		}
	}
	email, host := d.changed("email"), w.o.prop("hs_email_domain")
	if email != nil && host != nil {
		_, at, _ := strings.Cut(email.val, "@")
		d.set = append(d.set, change{p: host, val: at, derived: true})
	}
}

func (d *draft) changed(name string) *change {
	for i := range d.set {
		if d.set[i].p.name == name {
			return &d.set[i]
		}
	}
	return nil
}

// outcome is the value that a property will have.
func (w *writer) outcome(d *draft, name string) string {
	if c := d.changed(name); c != nil {
		return c.val
	}
	if p := w.o.prop(name); p != nil && !d.fresh {
		return w.current(d).stored(p).val
	}
	return ""
}

func (w *writer) checkMandatory(d *draft) *Error {
	bad := refused{portal: w.portal.Load()}
	if d.fresh {
		for _, name := range w.o.mandatory {
			if w.outcome(d, name) == "" {
				bad.add(name, &fault{"MISSING_REQUIRED_PROPERTY", "Error creating " + w.o.upper() + ". " + name + " is required."})
			}
		}
		if len(w.o.anyOf) > 0 && !slices.ContainsFunc(w.o.anyOf, func(name string) bool { return w.outcome(d, name) != "" }) {
			bad.add(w.o.anyOf[0], &fault{"MISSING_REQUIRED_PROPERTY", "Error creating " + w.o.upper() + ". One of " + strings.Join(w.o.anyOf, ", ") + " is required."})
		}
	}
	if w.strict {
		for _, r := range w.o.rules {
			w.checkRule(d, r, &bad)
		}
	}
	return bad.err()
}

func (w *writer) checkRule(d *draft, r requirement, bad *refused) {
	touched := d.fresh || d.changed(r.property) != nil || (r.when != "" && d.changed(r.when) != nil)
	switch {
	case !touched || w.outcome(d, r.property) != "":
	case r.when == "":
		bad.add(r.property, &fault{"MISSING_REQUIRED_PROPERTY", r.property + " is required."})
	case w.outcome(d, r.when) == r.value:
		bad.add(r.property, &fault{"MISSING_CONDITIONAL_REQUIRED_PROPERTY", r.property + " is required while " + r.when + " is " + r.value + "."})
	}
}

func (w *writer) checkLinks(d *draft) *Error {
	for _, a := range d.in.Associations {
		if len(a.Types) == 0 {
			return invalid("an association needs types")
		}
		p := w.owner(w.o, a.Types[0])
		if p == nil {
			return w.wrongType(w.o, a.Types[0])
		}
		k, unknown := p.kind(a.Types)
		if unknown != nil {
			return w.wrongType(w.o, *unknown)
		}
		m, ok := w.seen(p.to).find(string(a.To.ID))
		if !ok {
			return badAssociations([]string{string(a.To.ID)})
		}
		if w.pair(p.to, p.from).full(m) || (!d.fresh && p.full(d.n)) {
			return tooMany(p)
		}
		d.links = append(d.links, plannedLink{p, m, k})
	}
	return nil
}

func badAssociations(ids []string) *Error {
	e := invalid("One or more associations are invalid")
	e.Context = map[string][]string{"INVALID_OBJECT_IDS": ids}
	return e
}

func tooMany(p *pair) *Error {
	return invalid("The number of associations from " + p.from.singular + " to " + p.to.singular + " is limited by an administrator")
}

func (w *writer) checkUnique(d *draft) *Error {
	for i := range d.set {
		c := &d.set[i]
		if !c.p.unique || c.val == "" || c.derived {
			continue
		}
		for _, v := range w.uniqueValues(c) {
			n, taken := w.holder(w.o, c.p, v)
			if (taken && (d.fresh || n != d.n)) || w.claims[c.p][v] {
				return w.conflict(d, c, n, taken)
			}
		}
	}
	return nil
}

// uniqueValues are the values of a change that nobody else may have.
func (w *writer) uniqueValues(c *change) []string {
	if c.p.name != "hs_additional_emails" {
		return []string{w.fold(c.p, c.val)}
	}
	return strings.Split(strings.ToLower(c.val), ";")
}

func (w *writer) claim(d *draft) {
	for i := range d.set {
		c := &d.set[i]
		if !c.p.unique || c.val == "" {
			continue
		}
		if w.claims[c.p] == nil {
			w.claims[c.p] = map[string]bool{}
		}
		for _, v := range w.uniqueValues(c) {
			w.claims[c.p][v] = true
		}
	}
}

// conflict tells of a value that another record has. The id of that record is
// in the text and nowhere else.
func (w *writer) conflict(d *draft, c *change, n uint32, known bool) *Error {
	other, own := "another record of the batch", "a new record"
	if known {
		other = w.o.id(n)
	}
	if !d.fresh {
		own = w.o.id(d.n)
	}
	if d.fresh && c.p.name == "email" {
		return &Error{
			Status: http.StatusConflict, Category: "CONFLICT", conflict: true,
			Message: w.o.label + " already exists. Existing ID: " + other,
		}
	}
	bad := refused{portal: w.portal.Load()}
	bad.add(c.p.name, &fault{"CONFLICTING_UNIQUE_VALUE", "Cannot set PropertyValueCoordinates{propertyName=" + c.p.name + ", value=" + c.val + "} on " + own + ". " + other + " already has that value."})
	e := bad.err()
	e.conflict = true
	return e
}
