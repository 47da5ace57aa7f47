package plan_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/sync/plan"
)

// The tables of these tests are written in a few words, so that a row reads
// like a row of the decision table:
//
//	rule   "pull owned compare=fold"
//	state  "theirs:b seen:a ours:a told:a"
//	want   "take source_changed b seen:b told:b"
//
// A value is a word; "-" is blank, "?" was not read and "!" is gone from their
// schema. What is left out was not read (theirs), is blank (ours) or was never
// reckoned with (seen, told). "theirs:Good>green" gives their value and the
// same in the hub's form, "ours:green>Good" ours and the same in theirs.

func testKey() record.Key { return record.NewKey([16]byte{1, 2, 3}) }

func value(word string) record.Value {
	switch word {
	case "?":
		return record.Value{}
	case "!":
		return record.UnreadableValue()
	case "-":
		return record.NullValue()
	}
	return record.Of(word)
}

func word(v record.Value) string {
	switch v.State() {
	case record.Missing:
		return "?"
	case record.Unreadable:
		return "!"
	case record.Null:
		return "-"
	case record.Set:
	}
	return v.Text()
}

// readRule turns words into a rule, its direction and its first-meeting rule.
func readRule(t testing.TB, words string) (rule *fieldmap.Rule, dir fieldmap.Direction, link fieldmap.LinkRule) {
	t.Helper()
	hub := &fieldmap.HubField{Object: "account", Name: "field", Type: record.Text, Owner: "qbench", Scale: -1}
	rule = &fieldmap.Rule{Remote: record.Field{Name: "Field__c", Type: record.Text}, Hub: hub}
	for _, w := range strings.Fields(words) {
		name, arg, _ := strings.Cut(w, "=")
		switch name {
		case "pull", "push":
			dir = map[string]fieldmap.Direction{"pull": fieldmap.Pull, "push": fieldmap.Push}[name]
		case "owned":
			rule.Owned = true
		case "ownerless":
			hub.Owner = ""
		case "wins":
			hub.Policy = arg
		case "required":
			hub.Required = true
		case "key":
			hub.Key = true
		case "identity":
			hub.Identity = true
		case "money":
			hub.Type, rule.Remote.Type, hub.Scale = record.Decimal, record.Decimal, 2
		case "compare":
			rule.Compare = formOf(t, arg)
		case "write":
			rule.Write = pick(t, arg, fieldmap.OnChange, "on_change", "enforce", "fill_blank", "create_only", "never")
		case "on_empty":
			rule.OnEmpty = pick(t, arg, fieldmap.EmptyByOwner, "", "ignore", "clear")
		case "on_link":
			link = pick(t, arg, fieldmap.OnLinkSource, "source", "fill_blank", "keep")
		default:
			t.Fatalf("rule %q: what is %q?", words, w)
		}
	}
	return rule, dir, link
}

// pick returns the first constant moved on by the position of arg in names.
func pick[T ~uint8](t testing.TB, arg string, first T, names ...string) T {
	t.Helper()
	for i, n := range names {
		if n == arg {
			return first + T(i)
		}
	}
	t.Fatalf("%q is none of %v", arg, names)
	return first
}

// readField turns the words of a rule and a state into the decision's input.
func readField(t testing.TB, rule, state string) plan.Field {
	t.Helper()
	var f plan.Field
	sent := false
	f.Rule, f.Direction, f.OnLink = readRule(t, rule)
	f.Ours, f.OursRemote = record.NullValue(), record.NullValue()
	for _, w := range strings.Fields(state) {
		name, arg, _ := strings.Cut(w, ":")
		own, other, mapped := strings.Cut(arg, ">")
		if !mapped {
			other = own
		}
		switch name {
		case "theirs":
			f.Theirs, f.TheirsHub = value(own), value(other)
		case "ours":
			f.Ours, f.OursRemote = value(own), value(other)
		case "seen":
			f.Seen = testKey().Value(f.Rule.Remote.Type, value(arg))
		case "told":
			f.Told = testKey().Value(f.Rule.Hub.Type, value(arg))
		case "there":
			f.There = readThere(t, f.Rule.Remote.Type, arg)
		case "touched":
			f.Reading.Touched = pick(t, arg, record.ByUnknown, "", "ours", "other")
		case "history":
			f.Reading.History = pick(t, arg, record.ByUnknown, "", "ours", "other")
		default:
			flag := map[string]*bool{
				"assumed": &sent, "other-seen": &f.OtherSeen, "owners-blank": &f.OwnersBlank, "by-id": &f.Reading.ByID, "own": &f.Reading.Own, "lost": &f.Lost, "rule-changed": &f.RuleChanged, "tolerated": &f.Tolerated, "freed": &f.Freed,
				"ours-owned": &f.OursOwned, "ours-theirs": &f.OursTheirs, "by-gone": &f.OursByGone, "creating": &f.Creating, "found": &f.Found,
			}[name]
			if flag == nil {
				t.Fatalf("state %q: what is %q?", state, w)
			}
			*flag = true
		}
	}
	if f.There.Known == record.Unread {
		f.There = stood(f.Seen, sent)
	}
	return f
}

