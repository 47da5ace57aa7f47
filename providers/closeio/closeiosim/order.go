package closeiosim

import "sort"

// order keeps records by a time, oldest first, and those of one time in the
// order in which they were made, so that no list needs to be sorted.
type order struct {
	rows []*record
	key  func(*record) int64
}

// at finds the first place whose time and serial number are not below those given.
func (o *order) at(key int64, n uint32) int {
	return sort.Search(len(o.rows), func(i int) bool {
		r := o.rows[i]
		k := o.key(r)
		return k > key || k == key && r.n >= n
	})
}

func (o *order) insert(r *record) {
	i := len(o.rows)
	if i > 0 {
		if last := o.rows[i-1]; o.key(last) > o.key(r) || o.key(last) == o.key(r) && last.n > r.n {
			i = o.at(o.key(r), r.n)
		}
	}
	o.rows = append(o.rows, nil)
	copy(o.rows[i+1:], o.rows[i:])
	o.rows[i] = r
}

// remove takes r out; its time must still be the one it was inserted with.
func (o *order) remove(r *record) {
	i := o.at(o.key(r), r.n)
	if i == len(o.rows) || o.rows[i] != r {
		return
	}
	copy(o.rows[i:], o.rows[i+1:])
	o.rows[len(o.rows)-1] = nil
	o.rows = o.rows[:len(o.rows)-1]
}
