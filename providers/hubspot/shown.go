package hubspot

import (
	"slices"

	"crmsyncd/fieldmap/record"
)

// properties names what these patches write, each property once.
func (w *write) properties(idx []int) []string {
	var names []string
	var above []record.FieldValue
	for _, i := range idx {
		fields := w.patches[i].Fields
		for j := range fields {
			name := fields[j].Name
			same := j < len(above) && above[j].Name == name
			if !same && !isAssociation(name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		above = fields
	}
	return names
}

// shown returns what the answer shows of a patch's fields, whose literals stand
// in the order of names. The answer repeats the properties that were sent, and
// may hold an old value where the service kept it.
//
// https://developers.hubspot.com/docs/api/crm/using-object-apis, last checked
// 2026-11-30.
func (w *write) shown(p *record.Patch, names []string, row [][]byte) []record.Value {
	var out []record.Value
	for j := range p.Fields {
		f := &p.Fields[j]
		at := j // patches of one batch mostly have the same fields
		if at >= len(names) || names[at] != f.Name {
			at = slices.Index(names, f.Name)
		}
		if at < 0 || row[at] == nil {
			continue
		}
		v, err := convert(f.Type, row[at])
		if err != nil {
			continue
		}
		if out == nil {
			out = make([]record.Value, len(p.Fields))
		}
		out[j] = v
	}
	return out
}
