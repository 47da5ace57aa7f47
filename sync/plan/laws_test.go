package plan_test

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/sync/plan"
)

// meeting is a decision with what the laws ask about it.
type meeting struct {
	plan.Field
	v            plan.Verdict
	theirs, ours record.Digest
	seen, told   record.Digest // as far as they can be trusted
	read, equal  bool
}

// broken returns the laws of a single decision that v breaks. They hold for
// every field in every state.
func broken(key record.Key, f plan.Field, v plan.Verdict) (out []string) {
	m := meeting{Field: f, v: v, seen: f.Seen, told: f.Told, read: f.Theirs.Known() && !f.Creating}
	m.theirs, m.ours = key.Value(f.Rule.Remote.Type, f.Theirs), key.Value(f.Rule.Hub.Type, f.Ours)
	m.equal = m.read && f.Rule.Equal(f.TheirsHub, f.Ours)
	if f.Lost {
		m.seen, m.told = 0, 0
	}
	for _, law := range slices.Concat(m.digests(key), m.writes(), m.blanks(), m.owners()) {
		if !law.holds {
			out = append(out, law.says)
		}
	}
	return out
}

type law struct {
	says  string
	holds bool
}

// implies is read as "if a then b".
func implies(a, b bool) bool { return !a || b }

// digests are the laws of what is remembered.
func (m *meeting) digests(key record.Key) []law {
	kind, hub, remote := m.v.Kind, m.Rule.Hub.Type, m.Rule.Remote.Type
	kept := m.v.Seen == m.seen && m.v.Told == m.told
	settled := kind == plan.Agree || kind == plan.Tolerate
	return []law{
		{"a hold moves neither digest", implies(kind == plan.Hold, kept)},
		{"nothing moves neither digest", implies(kind == plan.Nothing, kept)},
		{"every other verdict moves seen, once theirs was read", implies(m.read && kind != plan.Hold && kind != plan.Push, m.v.Seen == m.theirs)},
		{"what was not read is not seen", implies(!m.read && !m.Creating && kind != plan.Push, m.v.Seen == m.seen || m.v.Seen == m.There.Last())},
		{"told is ours once it is settled", implies(settled, m.v.Told == m.ours)},
		{"told is what the hub took", implies(kind == plan.Take, m.v.Told == key.Value(hub, m.TheirsHub) && m.v.Value == m.TheirsHub)},
		{"seen is what was sent, told what it was made of", implies(kind == plan.Push,
			m.v.Value == m.OursRemote && m.v.Seen == key.Value(remote, m.OursRemote) && m.v.Told == m.ours && m.v.Sent)},
		{"a value is carried by a take or a push alone", implies(kind != plan.Take && kind != plan.Push, m.v.Value == record.Value{})},
		{"what was read is not sent", implies(m.read && kind != plan.Push && kind != plan.Hold, !m.v.Sent)},
		{"a difference that stays has a reason", implies(kind == plan.Tolerate || kind == plan.Hold, m.v.Reason != plan.NoReason)},
		{"a suspended field is left alone", implies(m.Theirs.State() == record.Unreadable, kind == plan.Nothing && m.v.Reason == plan.Suspended)},
	}
}

// writes are the laws of what goes where.
func (m *meeting) writes() []law {
	push, mode := m.v.Kind == plan.Push, m.Rule.Write
	stood := m.seen
	if d := m.There.Last(); d != 0 && !m.Lost {
		stood = d
	}
	blank := m.Theirs.IsNull() || !m.read && stood == testKey().Value(m.Rule.Remote.Type, record.NullValue())
	lone := m.read && m.theirs != m.seen && m.ours == m.told && !m.RuleChanged && !m.Freed && m.seen != 0
	return []law{
		{"a pull writes to the hub alone", implies(m.Direction == fieldmap.Pull, !push)},
		{"a push writes to the system alone", implies(m.Direction == fieldmap.Push, m.v.Kind != plan.Take)},
		{"write: never is never written", implies(push, mode != fieldmap.Never)},
		{"write: create_only is written at creation alone", implies(push && mode == fieldmap.CreateOnly, m.Creating)},
		{"write: fill_blank writes into a blank", implies(push && mode == fieldmap.FillBlank, m.Creating || blank)},
		{"drift is written back under enforce alone, or into a blank", implies(push && lone, mode == fieldmap.Enforce || mode == fieldmap.FillBlank)},
		{"only their own change is taken", implies(m.v.Kind == plan.Take && m.seen != 0, m.theirs != m.seen || m.RuleChanged)},
		{"what was not read is not taken", implies(m.v.Kind == plan.Take, m.read)},
		{"an overwrite of a value that was read is counted", implies(push && m.read, m.v.Overwrites == m.Theirs.IsSet())},
		{"a creation overwrites nothing", implies(m.Creating, !m.v.Overwrites)},
	}
}

