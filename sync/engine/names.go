package engine

import (
	"maps"
	"slices"
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/state"
	"crmsyncd/sync/plan"
)

// names holds the dictionary numbers of everything that rows mention. They are
// asked for once, at the start.
type names struct {
	fields   map[*fieldmap.HubObject][]state.Num // by HubField.Index
	rules    map[*fieldmap.Route][]state.Num     // by Rule.Index
	remotes  map[*fieldmap.Route][]state.Num     // the remote fields, by Rule.Index
	remoteOf map[state.Num]state.Num             // every rule that ever was → its remote field
	keys     map[indexName]state.Num
	forms    map[*fieldmap.HubObject][]indexName // every indexed key of an object
	systems  map[string]state.Num
	external state.Num                       // the field state of our id in a target
	held     state.Num                       // the field state of which systems held the record when its filter was asked
	computed state.Num                       // the source of a value that was worked out
	worked   map[string][]*fieldmap.HubField // the computed fields of a hub object
	from     map[string][]*fieldmap.HubField // those that look at a hub object
	// named are the hub fields by which references name records of an object.
	named map[*fieldmap.HubObject][]*fieldmap.HubField
	// joins are the routes whose records may turn out to be the same as those of
	// a route, and are noted when they do: routes that list only what changed.
	joins map[*fieldmap.Route][]*fieldmap.Route
}

// indexName is one match-key index: a hub field in one comparable form.
type indexName struct {
	field *fieldmap.HubField
	form  fieldmap.Form
}

// load numbers every name of the mapping.
func (n *names) load(st *state.Store, m *fieldmap.Mapping) error {
	n.fields = map[*fieldmap.HubObject][]state.Num{}
	n.rules = map[*fieldmap.Route][]state.Num{}
	n.keys = map[indexName]state.Num{}
	n.forms = map[*fieldmap.HubObject][]indexName{}
	n.systems = map[string]state.Num{}
	var err error
	for _, o := range m.Hub {
		if n.fields[o], err = st.Nums(fieldNames(o)...); err != nil {
			return err
		}
		for _, f := range o.Fields {
			if f.Key || f == o.ID {
				n.addForm(o, f, fieldmap.Exact)
			}
		}
	}
	n.loadNamed(m)
	n.worked, n.from = map[string][]*fieldmap.HubField{}, map[string][]*fieldmap.HubField{}
	for name := range m.Hub {
		n.worked[name], n.from[name] = m.Computed(name), m.ComputedFrom(name)
	}
	for _, r := range m.Routes {
		if n.rules[r], err = st.Nums(ruleNames(r)...); err != nil {
			return err
		}
		for _, k := range r.Match {
			n.addForm(r.Hub, k.Hub, k.Compare)
		}
		if err := n.addSystem(st, r.System); err != nil {
			return err
		}
	}
	return n.loadFixed(st, m)
}

// loadFixed numbers the match keys, and the names that are no admin's.
func (n *names) loadFixed(st *state.Store, m *fieldmap.Mapping) (err error) {
	for ix := range n.keys {
		if n.keys[ix], err = one(st.Nums("k:" + ix.field.Object + "." + ix.field.Name + ":" + ix.form.String())); err != nil {
			return err
		}
	}
	if n.external, err = one(st.Nums("r:external_id")); err != nil {
		return err
	}
	if n.held, err = one(st.Nums("r:exists_in")); err != nil {
		return err
	}
	if n.computed, err = one(st.Nums("s:computed")); err != nil {
		return err
	}
	return n.loadRemotes(st, m)
}

// ruleMark and remoteMark begin the names under which links keep what they know
// of rules and of remote fields.
const (
	ruleMark   = "r:"
	remoteMark = "t:"
)

// loadRemotes numbers the remote fields of every rule that ever was: those that a
// link was settled with keep what they know, also where their line is gone.
func (n *names) loadRemotes(st *state.Store, m *fieldmap.Mapping) error {
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
	n.remoteOf = map[state.Num]state.Num{}
	for i, num := range nums {
		n.remoteOf[num] = remotes[i]
	}
	n.remotes = map[*fieldmap.Route][]state.Num{}
	for _, r := range m.Routes {
		for _, num := range n.rules[r] {
			n.remotes[r] = append(n.remotes[r], n.remoteOf[num])
		}
	}
	st.UnderstandFormatOne(state.FormatOne{
		Remote: n.remoteOf, Lost: lostDigest,
		Notes: map[uint8]uint8{uint8(plan.RemoteForm): uint8(plan.FormOrEdit)},
	})
	return nil
}

func (n *names) addForm(o *fieldmap.HubObject, f *fieldmap.HubField, form fieldmap.Form) {
	ix := indexName{f, form}
	if _, ok := n.keys[ix]; !ok {
		n.keys[ix] = 0
		n.forms[o] = append(n.forms[o], ix)
	}
}

func (n *names) addSystem(st *state.Store, system string) error {
	num, err := one(st.Nums("s:" + system))
	n.systems[system] = num
	return err
}

func one(nums []state.Num, err error) (state.Num, error) {
	if err != nil {
		return 0, err
	}
	return nums[0], nil
}

func fieldNames(o *fieldmap.HubObject) []string {
	out := make([]string, len(o.Fields))
	for i, f := range o.Fields {
		out[i] = "f:" + f.Name
	}
	return out
}

// ruleNames are what a link's field states are kept under: the pair of fields,
// so that another pair is a first meeting and the same pair under a changed
// rule is not.
func ruleNames(r *fieldmap.Route) []string {
	out := make([]string, len(r.Fields))
	for i, f := range r.Fields {
		out[i] = ruleName(f)
	}
	return out
}

func ruleName(f *fieldmap.Rule) string { return ruleMark + f.Hub.Name + ">" + f.Remote.Name }

// loadNamed indexes the fields by which references name records.
func (n *names) loadNamed(m *fieldmap.Mapping) {
	n.named = map[*fieldmap.HubObject][]*fieldmap.HubField{}
	for _, r := range m.Routes {
		for _, rule := range r.Fields {
			if rule.RefKey == nil {
				continue
			}
			to := m.Object(rule.Hub.RefTo)
			n.addForm(to, rule.RefKey, fieldmap.Exact)
			if !slices.Contains(n.named[to], rule.RefKey) {
				n.named[to] = append(n.named[to], rule.RefKey)
			}
		}
	}
}

// loadJoins finds, for each pull route, the others whose records may be the
// same.
func (n *names) loadJoins(m *fieldmap.Mapping, systems map[string]*System) {
	n.joins = map[*fieldmap.Route][]*fieldmap.Route{}
	for _, r := range m.Routes {
		for _, other := range m.Routes {
			if r.Direction != fieldmap.Pull || other.Direction != fieldmap.Pull || r.Hub != other.Hub || r.System == other.System || len(other.Match) == 0 {
				continue
			}
			if sys := systems[other.System]; sys != nil && sys.Reader != nil && sys.Reader.Incremental(other.Object) {
				n.joins[r] = append(n.joins[r], other)
			}
		}
	}
}
