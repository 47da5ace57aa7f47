package hubspotsim

import (
	"fmt"
	"strconv"
)

// The categories of association types.
const (
	definedByHubSpot = "HUBSPOT_DEFINED"
	definedByUser    = "USER_DEFINED"
)

// link ties a row to another. Each tie stands at both ends.
type link struct {
	n       uint32
	mask    uint32 // labels, one bit each
	obj     uint8
	primary bool
}

// assocLabel is a label that people or the vendor gave to a pair of objects.
type assocLabel struct {
	id             int
	category, name string
	inverse        int // place in the labels of the opposite pair
}

// pair is what can hold between two objects, in one direction.
//
//	https://developers.hubspot.com/docs/api/crm/associations (last checked 2026-11-22)
type pair struct {
	from, to     *objectType
	plain        int // the type without a label
	primary      int // the type of the primary company, or 0
	primaryLabel string
	single       bool // each from has one primary to at most
	labels       []assocLabel
	limit        int // of to records per from, or 0
}

type pairIDs struct{ plain, primary int }

func knownPairs() map[string]pairIDs {
	return map[string]pairIDs{
		"contacts companies": {279, 1}, "companies contacts": {280, 2},
		"deals companies": {341, 5}, "companies deals": {342, 6},
		"deals contacts": {3, 0}, "contacts deals": {4, 0},
		"tasks contacts": {204, 0}, "contacts tasks": {203, 0},
		"tasks companies": {192, 0}, "companies tasks": {191, 0},
		"tasks deals": {216, 0}, "deals tasks": {215, 0},
		"companies companies": {450, 0}, "contacts contacts": {449, 0},
	}
}

func (s *store) makePairs() error {
	known := knownPairs()
	next := 5001
	for _, from := range s.objects {
		for _, to := range s.objects {
			ids, ok := known[from.name+" "+to.name]
			if !ok {
				ids.plain = next
				next++
			}
			p := &pair{from: from, to: to, plain: ids.plain, primary: ids.primary, single: to.name == "companies", primaryLabel: "Primary"}
			s.pairs[[2]uint8{from.num, to.num}] = p
		}
	}
	companies := s.object("companies")
	if companies == nil {
		return fmt.Errorf("the portal has no companies")
	}
	p := s.pair(companies, companies)
	p.labels = []assocLabel{
		{13, definedByHubSpot, "Child Company", 1},
		{14, definedByHubSpot, "Parent Company", 0},
	}
	return nil
}

func (s *store) pair(from, to *objectType) *pair { return s.pairs[[2]uint8{from.num, to.num}] }

// assocSpec is an association type as clients name it.
type assocSpec struct {
	Category string `json:"associationCategory"`
	TypeID   int    `json:"associationTypeId"`
}

// linkKind is what specs mean.
type linkKind struct {
	primary bool
	mask    uint32
	types   []int
}

// kind translates the specs of one association, and tells the first one that
// does not hold between the two objects.
func (p *pair) kind(specs []assocSpec) (k linkKind, unknown *assocSpec) {
	for i, spec := range specs {
		k.types = append(k.types, spec.TypeID)
		hubspot := spec.Category == definedByHubSpot || spec.Category == ""
		switch {
		case hubspot && spec.TypeID == p.plain:
		case hubspot && spec.TypeID == p.primary && p.primary != 0:
			k.primary = true
		default:
			bit := p.label(spec)
			if bit < 0 {
				return k, &specs[i]
			}
			k.mask |= 1 << bit
		}
	}
	return k, nil
}

func (p *pair) label(spec assocSpec) int {
	for i, l := range p.labels {
		if l.id == spec.TypeID && (l.category == spec.Category || spec.Category == "") {
			return i
		}
	}
	return -1
}

// owner finds the pair from o that has the type.
func (s *store) owner(o *objectType, spec assocSpec) *pair {
	for _, to := range s.objects {
		p := s.pair(o, to)
		if _, unknown := p.kind([]assocSpec{spec}); unknown == nil {
			return p
		}
	}
	return nil
}

// wrongType says why a type does not fit.
func (s *store) wrongType(from *objectType, spec assocSpec) *Error {
	for _, o := range s.objects {
		if s.owner(o, spec) != nil {
			return invalid(fmt.Sprintf("invalid from object type %s for association type %d, expected: %s", from.typeID, spec.TypeID, o.typeID))
		}
	}
	return invalid(fmt.Sprintf("association type id %d of category %s doesn't exist", spec.TypeID, spec.Category))
}

func (r *row) link(obj uint8, n uint32) *link {
	for i := range r.links {
		if r.links[i].n == n && r.links[i].obj == obj {
			return &r.links[i]
		}
	}
	return nil
}

