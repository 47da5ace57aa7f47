package plan_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/sync/plan"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write what was decided into testdata")
	os.Exit(m.Run())
}

// TestScenarios decides the situations under testdata, which are written for
// people: the mapping as an admin has it, then a table of fields as both sides
// stand, then what is decided and why. `go test ./sync/plan -update` writes the
// last part anew.
//
//	seen, told       their and our value when the link last reckoned with them
//	theirs, ours     their and our value now
//	(never)          not reckoned with yet
//	(not read)       was not asked for; (gone) is no more in their schema
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d scenarios, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			old, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			a := txtar.Parse(old)
			if first, _, _ := strings.Cut(string(a.Comment), "\n"); !strings.HasSuffix(first, ".") {
				t.Errorf("the first line does not say why: %q", first)
			}
			decideArchive(t, a)
			got := txtar.Format(a)
			if flag.Lookup("update").Value.String() == "true" {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(old), string(got)); diff != "" {
				t.Errorf("-file +decided\n%s", diff)
			}
		})
	}
}

// decideArchive replaces the wanted part of an archive by what is decided.
func decideArchive(t *testing.T, a *txtar.Archive) {
	t.Helper()
	m := compile(t, a)
	var want []byte
	for i, f := range a.Files {
		switch f.Name {
		case "fields":
			table := readTable(t, f.Data)
			a.Files[i].Data, want = writeTable(table), writeTable(decideTable(t, m, table))
		case "look-up":
			table := readTable(t, f.Data)
			a.Files[i].Data, want = writeTable(table), []byte(lookUp(t, m, table)+"\n")
		case "decided":
			if want == nil {
				t.Fatal("nothing to decide")
			}
			a.Files[i].Data = want
			return
		}
	}
	a.Files = append(a.Files, txtar.File{Name: "decided", Data: want})
}

// readTable reads the cells between bars.
func readTable(t *testing.T, data []byte) (rows [][]string) {
	t.Helper()
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 3 {
			t.Fatalf("this is no row of a table: %q", line)
		}
		cells = cells[1 : len(cells)-1]
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(rows) > 0 && len(cells) != len(rows[0]) {
			t.Fatalf("%q has %d cells, its header has %d", line, len(cells), len(rows[0]))
		}
		rows = append(rows, cells)
	}
	return rows
}

// writeTable aligns the cells, and ends lines at their last bar.
func writeTable(rows [][]string) []byte {
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			width := 0
			for _, other := range rows {
				width = max(width, len([]rune(other[i])))
			}
			b.WriteString("| " + cell + strings.Repeat(" ", width-len([]rune(cell))+1))
		}
		b.WriteString("|\n")
	}
	return []byte(b.String())
}

// cell reads a value as admins write it.
func cell(t *testing.T, typ record.Type, text string) record.Value {
	t.Helper()
	switch text {
	case "(never)", "(not read)":
		return record.Value{}
	case "(gone)":
		return record.UnreadableValue()
	case "(blank)":
		return record.NullValue()
	}
	v, err := record.Canonical(typ, text)
	if err != nil || !v.IsSet() {
		t.Fatalf("%q: write (blank) for a blank; %v", text, err)
	}
	return v
}

func cellOf(v record.Value) string {
	switch v.State() {
	case record.Missing:
		return ""
	case record.Unreadable:
		return "(gone)"
	case record.Null:
		return "(blank)"
	case record.Set:
	}
	return v.Text()
}

// decideTable decides a table of fields; its first cell names the route.
func decideTable(t *testing.T, m *fieldmap.Mapping, table [][]string) [][]string {
	t.Helper()
	system, object, _ := strings.Cut(table[0][0], "/")
	route := m.Route(system, object)
	if route == nil || !slices.Equal(table[0][1:], []string{"seen", "told", "theirs", "ours", "and"}) {
		t.Fatalf("there is no route %q, or the columns are not: seen, told, theirs, ours, and", table[0][0])
	}
	out := [][]string{{table[0][0], "decided", "value", "reason", "seen", "told", "and"}}
	for _, row := range table[1:] {
		i := slices.IndexFunc(route.Fields, func(r *fieldmap.Rule) bool { return r.Hub.Name == row[0] })
		if i < 0 {
			t.Fatalf("%s maps no %s", route.Key(), row[0])
		}
		f := fieldOf(t, route, route.Fields[i], row)
		v := plan.Decide(testKey(), f)
		for _, b := range broken(testKey(), f, v) {
			t.Errorf("%s: %s", row[0], b)
		}
		out = append(out, verdictRow(t, f, row, v))
	}
	return out
}

