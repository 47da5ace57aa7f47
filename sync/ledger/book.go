package ledger

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/plan"
)

// Lost stands for a digest that is not known. No value has it but by a chance of one
// in 2^64, which would cost one needless comparison.
const Lost record.Digest = 1

// What the names begin with under which the state numbers what rows mention.
const (
	fieldMark  = "f:" // a field of the hub
	ruleMark   = "r:" // a rule: what a link keeps of a pair of fields
	remoteMark = "t:" // a remote field: what a link keeps of it whichever rule meets it
	systemMark = "s:" // where a value came from
	keyMark    = "k:" // an index of a match key
)

// Book is a mapping with the numbers of everything that rows mention.
type Book struct {
	// Routes are those of the mapping, in its order.
	Routes []*Route
	// Key makes the digests of this state.
	Key record.Key
	// External is what a link of a target keeps about our id there, Askers what one
	// of a source keeps about which systems held the record when its filter was
	// asked, and Computed the source of a value that was worked out here.
	External, Askers, Computed state.Num

	fields   map[*fieldmap.HubObject][]state.Num // by HubField.Index
	systems  map[string]state.Num
	remoteOf map[state.Num]state.Num // every rule that ever was → its remote field
	keys     map[Index]state.Num
	indexes  map[*fieldmap.HubObject][]Index
	named    map[*fieldmap.HubObject][]*fieldmap.HubField
	computed map[string]computedFields // by hub object
}

// computedFields are those of one hub object, and those of all that look at it.
type computedFields struct{ of, from []*fieldmap.HubField }

// Index is one match-key index: a hub field in one comparable form.
type Index struct {
	Field *fieldmap.HubField
	Form  fieldmap.Form
}

// Bind numbers every name of a mapping. Its errors are those of the state.
func Bind(st *state.Store, m *fieldmap.Mapping) (*Book, error) {
	b := &Book{
		Key: st.Key(), fields: map[*fieldmap.HubObject][]state.Num{}, systems: map[string]state.Num{},
		keys: map[Index]state.Num{}, indexes: map[*fieldmap.HubObject][]Index{}, computed: map[string]computedFields{},
	}
	for _, step := range []func(*state.Store, *fieldmap.Mapping) error{b.bindHub, b.bindRoutes, b.bindFixed, b.bindRemotes} {
		if err := step(st, m); err != nil {
			return nil, fmt.Errorf("number the names of the mapping: %w", err)
		}
	}
	return b, nil
}

func (b *Book) bindHub(st *state.Store, m *fieldmap.Mapping) (err error) {
	for name, o := range m.Hub {
		b.computed[name] = computedFields{m.Computed(name), m.ComputedFrom(name)}
		if b.fields[o], err = st.Nums(marked(fieldMark, o.Fields)...); err != nil {
			return err
		}
		for _, f := range o.Fields {
			if f.Key || f == o.ID {
				b.index(o, Index{f, fieldmap.Exact})
			}
		}
	}
	b.bindNamed(m)
	return nil
}

func marked(mark string, fields []*fieldmap.HubField) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = mark + f.Name
	}
	return out
}

// bindNamed finds the fields by which references name records.
func (b *Book) bindNamed(m *fieldmap.Mapping) {
	b.named = map[*fieldmap.HubObject][]*fieldmap.HubField{}
	for _, r := range m.Routes {
		for _, rule := range r.Fields {
			if rule.RefKey == nil {
				continue
			}
			to := m.Object(rule.Hub.RefTo)
			b.index(to, Index{rule.RefKey, fieldmap.Exact})
			if !slices.Contains(b.named[to], rule.RefKey) {
				b.named[to] = append(b.named[to], rule.RefKey)
			}
		}
	}
}

func (b *Book) index(o *fieldmap.HubObject, ix Index) {
	if _, ok := b.keys[ix]; !ok {
		b.keys[ix] = 0
		b.indexes[o] = append(b.indexes[o], ix)
	}
}

func (b *Book) bindRoutes(st *state.Store, m *fieldmap.Mapping) error {
	for _, fr := range m.Routes {
		r := &Route{Route: fr, Flow: state.FlowPush, book: b, Nums: b.fields[fr.Hub]}
		if fr.Direction == fieldmap.Pull {
			r.Flow = state.FlowPull
		}
		names := make([]string, len(fr.Fields))
		for i, rule := range fr.Fields {
			names[i] = RuleName(rule)
		}
		var err error
		if r.Rules, err = st.Nums(names...); err != nil {
			return err
		}
		for _, k := range fr.Match {
			b.index(fr.Hub, Index{k.Hub, k.Compare})
		}
		if b.systems[fr.System], err = one(st.Nums(systemMark + fr.System)); err != nil {
			return err
		}
		b.Routes = append(b.Routes, r)
	}
	return nil
}