// primary is the link to the primary company of a contact or deal.
func (r *row) primary(s *store) *link {
	for i := range r.links {
		if r.links[i].primary && s.objects[r.links[i].obj].name == "companies" {
			return &r.links[i]
		}
	}
	return nil
}

func countLinks(r *row, obj uint8) string {
	n := 0
	for i := range r.links {
		if r.links[i].obj == obj {
			n++
		}
	}
	return strconv.Itoa(n)
}

// opposite mirrors labels to the other direction.
func (p *pair) opposite(mask uint32) (out uint32) {
	for i, l := range p.labels {
		if mask&(1<<i) != 0 {
			out |= 1 << l.inverse
		}
	}
	return out
}

// connect ties n to m. With replace the labels become those of k, as when a
// client writes types; otherwise they are added to. A new primary company
// takes the place of the one before.
func (s *store) connect(p *pair, n, m uint32, k linkKind, replace bool) {
	from, to := p.from, p.to
	there := from.rows[n].link(to.num, m)
	if there == nil {
		s.stamp(from, n)
		s.stamp(to, m)
		from.rows[n].links = append(from.rows[n].links, link{n: m, obj: to.num})
		if from != to || n != m {
			to.rows[m].links = append(to.rows[m].links, link{n: n, obj: from.num})
		}
	}
	l := from.rows[n].link(to.num, m)
	mask := k.mask
	if !replace || s.switches.keepLabels {
		mask |= l.mask
	}
	l.mask = mask
	if back := to.rows[m].link(from.num, n); back != nil {
		back.mask = p.opposite(mask)
	}
	if !p.single {
		p, n, m = s.pair(to, from), m, n
	}
	first := s.switches.firstPrimary && p.primary != 0 && p.from.rows[n].primary(s) == nil
	if k.primary || first {
		s.setPrimary(p, n, m, true)
	}
}

// setPrimary makes company m the primary one of n, or nobody.
func (s *store) setPrimary(p *pair, n, m uint32, on bool) {
	r := &p.from.rows[n]
	for i := range r.links {
		l := &r.links[i]
		if l.obj != p.to.num || l.primary == (on && l.n == m) {
			continue
		}
		l.primary = !l.primary
		if back := p.to.rows[l.n].link(p.from.num, n); back != nil {
			back.primary = l.primary
		}
		s.stamp(p.from, n)
		r = &p.from.rows[n]
	}
}

// disconnect unties n and m. It reports whether they were tied.
func (s *store) disconnect(p *pair, n, m uint32) bool {
	if p.from.rows[n].link(p.to.num, m) == nil {
		return false
	}
	s.stamp(p.from, n)
	s.stamp(p.to, m)
	p.from.rows[n].drop(p.to.num, m)
	p.to.rows[m].drop(p.from.num, n)
	return true
}

func (r *row) drop(obj uint8, n uint32) {
	for i := range r.links {
		if r.links[i].n == n && r.links[i].obj == obj {
			r.links = append(r.links[:i:i], r.links[i+1:]...)
			return
		}
	}
}

// unlabel takes types off a tie; without the unlabeled type nothing remains.
func (s *store) unlabel(p *pair, n, m uint32, k linkKind) {
	l := p.from.rows[n].link(p.to.num, m)
	if l == nil {
		return
	}
	for _, id := range k.types {
		if id == p.plain {
			s.disconnect(p, n, m)
			return
		}
	}
	l.mask &^= k.mask
	if back := p.to.rows[m].link(p.from.num, n); back != nil {
		back.mask = p.opposite(l.mask)
	}
	if k.primary && l.primary {
		if p.single {
			s.setPrimary(p, n, m, false)
		} else {
			s.setPrimary(s.pair(p.to, p.from), m, n, false)
		}
	}
}

// stamp moves the last-modified time of a row whose hidden properties changed.
func (s *store) stamp(o *objectType, n uint32) {
	s.before(o, n, false)
	o.rows[n].modified = s.now()
}

// An AssociationType is one of the types that a tie has.
type AssociationType struct {
	Category string
	TypeID   int
	// Label is empty for the type without a label.
	Label string
}

// types are those of a tie, the labeled ones first.
func (p *pair) types(l *link) []AssociationType {
	list := make([]AssociationType, 0, 2)
	if l.primary && p.primary != 0 {
		list = append(list, AssociationType{definedByHubSpot, p.primary, p.primaryLabel})
	}
	for i, label := range p.labels {
		if l.mask&(1<<i) != 0 {
			list = append(list, AssociationType{label.category, label.id, label.name})
		}
	}
	return append(list, AssociationType{definedByHubSpot, p.plain, ""})
}

// full tells whether n may not be tied to one more.
func (p *pair) full(n uint32) bool {
	if p.limit == 0 {
		return false
	}
	count := 0
	for i := range p.from.rows[n].links {
		if p.from.rows[n].links[i].obj == p.to.num {
			count++
		}
	}
	return count >= p.limit
}