func fieldOf(t *testing.T, route *fieldmap.Route, rule *fieldmap.Rule, row []string) plan.Field {
	t.Helper()
	remote, hub, key := rule.Remote.Type, rule.Hub.Type, testKey()
	f := plan.Field{
		Rule: rule, Direction: route.Direction, OnLink: route.OnLink,
		Seen: key.Value(remote, cell(t, remote, row[1])), Told: key.Value(hub, cell(t, hub, row[2])),
		Theirs: cell(t, remote, row[3]), Ours: cell(t, hub, row[4]),
	}
	var ok, back bool
	f.TheirsHub, ok = rule.ToHub(f.Theirs)
	f.OursRemote, back = rule.ToRemote(f.Ours)
	if !ok && route.Direction == fieldmap.Push {
		f.TheirsHub, ok = f.Theirs, true // somebody typed it there
	}
	if !ok || !back && route.Direction == fieldmap.Push {
		t.Fatalf("%s: a value that the value map does not have", row[0])
	}
	sent := false
	for and := range strings.SplitSeq(row[5], ", ") {
		switch and {
		case "":
		case "assumed":
			sent = true
		case "tolerated":
			f.Tolerated = true
		case "digests lost":
			f.Lost = true
		case "rule changed":
			f.RuleChanged = true
		case "found":
			f.Found = true
		case "to be created":
			f.Creating = true
		default:
			source, ok := strings.CutPrefix(and, "ours is from ")
			if !ok {
				t.Fatalf("%s: what is %q?", row[0], and)
			}
			f.OursOwned = source == rule.Hub.Owner
			f.OursTheirs = source == route.System && !rule.Owned
		}
	}
	f.There = stood(f.Seen, sent)
	return f
}

func verdictRow(t *testing.T, f plan.Field, row []string, v plan.Verdict) []string {
	t.Helper()
	known := map[record.Digest]string{0: "(never)"}
	for i, typ := range []record.Type{f.Rule.Remote.Type, f.Rule.Hub.Type, f.Rule.Remote.Type, f.Rule.Hub.Type} {
		val := cell(t, typ, row[i+1])
		known[testKey().Value(typ, val)] = row[i+1]
	}
	for _, val := range []record.Value{f.TheirsHub, f.OursRemote, record.NullValue()} {
		for _, typ := range []record.Type{f.Rule.Remote.Type, f.Rule.Hub.Type} {
			known[testKey().Value(typ, val)] = cellOf(val)
		}
	}
	known[0] = "(never)"
	var and []string
	if v.Sent {
		and = append(and, "assumed")
	}
	if v.Overwrites {
		and = append(and, "overwrites")
	}
	return []string{row[0], v.Kind.String(), cellOf(v.Value), v.Reason.String(), known[v.Seen], known[v.Told], strings.Join(and, ", ")}
}

// lookUp decides a look-up: the header names the route and the key, the first
// row is ours, the others are what was found.
func lookUp(t *testing.T, m *fieldmap.Mapping, table [][]string) string {
	t.Helper()
	at, remote, _ := strings.Cut(table[0][0], " by ")
	system, object, _ := strings.Cut(at, "/")
	route := m.Route(system, object)
	if route == nil || len(table[0]) != 4 || len(table) < 2 {
		t.Fatalf("there is no route %q, or the columns are not: key, external ID, and", at)
	}
	i := slices.IndexFunc(route.Match, func(k fieldmap.MatchKey) bool { return k.Remote == remote })
	if i < 0 {
		t.Fatalf("%s does not match by %s", at, remote)
	}
	key := route.Match[i]
	var hits []plan.Hit
	for _, row := range table[2:] {
		hits = append(hits, plan.Hit{
			ID: row[0], Key: cell(t, key.Hub.Type, row[1]), External: cell(t, record.ID, row[2]), ExternalKnown: row[3] == "known",
		})
	}
	return matchWords(plan.MatchHits(key, cell(t, key.Hub.Type, table[1][1]), cell(t, record.ID, table[1][2]), hits))
}