// stood is what is known to stand there when it was settled with: it was sent, or
// it was read.
func stood(seen record.Digest, sent bool) record.There {
	if sent {
		return record.SentThere(seen)
	}
	return record.ReadThere(seen)
}

// readThere turns words such as read.a,sent.b into what is known to stand there,
// the oldest first.
func readThere(t testing.TB, of record.Type, words string) (there record.There) {
	t.Helper()
	for w := range strings.SplitSeq(words, ",") {
		how, word, _ := strings.Cut(w, ".")
		switch d := testKey().Value(of, value(word)); how {
		case "read":
			there.Show(d)
		case "sent":
			there.Send(d)
		default:
			t.Fatalf("there %q: what is %q?", words, w)
		}
	}
	return there
}

// names finds the values that digests stand for, among those of a decision.
type names map[record.Digest]string

func namesOf(f plan.Field, more ...record.Value) names {
	n := names{0: ""}
	for _, v := range append(more, record.NullValue(), f.Theirs, f.TheirsHub, f.Ours, f.OursRemote) {
		if v.Known() {
			n[testKey().Value(f.Rule.Remote.Type, v)] = word(v)
			n[testKey().Value(f.Rule.Hub.Type, v)] = word(v)
		}
	}
	return n
}

func (n names) of(d record.Digest) string {
	if name, ok := n[d]; ok {
		return name
	}
	return "#" + strconv.FormatUint(uint64(d), 16)
}

// wordsOf writes a verdict as the tables do.
func wordsOf(f plan.Field, v plan.Verdict, more ...record.Value) string {
	n := namesOf(f, more...)
	out := v.Kind.String()
	add := func(when bool, format string, args ...any) {
		if when {
			out += " " + fmt.Sprintf(format, args...)
		}
	}
	add(v.Reason != plan.NoReason, "%s", v.Reason)
	add(v.Value != record.Value{}, "%s", word(v.Value))
	add(v.Seen != 0, "seen:%s", n.of(v.Seen))
	add(v.Told != 0, "told:%s", n.of(v.Told))
	add(v.Sent, "assumed")
	add(v.Overwrites, "overwrites")
	return out
}

// row is one line of a decision table.
type row struct{ name, rule, state, want string }

// decideRows decides every row and compares the whole verdict.
func decideRows(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			f := readField(t, r.rule, r.state)
			var values []record.Value
			for w := range strings.FieldsSeq(strings.NewReplacer(":", " ", ">", " ", ".", " ", ",", " ").Replace(r.state)) {
				values = append(values, value(w))
			}
			v := plan.Decide(testKey(), f)
			if got := wordsOf(f, v, values...); got != r.want {
				t.Errorf("%s | %s\n got  %s\n want %s", r.rule, r.state, got, r.want)
			}
			for _, broken := range broken(testKey(), f, v) {
				t.Errorf("%s | %s: %s", r.rule, r.state, broken)
			}
		})
	}
}

// formOf is the compare form of a scenario's word.
func formOf(t testing.TB, word string) fieldmap.Form {
	t.Helper()
	return pick(t, word, fieldmap.Exact, "exact", "fold", "email", "phone", "url", "domain", "digits")
}
