package fieldmap

import (
	"slices"

	"crmsyncd/fieldmap/record"
)

// Object returns the hub object of this name, nil if there is none.
func (m *Mapping) Object(name string) *HubObject { return m.Hub[name] }

// Route returns the route of one object of one system, nil if there is none.
func (m *Mapping) Route(system, object string) *Route {
	for _, r := range m.Routes {
		if r.System == system && r.Object == object {
			return r
		}
	}
	return nil
}

// Field returns the field of this name, nil if there is none.
func (h *HubObject) Field(name string) *HubField { return h.ByName[name] }

// ReadFields returns the remote fields that a listing of the route asks for:
// its rules' fields in order, then those that no rule reads: match keys, the
// external ID and, on a pull, what the filter looks at. Rule i reads element i.
// The caller does not change the result.
func (r *Route) ReadFields() []record.Field {
	if r.read != nil {
		return r.read
	}
	return r.readFields()
}

func (r *Route) readFields() []record.Field {
	fields := make([]record.Field, 0, len(r.Fields)+len(r.Match))
	for _, rule := range r.Fields {
		fields = append(fields, rule.Remote)
	}
	add := func(name string, t record.Type) {
		same := func(f record.Field) bool { return f.Name == name }
		if name != "" && !slices.ContainsFunc(fields, same) {
			fields = append(fields, record.Field{Name: name, Type: t})
		}
	}
	for _, key := range r.Match {
		add(key.Remote, key.Hub.Type)
	}
	add(r.ExternalID, record.ID)
	if r.Direction == Pull {
		for _, name := range r.Filter.Fields() {
			add(name, record.Text)
		}
	}
	return fields
}

// ReadIndex returns where ReadFields holds the remote field of this name, -1
// if nowhere.
func (r *Route) ReadIndex(name string) int {
	return slices.IndexFunc(r.ReadFields(), func(f record.Field) bool { return f.Name == name })
}

// Read returns their value as it stands in a listing: canonical, in their own
// form, with the rule's repair if it has one.
func (r *Rule) Read(raw []byte) (record.Value, error) {
	if r.Repair == repairWholeNumber {
		return record.WholeNumberID(raw)
	}
	return record.CanonicalJSON(r.Remote.Type, raw)
}

// ToHub returns the hub's value for one of theirs. It reports false for a value
// that the value map or the picklist does not hold and that has no default;
// OnUnmapped says what to do with it.
func (r *Rule) ToHub(v record.Value) (record.Value, bool) {
	hub, ok := v, true
	switch {
	case !v.IsSet():
	case r.Values != nil:
		hub, ok = r.Values.ToHub(v)
	default:
		ok = r.Hub.Holds(v)
	}
	return r.orDefault(hub, ok)
}

// ToRemote returns their value for one of the hub's, on the same terms.
func (r *Rule) ToRemote(v record.Value) (record.Value, bool) {
	if r.Values == nil || !v.IsSet() {
		return v, true
	}
	return r.orDefault(r.Values.ToRemote(v))
}

func (r *Rule) orDefault(v record.Value, ok bool) (record.Value, bool) {
	if !ok && r.OnUnmapped == UnmappedDefault {
		return r.Default, true
	}
	return v, ok
}

// Equal reports whether two hub values count as equal under the rule: by its
// compare form, and decimals at the hub field's scale.
func (r *Rule) Equal(a, b record.Value) bool {
	if r.Hub.Type == record.Decimal {
		a, b = record.Round(a, r.Hub.Scale), record.Round(b, r.Hub.Scale)
	}
	return r.Compare.Equal(a, b)
}

// Holds reports whether a picklist has this value; a field of another type, or
// without a list, has every value.
func (f *HubField) Holds(v record.Value) bool {
	if !v.IsSet() || len(f.Values) == 0 {
		return true
	}
	for _, elem := range v.Elems() {
		if !slices.Contains(f.Values, elem) {
			return false
		}
	}
	return true
}
