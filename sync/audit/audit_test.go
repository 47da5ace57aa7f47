package audit_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/sync/audit"
)

// mapping is a small world: accounts come from lab and go to crm.
func mapping(t *testing.T) *fieldmap.Mapping {
	t.Helper()
	scale := 2
	hub := fieldmap.HubSpec{Objects: map[string]fieldmap.HubObjectSpec{"account": {
		SystemOfRecord: "lab", ID: "account_id",
		Fields: []fieldmap.HubFieldSpec{
			{Name: "name", Required: true},
			{Name: "health", Type: "picklist", Values: []string{"green", "red"}},
			{Name: "balance", Type: "decimal", Scale: &scale},
		},
	}}}
	fields := func() []fieldmap.FieldSpec {
		return []fieldmap.FieldSpec{
			{Remote: "Name", Hub: "name"},
			{Remote: "Web", Hub: "website", Compare: "domain"},
			{Remote: "Health", Hub: "health", Values: map[string][]string{"Good": {"green"}, "Bad": {"red"}}},
			{Remote: "Balance", Hub: "balance"},
			{Remote: "Parent", Hub: "parent"},
		}
	}
	routes := []fieldmap.RouteSpec{
		{System: "lab", Objects: []fieldmap.ObjectSpec{{
			Object: "customer", Hub: "account", Direction: "pull", Fields: append(fields(), fieldmap.FieldSpec{Remote: "id", Hub: "account_id"}),
		}}},
		{System: "crm", Objects: []fieldmap.ObjectSpec{{
			Object: "Account", Hub: "account", Direction: "push", ExternalID: "Lab_Id", Fields: fields(),
			Match: []fieldmap.MatchSpec{{Remote: "Lab_Id", Hub: "account_id"}},
		}}},
	}
	m, problems := fieldmap.Compile(hub, routes, fieldmap.Options{Systems: map[string]fieldmap.SystemInfo{"lab": {}, "crm": {}}})
	if fieldmap.Failed(problems) {
		t.Fatal(problems)
	}
	return m
}

// ties are hub ids by remote id.
type ties map[string]string

func (r ties) ToHub(_ *fieldmap.Rule, theirs record.Value) (record.Value, bool) {
	hub, ok := r[theirs.Text()]
	return record.Of(hub), ok
}

func (r ties) ToRemote(_ *fieldmap.Rule, ours record.Value) (record.Value, bool) {
	for remote, hub := range r {
		if hub == ours.Text() {
			return record.Of(remote), true
		}
	}
	return record.Value{}, false
}

// values are what a record holds, by name: blank where it is not named, missing
// or unreadable where it says so.
type values map[string]string

func (v values) of(name string) record.Value {
	switch text := v[name]; text {
	case "(missing)":
		return record.Value{}
	case "(gone)":
		return record.UnreadableValue()
	default:
		return record.Of(text)
	}
}

func hubOf(v values) audit.Hub {
	return audit.Hub{Value: func(f *fieldmap.HubField) record.Value { return v.of(f.Name) }, External: v.of("account_id")}
}

func remoteOf(r *fieldmap.Route, v values) *audit.Remote {
	out := &audit.Remote{ID: "r1"}
	for _, f := range r.ReadFields() {
		fault := ""
		value := v.of(f.Name)
		if v[f.Name] == "(bad)" {
			fault, value = "not a decimal number", record.Value{}
		}
		out.Values, out.Faults = append(out.Values, value), append(out.Faults, fault)
	}
	return out
}

func sides(ds []audit.Difference) []string {
	var out []string
	for _, d := range ds {
		line := d.Field + ": " + text(d.Ours) + "/" + text(d.OursThere) + " | " + text(d.Theirs) + "/" + text(d.TheirsHere)
		if d.Fault != "" {
			line += " " + d.Fault
		}
		out = append(out, line)
	}
	return out
}

func text(v record.Value) string {
	if v.IsSet() {
		return v.Text()
	}
	return "(" + v.String() + ")"
}

