package fieldmap

import (
	"maps"
	"slices"

	"crmsyncd/fieldmap/record"
)

// ValueMap translates a system's values into the hub's and back. Blank stays
// blank in both directions.
type ValueMap struct {
	toHub    map[string]string // by their exact text
	folded   map[string]string // by their text folded; without those that differ only in case
	toRemote map[string]string
	multi    bool
}

// newValueMap expects hub values in canonical form. Where several of theirs
// stand for one hub value, the first in sorted order is the one that is
// written.
func newValueMap(entries map[string]string, multi bool) *ValueMap {
	m := &ValueMap{
		toHub: entries, folded: map[string]string{}, toRemote: map[string]string{}, multi: multi,
	}
	ambiguous := map[string]bool{}
	for _, remote := range slices.Sorted(maps.Keys(entries)) {
		hub := entries[remote]
		if _, taken := m.toRemote[hub]; !taken {
			m.toRemote[hub] = remote
		}
		key := foldKey(remote)
		if other, taken := m.folded[key]; taken && other != hub {
			ambiguous[key] = true
		}
		m.folded[key] = hub
	}
	maps.DeleteFunc(m.folded, func(key, _ string) bool { return ambiguous[key] })
	return m
}

// ToHub returns the hub's value for one of theirs and whether the map has it.
// A value that only differs in case from one that the map has is taken for it.
func (m *ValueMap) ToHub(v record.Value) (record.Value, bool) {
	return m.translate(v, func(text string) (string, bool) {
		if hub, ok := m.toHub[text]; ok {
			return hub, true
		}
		hub, ok := m.folded[foldKey(text)]
		return hub, ok
	})
}

// ToRemote returns their value for one of the hub's and whether the map has
// it.
func (m *ValueMap) ToRemote(v record.Value) (record.Value, bool) {
	return m.translate(v, func(text string) (string, bool) {
		remote, ok := m.toRemote[text]
		return remote, ok
	})
}

func (m *ValueMap) translate(v record.Value, look func(string) (string, bool)) (record.Value, bool) {
	if !v.IsSet() {
		return v, true
	}
	if !m.multi {
		text, ok := look(v.Text())
		return record.Of(text), ok
	}
	elems := v.Elems()
	for i, elem := range elems {
		text, ok := look(elem)
		if !ok {
			return record.NullValue(), false
		}
		elems[i] = text
	}
	slices.Sort(elems)
	return record.Multi(slices.Compact(elems)...), true
}

// OneToOne reports whether no two of their values stand for one of the hub's.
func (m *ValueMap) OneToOne() bool { return len(m.toRemote) == len(m.toHub) }

// Entries returns the map, their value to the hub's, in order of their values.
func (m *ValueMap) Entries() [][2]string {
	out := make([][2]string, 0, len(m.toHub))
	for _, remote := range slices.Sorted(maps.Keys(m.toHub)) {
		out = append(out, [2]string{remote, m.toHub[remote]})
	}
	return out
}
