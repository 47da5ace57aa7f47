package fieldmap

import (
	"maps"
	"slices"

	"crmsyncd/fieldmap/record"
)

// ValueMap translates a system's values into the hub's and back. Blank stays
// blank in both directions.
type ValueMap struct {
	entries      map[string][]string // their value: the hub's, the one that is taken first
	toHub        map[string]string   // by their exact text
	foldedHub    map[string]string   // by their text folded; without those that differ only in case
	toRemote     map[string]string   // by the hub's exact text
	foldedRemote map[string]string
	clash        bool
	multi        bool
}

// newValueMap expects hub values in canonical form. Several hub values may
// stand for one of theirs, as free text does for a picklist. Where several of
// theirs stand for one hub value, the first in sorted order is the one that is
// written.
func newValueMap(entries map[string][]string, multi bool) *ValueMap {
	m := &ValueMap{entries: entries, toHub: map[string]string{}, toRemote: map[string]string{}, multi: multi}
	for _, remote := range slices.Sorted(maps.Keys(entries)) {
		for i, hub := range entries[remote] {
			if i == 0 {
				m.toHub[remote] = hub
			}
			if _, taken := m.toRemote[hub]; taken {
				m.clash = true
				continue
			}
			m.toRemote[hub] = remote
		}
	}
	m.foldedHub, m.foldedRemote = foldKeys(m.toHub), foldKeys(m.toRemote)
	return m
}

// foldKeys is the map by folded keys, without those that would be ambiguous.
func foldKeys(in map[string]string) map[string]string {
	out, ambiguous := map[string]string{}, map[string]bool{}
	for text, to := range in {
		key := foldKey(text)
		if other, taken := out[key]; taken && other != to {
			ambiguous[key] = true
		}
		out[key] = to
	}
	maps.DeleteFunc(out, func(key, _ string) bool { return ambiguous[key] })
	return out
}

// ToHub returns the hub's value for one of theirs and whether the map has it.
// A value that only differs in case from one that the map has is taken for it.
func (m *ValueMap) ToHub(v record.Value) (record.Value, bool) {
	return m.translate(v, exactThenFolded(m.toHub, m.foldedHub))
}

// ToRemote returns their value for one of the hub's and whether the map has
// it, on the same terms.
func (m *ValueMap) ToRemote(v record.Value) (record.Value, bool) {
	return m.translate(v, exactThenFolded(m.toRemote, m.foldedRemote))
}

func exactThenFolded(exact, folded map[string]string) func(string) (string, bool) {
	return func(text string) (string, bool) {
		if to, ok := exact[text]; ok {
			return to, true
		}
		to, ok := folded[foldKey(text)]
		return to, ok
	}
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

// OneToOne reports whether each of their values stands for one of the hub's and
// no two for the same.
func (m *ValueMap) OneToOne() bool {
	for _, hubs := range m.entries {
		if len(hubs) != 1 {
			return false
		}
	}
	return !m.clash
}

// Clash reports whether two of their values stand for one of the hub's, so that
// a push could not tell which one to write.
func (m *ValueMap) Clash() bool { return m.clash }

// Entries returns the map as pairs, their value and one of the hub's, in order
// of their values.
func (m *ValueMap) Entries() [][2]string {
	out := make([][2]string, 0, len(m.toRemote))
	for _, remote := range slices.Sorted(maps.Keys(m.entries)) {
		for _, hub := range m.entries[remote] {
			out = append(out, [2]string{remote, hub})
		}
	}
	return out
}