// The comparison knows the mapping and nothing else: what a value map, a
// reference, a compare form or a scale call the same agrees, and nothing that
// was not read counts as blank.
func TestCompare(t *testing.T) {
	t.Parallel()
	m := mapping(t)
	base := values{"name": "Acme", "website": "https://acme.example", "health": "green", "balance": "12.5", "parent": "7", "account_id": "1"}
	there := values{"Name": "Acme", "Web": "https://acme.example", "Health": "Good", "Balance": "12.5", "Parent": "p7", "Lab_Id": "1", "id": "1"}
	for _, tt := range []struct {
		name  string
		hub   values // over base
		crm   values // over there
		push  []string
		pulls []string // nil: as the push
	}{
		{"the same in both forms", nil, nil, nil, nil},
		{"equal by form", nil, values{"Web": "http://www.acme.example/about"}, nil, nil},
		{"equal at the scale", nil, values{"Balance": "12.504"}, nil, nil},
		{"another value", nil, values{"Name": "Akme"}, []string{"name: Acme/Acme | Akme/Akme"}, nil},
		{"case is another value under exact", nil, values{"Name": "ACME"}, []string{"name: Acme/Acme | ACME/ACME"}, nil},
		{"theirs blank", nil, values{"Name": ""}, []string{"name: Acme/Acme | (null)/(null)"}, nil},
		{"ours blank", values{"website": ""}, nil, []string{"website: (null)/(null) | https://acme.example/https://acme.example"}, nil},
		{"both blank", values{"website": ""}, values{"Web": ""}, nil, nil},
		{"missing is not blank", values{"website": ""}, values{"Web": "(missing)"}, []string{"website: (null)/(missing) | (missing)/(missing)"}, nil},
		{"unreadable is not blank", values{"website": ""}, values{"Web": "(gone)"}, []string{"website: (null)/(missing) | (unreadable)/(missing)"}, nil},
		{"through the value map", values{"health": "red"}, nil, []string{"health: red/Bad | Good/green"}, nil},
		{
			"theirs is in no line of the value map", nil,
			values{"Health": "Odd"},
			[]string{"health: green/Good | Odd/(missing)"},
			[]string{"health: green/Good | Odd/(missing) the value map does not hold the value"},
		},
		{
			"spelled like ours, but in no line", nil,
			values{"Health": "green"},
			[]string{"health: green/Good | green/(missing)"},
			[]string{"health: green/Good | green/(missing) the value map does not hold the value"},
		},
		{"another reference", nil, values{"Parent": "p8"}, []string{"parent: 7/p7 | p8/8"}, nil},
		{"no reference", values{"parent": ""}, values{"Parent": ""}, nil, nil},
		{
			"a reference to nothing known", nil,
			values{"Parent": "p9"},
			[]string{"parent: 7/p7 | p9/(missing)"},
			[]string{"parent: 7/p7 | p9/(missing) it names a record without a counterpart"},
		},
		{
			"a reference that has no counterpart there",
			values{"parent": "9"},
			nil,
			[]string{"parent: 9/(missing) | p7/7 it names a record without a counterpart"},
			[]string{"parent: 9/(missing) | p7/7"},
		},
		{"a value that does not convert", nil, values{"Balance": "(bad)"}, []string{"balance: 12.5/(missing) | (missing)/(missing) not a decimal number"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			refs := ties{"p7": "7", "p8": "8"}
			ours, theirs := base.with(tt.hub), there.with(tt.crm)
			push, pull := m.Route("crm", "Account"), m.Route("lab", "customer")
			if diff := cmp.Diff(tt.push, sides(audit.Compare(nil, push, hubOf(ours), remoteOf(push, theirs), refs))); diff != "" {
				t.Errorf("push (-want +got):\n%s", diff)
			}
			if tt.pulls == nil {
				tt.pulls = tt.push
			}
			if diff := cmp.Diff(tt.pulls, sides(audit.Compare(nil, pull, hubOf(ours), remoteOf(pull, theirs), refs))); diff != "" {
				t.Errorf("pull (-want +got):\n%s", diff)
			}
		})
	}
}

func (v values) with(more values) values {
	out := values{}
	for _, m := range []values{v, more} {
		for name, text := range m {
			out[name] = text
		}
	}
	return out
}

// Our id in their system is compared like a field.
func TestCompareExternalID(t *testing.T) {
	t.Parallel()
	r := mapping(t).Route("crm", "Account")
	got := sides(audit.Compare(nil, r, hubOf(values{"account_id": "1"}), remoteOf(r, values{"Lab_Id": "2"}), ties{}))
	if diff := cmp.Diff([]string{"Lab_Id: 1/1 | 2/2"}, got); diff != "" {
		t.Error(diff)
	}
}

var key = record.NewKey([16]byte{1})

func digest(text string) record.Digest { return key.Value(record.Text, record.Of(text)) }

// memory says what a test wants it to.
type memory struct {
	link            audit.Link
	held, tolerated audit.Statement
}

func (m memory) Link(*audit.Remote) audit.Link                              { return m.link }
func (m memory) Held(*audit.Remote, *audit.Difference) audit.Statement      { return m.held }
func (m memory) Tolerated(*audit.Remote, *audit.Difference) audit.Statement { return m.tolerated }