// blanks are the laws of null.
func (m *meeting) blanks() []law {
	hub, rule := m.Rule.Hub, m.Rule
	clearsHub := m.v.Kind == plan.Take && m.v.Value.IsNull()
	clearsTheirs := m.v.Kind == plan.Push && m.v.Value.IsNull()
	return []law{
		{"a required, key or identity field is not cleared", implies(clearsHub, !hub.Required && !hub.Key && !hub.Identity)},
		{"the hub is cleared by its owner, or where the rule says so", implies(clearsHub,
			rule.OnEmpty == fieldmap.EmptyClear || rule.OnEmpty == fieldmap.EmptyByOwner && (rule.Owned || m.OursTheirs))},
		{"an ignored blank clears nothing", implies(clearsTheirs, rule.OnEmpty != fieldmap.EmptyIgnore)},
		{"a blank never beats a value when they first meet, but one that another line put there", implies(clearsTheirs,
			m.seen != 0 || m.RuleChanged && m.OtherSeen && (m.OursOwned || m.OwnersBlank || rule.OnEmpty == fieldmap.EmptyClear)) && implies(clearsHub, m.seen != 0 || m.Lost)},
	}
}

// owners are the laws of whose word counts.
func (m *meeting) owners() []law {
	hub, take, hold := m.Rule.Hub, m.v.Kind == plan.Take, m.v.Kind == plan.Hold
	ruled := hub.Owner != "" && hub.Policy == ""
	return []law{
		{"under an owner, no other changes a value that the link knows, but for its own", implies(take && m.seen != 0 && ruled && m.Ours.IsSet(), m.Rule.Owned || m.OursTheirs)},
		{"the owner's value is not taken over when they first meet", implies(take && ruled && m.OursOwned && m.Ours.IsSet(), m.Rule.Owned)},
		{"equal by form is no conflict", implies(m.equal, !hold)},
		{"equal by form flows from the owner alone", implies(m.equal && take, m.Rule.Owned)},
		{"a person is asked only where no owner decides", implies(hold && m.v.Reason == plan.Conflict, !ruled)},
	}
}

func maybe(t *rapid.T, name string) bool { return rapid.Bool().Draw(t, name) }

func oneOf[T any](t *rapid.T, name string, of ...T) T { return rapid.SampledFrom(of).Draw(t, name) }

// drawRule draws any rule that a mapping may hold.
func drawRule(t *rapid.T) *fieldmap.Rule {
	hub := &fieldmap.HubField{
		Object: "account", Name: "field", Type: record.Text, Scale: -1,
		Owner: oneOf(t, "owner", "qbench", ""), Policy: oneOf(t, "policy", "", "", "newer", "hold"),
		Required: maybe(t, "required"), Key: maybe(t, "key"), Identity: maybe(t, "identity"),
	}
	return &fieldmap.Rule{
		Remote: record.Field{Name: "Field__c", Type: record.Text}, Hub: hub,
		Write:   fieldmap.WriteMode(rapid.IntRange(0, int(fieldmap.Never)).Draw(t, "write")),
		Compare: oneOf(t, "compare", fieldmap.Exact, fieldmap.Fold),
		OnEmpty: fieldmap.OnEmpty(rapid.IntRange(0, int(fieldmap.EmptyClear)).Draw(t, "on_empty")),
		Owned:   hub.Owner != "" && maybe(t, "owned"),
	}
}

