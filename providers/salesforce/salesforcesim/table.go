package salesforcesim

import (
	"strings"

	"crmsyncd/providers/internal/simrules"
)

// life is what became of a row.
type life uint8

const (
	live    life = iota
	deleted      // in the recycle bin: queryAll shows it
	purged       // emptied from the bin, or rolled back
)

// row is one record. Its number in the table is in its id. Values are kept in
// slots which a field gets with its first value, so that fields nobody uses
// take no room.
type row struct {
	created, modified, stamp int64 // Unix seconds
	createdBy, modifiedBy    uint32
	master                   uint32 // the merge winner's row + 1
	life                     life
	vals                     []string
}

// lateRow is what others see of a row until its transaction commits.
type lateRow struct {
	until int64
	prior *row // nil if the row is new
}

// table holds the records of one object.
type table struct {
	obj     *object
	rows    []row
	slots   int
	indexes map[*field]*index
	late    map[uint32]lateRow
	soleID  string // the id of row 0, where it is not made from the number
	rules   *simrules.Set
}

func (t *table) id(n uint32) string {
	if t.soleID != "" {
		return t.soleID
	}
	return makeID(t.obj.prefix, n)
}

// find returns the row number of a canonical id, also of deleted rows.
func (t *table) find(id string) (uint32, bool) {
	if t.soleID != "" {
		return 0, id == t.soleID
	}
	prefix, n, ok := idRow(id)
	if !ok || prefix != t.obj.prefix || int(n) >= len(t.rows) || t.rows[n].life == purged {
		return 0, false
	}
	return n, true
}

// see returns row n as it is visible at now, or nil.
func (t *table) see(n uint32, now int64) *row {
	r := &t.rows[n]
	if len(t.late) > 0 {
		if l, ok := t.late[n]; ok && now < l.until {
			r = l.prior
		}
	}
	if r == nil || r.life == purged {
		return nil
	}
	return r
}

// stored is the plain value of a field that is kept in a slot.
func (r *row) stored(f *field) string {
	if f.slot < 0 || f.slot >= len(r.vals) {
		return ""
	}
	return r.vals[f.slot]
}

// value is the canonical value of any field but compound addresses.
func (t *table) value(n uint32, r *row, f *field) string {
	switch f.sys {
	case sysNone:
		v := r.stored(f)
		if v == "" && f.kind == "boolean" {
			return falseOr(f.fallback)
		}
		return v
	case sysID:
		return t.id(n)
	case sysCreated, sysModified, sysStamp:
		return formatTime(r.instant(f))
	case sysCreatedBy:
		return makeID(userPrefix, r.createdBy)
	case sysModifiedBy:
		return makeID(userPrefix, r.modifiedBy)
	case sysDeleted:
		if r.life == live {
			return "false"
		}
		return "true"
	case sysMaster:
		if r.master > 0 {
			return t.id(r.master - 1)
		}
	case sysFullName:
		return t.fullName(r)
	}
	return ""
}

func (t *table) fullName(r *row) string {
	var b strings.Builder
	for _, part := range [...]string{"FirstName", "LastName"} {
		f := t.obj.byName[part]
		if v := r.stored(f); v != "" {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(v)
		}
	}
	return b.String()
}

// instant is the Unix time of a stamp that the store keeps itself.
func (r *row) instant(f *field) int64 {
	switch f.sys {
	case sysCreated:
		return r.created
	case sysModified:
		return r.modified
	default:
		return r.stamp
	}
}

// set writes a stored field and keeps its index.
func (t *table) set(n uint32, f *field, v string) {
	r := &t.rows[n]
	old := r.stored(f)
	if old == v {
		return
	}
	if f.slot == noSlot {
		f.slot = t.slots
		t.slots++
	}
	if f.slot >= len(r.vals) {
		grown := make([]string, f.slot+1, max(f.slot+1, t.slots))
		copy(grown, r.vals)
		r.vals = grown
	}
	r.vals[f.slot] = v
	if ix := t.indexes[f]; ix != nil && r.life == live {
		ix.remove(f.fold(old), n)
		ix.add(f.fold(v), n)
	}
}

// setLife moves a row into or out of the recycle bin and keeps the indexes,
// which know live rows only: the vendor frees a deleted record's unique values.
func (t *table) setLife(n uint32, to life) {
	r := &t.rows[n]
	if (r.life == live) != (to == live) {
		for f, ix := range t.indexes {
			if to == live {
				ix.add(f.fold(r.stored(f)), n)
			} else {
				ix.remove(f.fold(r.stored(f)), n)
			}
		}
	}
	r.life = to
}

// indexFor returns the index of a stored field, and makes it if need be.
func (t *table) indexFor(f *field) *index {
	if ix := t.indexes[f]; ix != nil {
		return ix
	}
	ix := &index{one: map[string]uint32{}}
	for n := range t.rows {
		if t.rows[n].life == live {
			ix.add(f.fold(t.rows[n].stored(f)), uint32(n))
		}
	}
	t.indexes[f] = ix
	return ix
}

// index finds live rows by the folded value of a field. Nulls are not in it.
type index struct {
	one  map[string]uint32
	more map[string][]uint32 // further rows with the same value
}

func (x *index) add(v string, n uint32) {
	if v == "" {
		return
	}
	if _, taken := x.one[v]; !taken {
		x.one[v] = n
		return
	}
	if x.more == nil {
		x.more = map[string][]uint32{}
	}
	x.more[v] = append(x.more[v], n)
}

func (x *index) remove(v string, n uint32) {
	if v == "" {
		return
	}
	rest := x.more[v]
	if x.one[v] == n {
		if len(rest) == 0 {
			delete(x.one, v)
			return
		}
		x.one[v], rest = rest[0], rest[1:]
	} else {
		for i, m := range rest {
			if m == n {
				rest[i] = rest[len(rest)-1]
				rest = rest[:len(rest)-1]
				break
			}
		}
	}
	if len(rest) == 0 {
		delete(x.more, v)
	} else {
		x.more[v] = rest
	}
}

// get returns the rows with the folded value v.
func (x *index) get(v string) []uint32 {
	n, ok := x.one[v]
	if !ok {
		return nil
	}
	return append([]uint32{n}, x.more[v]...)
}

// first returns one row with the folded value v.
func (x *index) first(v string) (uint32, bool) {
	n, ok := x.one[v]
	return n, ok
}

// falseOr is the value of a checkbox that was never set.
func falseOr(fallback string) string {
	if fallback == "" {
		return "false"
	}
	return fallback
}
