package fieldmap

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"crmsyncd/fieldmap/record"
)

// Computed is how a hub field is worked out from the records that refer to its
// own: which of them count, and which of their values is taken (R71). It is
// never changed after Compile.
type Computed struct {
	From *HubObject
	Via  *HubField // the field of From that refers to the computed field's object
	// Fingerprint covers all that decides the result, and the zone of today.
	Fingerprint uint64

	field    *HubField // the computed one
	where    *Filter   // nil takes all
	sort     *HubField // nil without an order
	down     bool      // the greatest comes first
	pick     pick
	picked   *HubField // nil for count
	keep     bool      // when none qualifies
	fallback record.Value
	fields   []*HubField
}

// Child gives the values of one record that a computed field looks at. A field
// that the hub has no value for is blank, not missing.
type Child func(field string) record.Value

// pick is what is taken from the records that qualify.
type pick uint8

const (
	pickMax pick = iota
	pickMin
	pickFirst
	pickLast
	pickSum
	pickCount
)

func pickNames() []string { return []string{"max", "min", "first", "last", "sum", "count"} }

// Computed returns the fields of a hub object that are worked out.
func (m *Mapping) Computed(object string) []*HubField {
	return m.computed(func(f *HubField) bool { return f.Object == object })
}

// ComputedFrom returns the fields, of any object, that are worked out from the
// records of this one.
func (m *Mapping) ComputedFrom(object string) []*HubField {
	return m.computed(func(f *HubField) bool { return f.Computed.From.Name == object })
}

func (m *Mapping) computed(keep func(*HubField) bool) []*HubField {
	var out []*HubField
	for _, name := range ObjectNames() {
		h := m.Hub[name]
		if h == nil {
			continue
		}
		for _, f := range h.Fields {
			if f.Computed != nil && keep(f) {
				out = append(out, f)
			}
		}
	}
	return out
}

// Fields returns the fields of From that the result depends on, in the order of
// the object's own fields. Via is not among them unless it is looked at.
func (c *Computed) Fields() []*HubField { return c.fields }

// Eval works the field out from the records that refer to its own, in any
// order. It reports keep where none of them qualifies and the value that stands
// is to stay. What is blank is passed over by every pick but count. An error
// means that nothing is known, so nothing is to be changed (F19).
func (c *Computed) Eval(children []Child, today string) (v record.Value, keep bool, err error) {
	found, err := c.qualifying(children, today)
	if err != nil {
		return record.Value{}, false, fmt.Errorf("compute %s.%s: %w", c.field.Object, c.field.Name, err)
	}
	if len(found) == 0 {
		return c.fallback, c.keep, nil
	}
	v, err = c.take(found)
	if err != nil {
		return record.Value{}, false, fmt.Errorf("compute %s.%s: %w", c.field.Object, c.field.Name, err)
	}
	return v, false, nil
}

// candidate is one record that qualifies.
type candidate struct{ order, value record.Value }

func (c *Computed) qualifying(children []Child, today string) ([]candidate, error) {
	var out []candidate
	for _, child := range children {
		ok, err := c.where.Match(child, Scope{Today: today})
		if err != nil {
			return nil, err
		}
		found := candidate{record.NullValue(), record.NullValue()}
		if c.picked != nil {
			found.value = child(c.picked.Name)
		}
		if c.sort != nil {
			found.order = child(c.sort.Name)
		}
		if !found.value.Known() || !found.order.Known() {
			return nil, fmt.Errorf("a %s has a field that was not read", c.From.Name)
		}
		blank := c.picked != nil && found.value.IsNull() || c.sort != nil && found.order.IsNull()
		if ok && !blank {
			out = append(out, found)
		}
	}
	return out, nil
}

func (c *Computed) take(found []candidate) (record.Value, error) {
	switch c.pick {
	case pickCount:
		return record.Of(fmt.Sprint(len(found))), nil
	case pickSum:
		return c.sum(found)
	}
	best := slices.MinFunc(found, c.before)
	return record.Round(best.value, c.scale()), nil
}

// scale is where the result is rounded; only decimals are.
func (c *Computed) scale() int {
	if c.field.Type == record.Decimal {
		return c.field.Scale
	}
	return -1
}

// before puts the one that is picked first. Records with one place in the order
// are told apart by the value, so that the result never depends on the order in
// which they came.
func (c *Computed) before(a, b candidate) int {
	byValue := compareValues(c.picked.Type, a.value, b.value)
	if c.pick == pickMin {
		return byValue
	}
	if c.pick == pickMax {
		return -byValue
	}
	byOrder := compareValues(c.sort.Type, a.order, b.order)
	if c.down != (c.pick == pickLast) {
		byOrder = -byOrder
	}
	if byOrder != 0 {
		return byOrder
	}
	return byValue
}

// sum adds decimals exactly.
func (c *Computed) sum(found []candidate) (record.Value, error) {
	total, scale := new(big.Rat), 0
	for _, each := range found {
		x, ok := new(big.Rat).SetString(each.value.Text())
		if !ok {
			return record.Value{}, fmt.Errorf("a %s has a %s that is no number", c.From.Name, c.picked.Name)
		}
		_, fraction, _ := strings.Cut(each.value.Text(), ".")
		total, scale = total.Add(total, x), max(scale, len(fraction))
	}
	v, err := record.Canonical(c.field.Type, total.FloatString(scale))
	if err != nil {
		return record.Value{}, fmt.Errorf("sum of %s: %w", c.picked.Name, err)
	}
	return record.Round(v, c.scale()), nil
}

// compareValues orders two values of one type that are set.
func compareValues(t record.Type, a, b record.Value) int {
	switch t {
	case record.Int, record.Decimal:
		x, okX := new(big.Rat).SetString(a.Text())
		y, okY := new(big.Rat).SetString(b.Text())
		if okX && okY {
			return x.Cmp(y)
		}
	case record.Datetime:
		// Fractions of a second are optional, so the texts stand in no order.
		x, errX := time.Parse(time.RFC3339Nano, a.Text())
		y, errY := time.Parse(time.RFC3339Nano, b.Text())
		if errX == nil && errY == nil {
			return x.Compare(y)
		}
	}
	return strings.Compare(a.Text(), b.Text())
}

// NextFlip returns the first day after today, as 2006-01-02, on which the result
// may differ though no record changed (R73). It returns nothing where no such
// day lies ahead. On all days between, Eval gives what it gives today.
func (c *Computed) NextFlip(children []Child, today string) string {
	if !c.where.UsesToday() {
		return ""
	}
	next := ""
	look := func(day string) {
		if day > today && (next == "" || day < next) {
			next = day
		}
	}
	for _, day := range c.where.today.days {
		flips(day, look)
	}
	for _, child := range children {
		for _, name := range c.where.today.fields {
			if v := child(name); v.IsSet() {
				flips(v.Text(), look)
			}
		}
	}
	return next
}