// drawField draws any state of a field, consistent in itself: their value has
// one meaning in the hub, and a record that is about to be made was not read.
func drawField(t *rapid.T) plan.Field {
	values := []string{"a", "A", "b", "-"}
	ours, theirs := oneOf(t, "ours", values...), oneOf(t, "theirs", append(values, "?", "!")...)
	f := plan.Field{
		Rule: drawRule(t), Direction: oneOf(t, "direction", fieldmap.Pull, fieldmap.Push),
		OnLink: fieldmap.LinkRule(rapid.IntRange(0, int(fieldmap.OnLinkKeep)).Draw(t, "on_link")),
		Theirs: value(theirs), TheirsHub: value(theirs), Ours: value(ours), OursRemote: value(ours),
		OtherSeen: maybe(t, "other seen"), OwnersBlank: maybe(t, "owner's blank"), Lost: maybe(t, "lost"), RuleChanged: maybe(t, "rule changed"), Tolerated: maybe(t, "tolerated"),
		OursOwned: maybe(t, "ours owned"), Found: maybe(t, "found"),
	}
	f.Freed = f.Tolerated && maybe(t, "freed")
	f.There = drawThere(t, values)
	f.Reading = plan.Reading{
		ByID: maybe(t, "by id"), Own: maybe(t, "own"), Touched: record.Author(rapid.IntRange(0, 2).Draw(t, "touched")),
		History: record.Author(rapid.IntRange(0, 2).Draw(t, "history")),
	}
	f.OursTheirs = !f.OursOwned && !f.Rule.Owned && maybe(t, "ours theirs")
	f.OursByGone = (f.OursTheirs || f.Rule.Owned) && maybe(t, "ours by a line that is gone")
	if f.Direction == fieldmap.Push && theirs == "?" && maybe(t, "creating") {
		f.Creating, f.Lost = true, false
		return f
	}
	f.Seen = testKey().Value(record.Text, value(oneOf(t, "seen", "a", "A", "b", "-", "?")))
	if f.Seen != 0 {
		f.Told = testKey().Value(record.Text, value(oneOf(t, "told", "a", "A", "b", "-", "?")))
	}
	return f
}

// drawThere draws what was read and sent before.
func drawThere(t *rapid.T, values []string) (there record.There) {
	for range rapid.IntRange(0, 5).Draw(t, "there") {
		d := testKey().Value(record.Text, value(oneOf(t, "stood", values...)))
		if maybe(t, "sent") {
			there.Send(d)
		} else {
			there.Show(d)
		}
	}
	return there
}

// TestLaws draws every kind of state and holds the verdict to the laws.
func TestLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := drawField(t)
		v := plan.Decide(testKey(), f)
		for _, b := range broken(testKey(), f, v) {
			t.Errorf("%s: %s", wordsOf(f, v, value("a"), value("A"), value("b")), b)
		}
	})
}

// TestF25_SameInputSameVerdict decides a record's fields in two orders, from
// copies that share nothing: neither the order nor an earlier decision shows,
// and nothing that came in is changed.
func TestF25_SameInputSameVerdict(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		fields := rapid.SliceOfN(rapid.Custom(drawField), 1, 8).Draw(t, "fields")
		want := make([]plan.Verdict, len(fields))
		for i, f := range fields {
			rule, hub := *f.Rule, *f.Rule.Hub
			want[i] = plan.Decide(testKey(), f)
			if !reflect.DeepEqual(*f.Rule, rule) || !reflect.DeepEqual(*f.Rule.Hub, hub) {
				t.Fatal("deciding changed the rule")
			}
		}
		order := rapid.Permutation(indexes(len(fields))).Draw(t, "order")
		for _, i := range order {
			f, rule, hub := fields[i], *fields[i].Rule, *fields[i].Rule.Hub
			rule.Hub, f.Rule = &hub, &rule
			if got := plan.Decide(testKey(), f); got != want[i] {
				t.Fatalf("field %d: %s, then %s", i, wordsOf(f, want[i]), wordsOf(f, got))
			}
		}
	})
}

func indexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