// bindFixed numbers the match keys, and the names that are no admin's.
func (b *Book) bindFixed(st *state.Store, _ *fieldmap.Mapping) (err error) {
	for ix := range b.keys {
		if b.keys[ix], err = one(st.Nums(keyMark + ix.Field.Object + "." + ix.Field.Name + ":" + ix.Form.String())); err != nil {
			return err
		}
	}
	if b.External, err = one(st.Nums(ruleMark + "external_id")); err != nil {
		return err
	}
	if b.Askers, err = one(st.Nums(ruleMark + "exists_in")); err != nil {
		return err
	}
	b.Computed, err = one(st.Nums(systemMark + "computed"))
	return err
}

// bindRemotes numbers the remote fields of every rule that ever was: those that a
// link was settled with keep what they know, also where their line is gone.
func (b *Book) bindRemotes(st *state.Store, _ *fieldmap.Mapping) error {
	rules := st.Names(ruleMark)
	var names []string
	var nums []state.Num
	for _, num := range slices.Sorted(maps.Keys(rules)) {
		if _, remote, ok := strings.Cut(rules[num], ">"); ok {
			names, nums = append(names, remoteMark+remote), append(nums, num)
		}
	}
	remotes, err := st.Nums(names...)
	if err != nil {
		return err
	}
	b.remoteOf = map[state.Num]state.Num{}
	for i, num := range nums {
		b.remoteOf[num] = remotes[i]
	}
	for _, r := range b.Routes {
		for _, num := range r.Rules {
			r.Remotes = append(r.Remotes, b.remoteOf[num])
		}
	}
	st.UnderstandFormatOne(state.FormatOne{
		Remote: b.remoteOf, Lost: Lost,
		Notes: map[uint8]uint8{uint8(plan.RemoteForm): uint8(plan.FormOrEdit)},
	})
	return nil
}

func one(nums []state.Num, err error) (state.Num, error) {
	if err != nil {
		return 0, err
	}
	return nums[0], nil
}

// RuleName is what a link's field states are kept under: the pair of fields, so
// that another pair is a first meeting and the same pair under a changed rule is
// not.
func RuleName(f *fieldmap.Rule) string { return ruleMark + f.Hub.Name + ">" + f.Remote.Name }

// RoutesOf returns the routes of a system.
func (b *Book) RoutesOf(system string) (out []*Route) {
	for _, r := range b.Routes {
		if r.System == system {
			out = append(out, r)
		}
	}
	return out
}

// Route returns the route of a system's object, nil if there is none.
func (b *Book) Route(system, object string) *Route {
	for _, r := range b.Routes {
		if r.System == system && r.Object == object {
			return r
		}
	}
	return nil
}

// Nums returns the numbers of an object's fields, by their index.
func (b *Book) Nums(o *fieldmap.HubObject) []state.Num { return b.fields[o] }

// System returns the number of a system as the source of a value, 0 for one that no
// route is of.
func (b *Book) System(name string) state.Num { return b.systems[name] }

// RemoteOf returns the number of the remote field of a rule, also of one whose line
// is gone; 0 for what is no rule.
func (b *Book) RemoteOf(rule state.Num) state.Num { return b.remoteOf[rule] }

// Named are the fields of an object by which references name its records.
func (b *Book) Named(o *fieldmap.HubObject) []*fieldmap.HubField { return b.named[o] }

// NamedObjects are the objects whose records references name.
func (b *Book) NamedObjects() map[*fieldmap.HubObject][]*fieldmap.HubField { return b.named }

// ComputedOf are the computed fields of a hub object.
func (b *Book) ComputedOf(object string) []*fieldmap.HubField { return b.computed[object].of }

// ComputedFrom are the computed fields that look at records of a hub object.
func (b *Book) ComputedFrom(object string) []*fieldmap.HubField { return b.computed[object].from }

// Indexes are the match-key indexes of an object.
func (b *Book) Indexes(o *fieldmap.HubObject) []Index { return b.indexes[o] }

// IndexNum is the number of an index.
func (b *Book) IndexNum(ix Index) state.Num { return b.keys[ix] }

// IndexKeys are a record's entries in the match-key indexes.
func (b *Book) IndexKeys(o *fieldmap.HubObject, rec *state.HubRecord) []state.IndexKey {
	var keys []state.IndexKey
	for _, ix := range b.indexes[o] {
		if k, ok := b.IndexKey(ix, rec.Get(b.fields[o][ix.Field.Index])); ok {
			keys = append(keys, k)
		}
	}
	return keys
}

// IndexKey is the index entry of one value; a value without a comparable form has
// none.
func (b *Book) IndexKey(ix Index, v record.Value) (state.IndexKey, bool) {
	text := ix.Form.Key(v)
	if text == "" {
		return state.IndexKey{}, false
	}
	return state.IndexKey{Field: b.keys[ix], Digest: b.Key.Bytes([]byte(text))}, true
}

// IsDigestOf reports whether a digest is that of a value, whatever type the rule had
// that made it. It tries every type there is, so it is for the rare field that does
// not fit at first.
func (b *Book) IsDigestOf(d record.Digest, v record.Value) bool {
	if d == 0 || !v.Known() {
		return false
	}
	for _, t := range record.Types() {
		if b.Key.Value(t, v) == d {
			return true
		}
	}
	return false
}
