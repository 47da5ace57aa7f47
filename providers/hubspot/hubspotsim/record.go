package hubspotsim

import (
	"strconv"
	"strings"

	"crmsyncd/providers/internal/simrules"
)

// view is what an answer tells of each record.
type view struct {
	o       *objectType
	props   []*property
	history []*property
	assoc   []*objectType
	url     string // the portal's own address of the record, without the id
}

// appendRecord appends a record without its closing brace.
func (s *store) appendRecord(b []byte, n uint32, r *row, v *view) []byte {
	b = append(b, `{"id":"`...)
	b = strconv.AppendInt(b, idBase+1+int64(n), 10)
	b = append(b, `","properties":{`...)
	for i, p := range v.props {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(quote(b, p.name), ':')
		b = s.appendValue(b, n, r, v.o, p)
	}
	b = append(b, '}')
	if len(v.history) > 0 {
		b = s.appendHistory(b, n, r, v)
	}
	b = append(append(append(b, `,"createdAt":"`...), formatTime(r.created)...), '"')
	b = append(append(append(b, `,"updatedAt":"`...), formatTime(r.modified)...), '"')
	b = append(b, `,"archived":`...)
	b = strconv.AppendBool(b, r.life != live)
	if r.life == archived {
		b = append(append(append(b, `,"archivedAt":"`...), formatTime(r.rare.archivedAt)...), '"')
	}
	if len(v.assoc) > 0 {
		b = s.appendTies(b, r, v)
	}
	if v.url != "" {
		b = append(b, `,"url":`...)
		b = quote(b, v.url+v.o.id(n))
	}
	return b
}

func (s *store) appendValue(b []byte, n uint32, r *row, o *objectType, p *property) []byte {
	val := s.value(o, n, r, p)
	if s.rules.Reading() {
		if form, broken := s.rules.Malforms(o.name, p.name, s.values(o, n, r)); broken {
			return simrules.AppendMalformed(b, form, val)
		}
	}
	if val == "" {
		return append(b, "null"...)
	}
	return quote(b, val)
}

// appendHistory appends the versions of the wanted properties, newest first.
func (s *store) appendHistory(b []byte, n uint32, r *row, v *view) []byte {
	b = append(b, `,"propertiesWithHistory":{`...)
	for i, p := range v.history {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(quote(b, p.name), `:[`...)
		first := true
		for _, c := range s.versions(v.o, n, r, p) {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = s.appendVersion(b, c)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func (s *store) versions(o *objectType, n uint32, r *row, p *property) []cell {
	if p.sys != sysNone {
		if val := s.value(o, n, r, p); val != "" {
			return []cell{newCell(val, r.modified, byPortal)}
		}
		return nil
	}
	c := r.stored(p)
	if c.stamp == 0 {
		return nil
	}
	list := []cell{c}
	if r.rare != nil {
		for i := len(r.rare.old) - 1; i >= 0; i-- {
			if r.rare.old[i].p == p {
				list = append(list, r.rare.old[i].c)
			}
		}
	}
	return list
}

func (s *store) appendVersion(b []byte, c cell) []byte {
	from := s.sources[c.source()]
	b = quote(append(b, `{"value":`...), c.val)
	b = append(append(append(b, `,"timestamp":"`...), formatTime(c.at())...), `","sourceType":"`...)
	b = append(append(b, from.kind...), '"')
	if from.id != "" {
		b = quote(append(b, `,"sourceId":`...), from.id)
	}
	if from.label != "" {
		b = quote(append(b, `,"sourceLabel":`...), from.label)
	}
	if from.user != 0 {
		b = strconv.AppendInt(append(b, `,"updatedByUserId":`...), int64(from.user), 10)
	}
	return append(b, '}')
}

// appendTies appends the associated ids: once per type, so the primary company
// twice.
func (s *store) appendTies(b []byte, r *row, v *view) []byte {
	b = append(b, `,"associations":{`...)
	told := 0
	for _, to := range v.assoc {
		p, open := s.pair(v.o, to), false
		for i := range r.links {
			l := &r.links[i]
			if l.obj != to.num || s.hides(to, l.n) {
				continue
			}
			for _, t := range p.types(l) {
				switch {
				case open:
					b = append(b, ',')
				case told > 0:
					b = append(b, ',')
					fallthrough
				default:
					b = append(quote(b, to.name), `:{"results":[`...)
					open = true
				}
				b = append(append(append(b, `{"id":"`...), to.id(l.n)...), `","type":`...)
				b = append(quote(b, p.legacyName(t)), '}')
			}
		}
		if open {
			b = append(b, `]}`...)
			told++
		}
	}
	return append(b, '}')
}

// legacyName is the name that v3 gives a type.
func (p *pair) legacyName(t AssociationType) string {
	name := p.from.singular + "_to_" + p.to.singular
	switch {
	case t.TypeID == p.primary || (t.TypeID == p.plain && p.primary == 0):
		return name
	case t.TypeID == p.plain:
		return name + "_unlabeled"
	}
	return strings.ReplaceAll(strings.ToLower(t.Label), " ", "_")
}
