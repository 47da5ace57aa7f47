package hubspotsim

import (
	"strconv"
	"strings"
	"time"
)

// life is what became of a row.
type life uint8

const (
	live     life = iota
	archived      // in the recycle bin
	merged        // into another record, which answers to its id
	purged
)

// idBase lies below all ids: they do not fit 32 bits, and the first record of
// each object has the same one, for ids are unique per object only.
const idBase = 9_000_000_000

// cell is a value with its time and source.
type cell struct {
	val   string
	stamp int64 // milliseconds << 8 | source
}

func (c cell) at() int64     { return c.stamp >> 8 }
func (c cell) source() uint8 { return uint8(c.stamp & 0xff) }

func newCell(val string, at int64, source uint8) cell { return cell{val, at<<8 | int64(source)} }

// row is one record. Its number in the table is in its id. Values are kept in
// slots which a property gets with its first value.
type row struct {
	created, modified int64 // milliseconds
	seq               uint32
	life              life
	source, modifier  uint8 // who made it, and who changed it last
	vals              []cell
	links             []link
	rare              *rare
}

// rare is what few rows have.
type rare struct {
	old        []oldCell // oldest first
	merged     []uint32  // rows that went into this one
	into       uint32    // row that this one went into
	archivedAt int64
}

type oldCell struct {
	p *property
	c cell
}

// lateRow is what the search sees of a row until the index has caught up.
type lateRow struct {
	until int64
	prior *row // nil if the row is new
}

type lateEntry struct {
	until int64
	n     uint32
}

// table holds the records of one object.
type table struct {
	obj     *objectType
	rows    []row
	slots   int
	seq     uint32
	indexes map[*property]map[string]uint32
	late    map[uint32][]lateRow
	queue   []lateEntry
}

func newTable(o *objectType) table {
	return table{obj: o, indexes: map[*property]map[string]uint32{}, late: map[uint32][]lateRow{}}
}

func (t *table) id(n uint32) string { return strconv.FormatInt(idBase+1+int64(n), 10) }

// row finds the row number of an id, whatever became of the row.
func (t *table) row(id string) (uint32, bool) {
	v, err := strconv.ParseInt(id, 10, 64)
	if err != nil || v <= idBase || v > idBase+int64(len(t.rows)) || id[0] == '+' {
		return 0, false
	}
	n := uint32(v - idBase - 1)
	return n, t.rows[n].life != purged
}

// find finds a live row by its own id.
func (t *table) find(id string) (uint32, bool) {
	n, ok := t.row(id)
	return n, ok && t.rows[n].life == live
}

// follow finds a live row by its id or the id of a record merged into it.
func (t *table) follow(id string) (uint32, bool) {
	n, ok := t.row(id)
	for ok && t.rows[n].life == merged {
		n = t.rows[n].rare.into
	}
	return n, ok && t.rows[n].life == live
}

// stored is the cell of a property that is kept in a slot.
func (r *row) stored(p *property) cell {
	if p.slot < 0 || p.slot >= len(r.vals) {
		return cell{}
	}
	return r.vals[p.slot]
}

func (r *row) more() *rare {
	if r.rare == nil {
		r.rare = &rare{}
	}
	return r.rare
}

// value is the text of any property; null is "".
func (s *store) value(o *objectType, n uint32, r *row, p *property) string {
	switch p.sys {
	case sysNone:
		return r.stored(p).val
	case sysID:
		return o.id(n)
	case sysCreated:
		return formatTime(r.created)
	case sysModified:
		return formatTime(r.modified)
	case sysMerged:
		return o.mergedIDs(r)
	case sysSource:
		return s.sources[r.source].kind
	case sysSourceID:
		return s.sources[r.source].id
	case sysCreator:
		return s.sources[r.source].userID()
	case sysModifier:
		return s.sources[r.modifier].userID()
	case sysCompany:
		if l := r.primary(s); l != nil {
			return s.objects[l.obj].id(l.n)
		}
	case sysContacts:
		if c := s.object("contacts"); c != nil {
			return countLinks(r, c.num)
		}
	case sysPhone:
		if phone := o.byName["phone"]; phone != nil {
			return nationalDigits(r.stored(phone).val)
		}
	}
	return ""
}

func (t *table) mergedIDs(r *row) string {
	if r.rare == nil {
		return ""
	}
	ids := make([]string, len(r.rare.merged))
	for i, n := range r.rare.merged {
		ids[i] = t.id(n)
	}
	return strings.Join(ids, ";")
}

// fold brings a value into the form in which a unique property compares.
func (s *store) fold(p *property, v string) string {
	if s.opt.FoldUnique || p.name == "email" || p.name == "hs_additional_emails" {
		return strings.ToLower(v)
	}
	return v
}