// A statement explains a difference only if it names these two values; and
// nothing but somebody else's later stamp, or the spelling of what we sent,
// leaves one to the next full run.
func TestJudge(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	open := audit.Link{Open: true, Read: noon.Add(-time.Hour), Wrote: noon}
	rule := &fieldmap.Rule{Hub: &fieldmap.HubField{Type: record.Text}, Remote: record.Field{Type: record.Text}}
	said := func(s audit.Standing, ours, theirs string) audit.Statement {
		out := audit.Statement{Standing: s, Reason: "why"}
		if ours != "" {
			out.Ours = digest(ours)
		}
		if theirs != "" {
			out.Theirs = digest(theirs)
		}
		return out
	}
	there := func(text string, sent bool) audit.Statement {
		return audit.Statement{There: audit.There{Digest: digest(text), Sent: sent}}
	}
	for _, tt := range []struct {
		name    string
		m       memory
		version time.Time
		theirs  record.Value
		fault   string
		want    string
	}{
		{name: "nobody says anything", m: memory{link: open}, want: "unexplained"},
		{name: "tolerated for these two", m: memory{link: open, tolerated: said(audit.Tolerated, "ours", "theirs")}, want: "tolerated why"},
		{name: "tolerated for another of ours", m: memory{link: open, tolerated: said(audit.Tolerated, "other", "theirs")}, want: "unexplained"},
		{name: "tolerated for another of theirs", m: memory{link: open, tolerated: said(audit.Tolerated, "ours", "other")}, want: "unexplained"},
		{name: "tolerated without a name", m: memory{link: open, tolerated: said(audit.Tolerated, "", "")}, want: "unexplained"},
		{name: "tolerated for one of two", m: memory{link: open, tolerated: said(audit.Tolerated, "ours", "")}, want: "unexplained"},
		{name: "held", m: memory{link: open, held: said(audit.Held, "", "")}, want: "held why"},
		{name: "held for another of theirs", m: memory{link: open, held: said(audit.Held, "", "other")}, want: "unexplained"},
		{name: "due", m: memory{link: open, tolerated: said(audit.Due, "ours", "")}, want: "due why"},
		{name: "due over another of theirs", m: memory{link: open, tolerated: said(audit.Due, "ours", "other")}, want: "unexplained"},
		{name: "a hold stands before what is due", m: memory{link: open, held: said(audit.Held, "", ""), tolerated: said(audit.Due, "ours", "")}, want: "held why"},
		{name: "the link is leaving", m: memory{link: audit.Link{Reason: "leaving"}}, want: "leaving leaving"},
		{name: "the field is gone", m: memory{link: open}, theirs: record.UnreadableValue(), want: "suspended"},
		{name: "the field was not sent", m: memory{link: open}, theirs: record.Value{}, want: "not_sent"},
		{name: "a value that does not convert", m: memory{link: open}, fault: "bad", version: noon.Add(time.Hour), want: "unexplained bad"},
		{name: "a value that does not convert, held", m: memory{link: open, held: said(audit.Held, "", "")}, fault: "bad", want: "held why"},

		{name: "changed later", m: memory{link: open}, version: noon.Add(time.Minute), want: "unread changed_there"},
		{name: "changed later, but we saw this value", m: memory{link: open, tolerated: there("theirs", false)}, version: noon.Add(time.Minute), want: "unexplained"},
		{name: "changed in the second of our write", m: memory{link: open}, version: noon.Add(999 * time.Millisecond), want: "unexplained"},
		{name: "changed before our write, after our reading", m: memory{link: open}, version: noon.Add(-time.Minute), want: "unexplained"},
		{name: "changed later, and nothing tells when we looked", m: memory{link: audit.Link{Open: true}}, version: noon, want: "unexplained"},
		{name: "sent, another spelling", m: memory{link: open, tolerated: there("sent", true)}, theirs: record.Of("OU RS"), want: "unread spelling"},
		{name: "sent, another value", m: memory{link: open, tolerated: there("sent", true)}, want: "unexplained"},
		{name: "read, another spelling", m: memory{link: open, tolerated: there("sent", false)}, theirs: record.Of("OU RS"), want: "unexplained"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := audit.Difference{Rule: rule, Ours: record.Of("ours"), OursThere: record.Of("ours"), Theirs: tt.theirs, Fault: tt.fault}
			if tt.want != "suspended" && tt.want != "not_sent" && tt.theirs == (record.Value{}) && tt.fault == "" {
				d.Theirs = record.Of("theirs")
			}
			s, reason := audit.Judge(key, &audit.Remote{Version: tt.version}, &d, tt.m)
			got := s.String()
			if reason != "" {
				got += " " + reason
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSameSpelling(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		t    record.Type
		a, b string
		want bool
	}{
		{record.Text, "Acme Inc", "ACME  INC", true},
		{record.Text, "Acme Inc", "AcmeInc", true},
		{record.Text, "Acme Inc", "Acme Inc.", false},
		{record.Text, "+1 (202) 555-0101", "12025550101", true},
		{record.Text, "+1 202 555 0101", "+1 202 555 0102", false},
		{record.Text, "Suite 12", "Room 12", false},
		{record.Decimal, "12.345", "12.35", true},
		{record.Decimal, "12.345", "12.36", false},
		{record.Date, "2026-01-02", "2026-01-03", false},
		{record.Text, "", "a", false},
	} {
		if got := audit.SameSpelling(tt.t, record.Of(tt.a), record.Of(tt.b)); got != tt.want {
			t.Errorf("%q and %q: %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}
