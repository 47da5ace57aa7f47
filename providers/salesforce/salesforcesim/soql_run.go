package salesforcesim

import (
	"slices"
	"strconv"
	"strings"
)

// smallTable is the size up to which a scan is as good as a new index.
const smallTable = 1000

// prepare makes the index that the query would use. It needs the write lock;
// the caller asks needsIndex first.
func (p *plan) prepare() { p.t.indexFor(p.keys.f) }

func (p *plan) needsIndex() bool {
	return p.keys != nil && p.keys.f.sys == sysNone && p.t.indexes[p.keys.f] == nil && len(p.t.rows) > smallTable
}

// run returns the rows of the result in order. Locked.
func (p *plan) run() []uint32 {
	var rows []uint32
	p.each(func(n uint32) {
		if r := p.t.shows(n, p.now); r != nil && (p.all || r.life == live) && (p.filter == nil || p.filter(n, r)) {
			rows = append(rows, n)
		}
	})
	p.sort(rows)
	rows = rows[min(p.q.offset, len(rows)):]
	if p.q.limit >= 0 {
		rows = rows[:min(p.q.limit, len(rows))]
	}
	return rows
}

// each calls do for the rows that may match, in the order of their making.
func (p *plan) each(do func(uint32)) {
	rows, ok := p.candidates()
	if !ok {
		for n := range p.t.rows {
			do(uint32(n))
		}
		return
	}
	for _, n := range rows {
		do(n)
	}
}

// candidates asks an index. Indexes know what is live and stored now, so they are
// no help with deleted rows and with rows that others see in an older form.
func (p *plan) candidates() ([]uint32, bool) {
	if p.keys == nil || p.all || len(p.t.late) > 0 {
		return nil, false
	}
	var rows []uint32
	if p.keys.f.sys == sysID {
		for _, id := range p.keys.vals {
			if n, ok := p.t.find(id); ok {
				rows = append(rows, n)
			}
		}
	} else {
		ix := p.t.indexes[p.keys.f]
		if ix == nil {
			return nil, false
		}
		for _, v := range p.keys.vals {
			rows = append(rows, ix.get(v)...)
		}
	}
	slices.Sort(rows)
	return slices.Compact(rows), true
}

// sortKey is one value to sort by.
type sortKey struct {
	text string
	num  float64
	null bool
}

func (p *plan) sort(rows []uint32) {
	if len(p.order) == 0 || len(rows) < 2 {
		return
	}
	type keyedRow struct {
		n    uint32
		keys []sortKey
	}
	width := len(p.order)
	all := make([]sortKey, 0, len(rows)*width)
	list := make([]keyedRow, len(rows))
	for i, n := range rows {
		r := p.t.see(n, p.now)
		for k := range p.order {
			all = append(all, p.sortKey(&p.order[k].accessor, n, r))
		}
		list[i] = keyedRow{n, all[i*width : (i+1)*width]}
	}
	slices.SortStableFunc(list, func(a, b keyedRow) int {
		for k := range p.order {
			if sign := p.order[k].compare(&a.keys[k], &b.keys[k]); sign != 0 {
				return sign
			}
		}
		return 0
	})
	for i := range list {
		rows[i] = list[i].n
	}
}

func (p *plan) sortKey(a *accessor, n uint32, r *row) sortKey {
	switch {
	case a.f.kind == "datetime":
		at := p.instantAt(a, n, r)
		return sortKey{num: float64(at), null: at == noInstant}
	case a.f.sys == sysID && len(a.hops) == 0:
		return sortKey{num: float64(n)}
	}
	v := p.valueAt(a, n, r)
	if a.f.isNumber() {
		x, err := strconv.ParseFloat(v, 64)
		return sortKey{num: x, null: err != nil}
	}
	return sortKey{text: a.f.fold(v), null: v == ""}
}

// compare orders two keys; nulls come first unless the query says otherwise.
func (o *orderItem) compare(a, b *sortKey) int {
	if a.null || b.null {
		switch {
		case a.null && b.null:
			return 0
		case a.null == o.nullsLast:
			return 1
		default:
			return -1
		}
	}
	sign := compareFloat(a.num, b.num)
	if sign == 0 {
		sign = strings.Compare(a.text, b.text)
	}
	if o.desc {
		return -sign
	}
	return sign
}

// appendRow appends one record of the result.
func (p *plan) appendRow(b []byte, n uint32, prefix string) []byte {
	r := p.t.see(n, p.now)
	if r == nil {
		r = &p.t.rows[n]
	}
	return p.appendColumns(b, p.columns, p.t, n, r, prefix)
}

func (p *plan) appendColumns(b []byte, cols []*column, t *table, n uint32, r *row, prefix string) []byte {
	b = append(b, '{')
	b = t.appendAttributes(b, n, prefix)
	for _, c := range cols {
		b = append(b, ',')
		if c.f != nil {
			f := (&accessor{f: c.f}).fieldIn(t)
			if f == nil {
				b = append(b, `"`+c.f.name+`":null`...)
				continue
			}
			b = t.appendField(b, n, r, f)
			continue
		}
		b = append(b, `"`+c.relation.relation+`":`...)
		pt, pn, pr := p.follow([]*field{c.relation}, t, n, r)
		if pr == nil {
			b = append(b, "null"...)
			continue
		}
		b = p.appendColumns(b, c.children, pt, pn, pr, prefix)
	}
	return append(b, '}')
}