// keys are the values under which row r is found by unique property p. A
// contact is found by its further addresses too.
func (s *store) keys(o *objectType, r *row, p *property) []string {
	v := r.stored(p).val
	list := make([]string, 0, 1)
	if v != "" {
		list = append(list, s.fold(p, v))
	}
	if p.name != "email" {
		return list
	}
	if more := o.byName["hs_additional_emails"]; more != nil {
		for a := range strings.SplitSeq(r.stored(more).val, ";") {
			if a != "" {
				list = append(list, strings.ToLower(a))
			}
		}
	}
	return list
}

// set writes a stored property and keeps its index and history.
func (s *store) set(o *objectType, n uint32, p *property, c cell) { s.replace(o, n, p, c, true) }

// replace is set, whose history need not remember the old value.
func (s *store) replace(o *objectType, n uint32, p *property, c cell, remembers bool) {
	r := &o.rows[n]
	old := r.stored(p)
	if old.val == c.val {
		return
	}
	ix := p
	if p.name == "hs_additional_emails" {
		ix = o.byName["email"]
	}
	indexed := o.indexes[ix] != nil && r.life == live
	if indexed {
		s.unindex(o, n, ix)
	}
	if p.slot == noSlot {
		p.slot = o.slots
		o.slots++
	}
	if p.slot >= len(r.vals) {
		grown := make([]cell, p.slot+1, max(p.slot+1, o.slots))
		copy(grown, r.vals)
		r.vals = grown
	}
	if remembers && old.stamp != 0 {
		r.remember(p, old, s.opt.History)
	}
	r.vals[p.slot] = c
	if indexed {
		s.index(o, n, ix)
	}
}

// remember keeps an old value, and no more than limit of them.
func (r *row) remember(p *property, c cell, limit int) {
	m := r.more()
	m.old = append(m.old, oldCell{p, c})
	count, first := 0, -1
	for i := range m.old {
		if m.old[i].p == p {
			count++
			if first < 0 {
				first = i
			}
		}
	}
	if count > limit {
		m.old = append(m.old[:first], m.old[first+1:]...)
	}
}

func (s *store) index(o *objectType, n uint32, p *property) {
	for _, k := range s.keys(o, &o.rows[n], p) {
		if _, taken := o.indexes[p][k]; !taken {
			o.indexes[p][k] = n
		}
	}
}

func (s *store) unindex(o *objectType, n uint32, p *property) {
	for _, k := range s.keys(o, &o.rows[n], p) {
		if o.indexes[p][k] == n {
			delete(o.indexes[p], k)
		}
	}
}

// setLife moves a row into or out of the live ones and keeps the indexes,
// which know live rows only.
func (s *store) setLife(o *objectType, n uint32, to life) {
	for p := range o.indexes {
		if to != live {
			s.unindex(o, n, p)
		}
	}
	was := o.rows[n].life
	o.rows[n].life = to
	if to == live && was != live {
		for p := range o.indexes {
			s.index(o, n, p)
		}
	}
}

// indexFor makes the index of a unique property.
func (t *table) indexFor(p *property) {
	if t.indexes[p] == nil {
		t.indexes[p] = map[string]uint32{}
	}
}

// holder finds the live row that holds v in unique property p.
func (s *store) holder(o *objectType, p *property, v string) (uint32, bool) {
	if p.sys == sysID {
		return o.find(v)
	}
	if v == "" {
		return 0, false
	}
	if p.name == "hs_additional_emails" {
		p = o.byName["email"]
	}
	n, ok := o.indexes[p][s.fold(p, v)]
	return n, ok
}

// before must be called ahead of each change of a row: it keeps what the
// search index still shows.
func (s *store) before(o *objectType, n uint32, isNew bool) {
	o.seq++
	if s.lag <= 0 {
		o.rows[n].seq = o.seq
		return
	}
	now := s.now()
	o.catchUp(now)
	var prior *row
	if !isNew {
		r := o.rows[n]
		prior = &r
		o.rows[n].vals = append([]cell(nil), r.vals...)
	}
	until := now + s.lag.Milliseconds()
	o.late[n] = append(o.late[n], lateRow{until, prior})
	o.queue = append(o.queue, lateEntry{until, n})
	o.rows[n].seq = o.seq
}

// catchUp forgets what the index has taken in by now.
func (t *table) catchUp(now int64) {
	i := 0
	for ; i < len(t.queue) && t.queue[i].until <= now; i++ {
		n := t.queue[i].n
		if rest := t.late[n]; len(rest) > 1 {
			t.late[n] = rest[1:]
		} else {
			delete(t.late, n)
		}
	}
	if t.queue = t.queue[i:]; len(t.queue) == 0 {
		t.queue = nil
	}
}

// see returns row n as the search index shows it at now, or nil.
func (t *table) see(n uint32, now int64) *row {
	r := &t.rows[n]
	for _, l := range t.late[n] {
		if now < l.until {
			r = l.prior
			break
		}
	}
	if r == nil || r.life != live {
		return nil
	}
	return r
}

func formatTime(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}
