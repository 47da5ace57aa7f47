package fieldmap

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/expr-lang/expr/vm"

	"crmsyncd/fieldmap/record"
)

// filterMemory bounds what one evaluation may allocate, in the library's own
// units.
const filterMemory = 100_000

// todayName is the variable that holds the current date: filters have no clock
// of their own.
const todayName = "today"

// Fault is what is wrong with a filter or a single value of the configuration,
// with the mend where one is known.
type Fault struct{ Message, Hint string }

// Error returns the message and the hint on one line.
func (f *Fault) Error() string {
	if f.Hint == "" {
		return f.Message
	}
	return f.Message + " (" + f.Hint + ")"
}

// Filter decides whether a record is in scope. It is a typed expression over
// fields; it knows no clock and no state, so that the same record on the same
// day always gets the same answer. The one thing it may ask about others is
// exists_in("system"): whether that system has a record of the same hub record.
//
// Fields stand as they are (status), with a path (custom.Sync,
// custom["Renewal Date"]) or by any name (field("Any Name")). Dates and
// instants are ISO texts, so start_date < today works; instants are in UTC. Decimals are compared
// as floats here and nowhere else. A comparison with a blank is false; x == nil
// asks for blanks, and a blank set has length 0.
type Filter struct {
	source  string
	program *vm.Program
	fields  []string
	types   map[string]record.Type
	systems []string // those that exists_in names
	today   calendar
}

// Scope is what a filter may ask beyond the record itself.
type Scope struct {
	// Today is the date in the configured zone, as 2006-01-02.
	Today string
	// ExistsIn reports whether a system that the filter names has a record of
	// the same hub record. No system has one where it is nil.
	ExistsIn func(system string) bool
}

// FilterFields says which fields a filter may look at. Where Open is set other
// names are allowed too and are texts: a system has more fields than a route
// maps.
type FilterFields struct {
	Types map[string]record.Type
	Open  bool
}

// Fields returns the fields that the filter looks at, in order; none for nil.
func (f *Filter) Fields() []string {
	if f == nil {
		return nil
	}
	return f.fields
}

// Source returns the text that the admin wrote; nothing for nil.
func (f *Filter) Source() string {
	if f == nil {
		return ""
	}
	return f.source
}

// Systems returns the systems that the filter names in exists_in, in order;
// none for nil.
func (f *Filter) Systems() []string {
	if f == nil {
		return nil
	}
	return f.systems
}

// UsesToday reports whether the answer may change with the calendar alone.
func (f *Filter) UsesToday() bool { return f != nil && f.today.used }

// Match reports whether a record is in scope. A nil filter takes everything. A
// field that was not read is an error: what is not known excludes nothing.
func (f *Filter) Match(get func(name string) record.Value, in Scope) (bool, error) {
	if f == nil {
		return true, nil
	}
	env := make(map[string]any, len(f.fields)+len(f.systems)+1)
	env[todayName] = in.Today
	for _, system := range f.systems {
		env[presence(system)] = in.ExistsIn != nil && in.ExistsIn(system)
	}
	for _, name := range f.fields {
		v := get(name)
		if !v.Known() {
			return false, fmt.Errorf("filter: field %q was not read", name)
		}
		env[variable(name)] = native(f.types[name], v)
	}
	machine := vm.VM{MemoryBudget: filterMemory}
	out, err := machine.Run(f.program, env)
	if err != nil {
		// The library's error shows the values it stumbled over.
		return false, fmt.Errorf("filter: %q cannot be worked out for this record", f.source)
	}
	takes, ok := out.(bool)
	if !ok {
		return false, fmt.Errorf("filter: %q is neither true nor false", f.source)
	}
	return takes, nil
}

// native returns the value as the expression sees it: nil for a blank, but an
// empty list for a blank set.
func native(t record.Type, v record.Value) any {
	if t == record.MultiSet {
		return append([]string{}, v.Elems()...)
	}
	if !v.IsSet() {
		return nil
	}
	switch t {
	case record.Int:
		n, err := strconv.Atoi(v.Text())
		if err == nil {
			return n
		}
	case record.Decimal:
		x, err := strconv.ParseFloat(v.Text(), 64)
		if err == nil {
			return x
		}
	case record.Bool:
		return v.Text() == "true"
	}
	return v.Text()
}

// sample returns a value of the Go type that native gives.
func sample(t record.Type) any {
	switch t {
	case record.MultiSet:
		return []string{}
	case record.Int:
		return 0
	case record.Decimal:
		return 0.0
	case record.Bool:
		return false
	}
	return ""
}

// known returns the names that a typing error may have meant.
func (f FilterFields) known() []string {
	return append(slices.Collect(maps.Keys(f.Types)), todayName)
}
