package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

// changes shows what a run changed, as it comes.
func (a *app) changes(ctx context.Context, s *session, r daemon.RunView, filter engine.ChangesFilter) error {
	if a.format == formatCSV {
		return a.changesCSV(ctx, s, filter)
	}
	groups, err := collect[engine.ChangeGroup](ctx, s, "changed", filter, nil)
	if err != nil {
		return err
	}
	if a.json() {
		return a.changesJSON(ctx, s, r, groups, filter)
	}
	return a.changesTable(ctx, s, r, groups, filter)
}

// eachChange calls fn for each change of a run.
func eachChange(ctx context.Context, s *session, filter engine.ChangesFilter, fn func(engine.ChangeView) error) error {
	_, err := daemon.Ask[daemon.Count](ctx, s.Client, "changes", filter, daemon.Sink{Item: items(fn)})
	return err
}

// wholeRecord is what a group is called whose changes are of no single field.
const wholeRecord = "(record)"

func fieldText(field string) string {
	if field == "" {
		return wholeRecord
	}
	return field
}

// changedMuch reports whether a run says of itself that it changed something.
func changedMuch(r daemon.RunView) bool {
	return r.Counts["created"]+r.Counts["updated"]+r.Counts["new"]+r.Counts["changed"]+r.Counts["linked"] > 0
}

func (a *app) changesTable(ctx context.Context, s *session, r daemon.RunView, groups []engine.ChangeGroup, filter engine.ChangesFilter) error {
	total := 0
	g := newGrid("object", "field", "changes", "reasons").numbers(2)
	for _, one := range groups {
		total += one.Changes
		g.add(one.Object, cut(fieldText(one.Field), 28), strconv.Itoa(one.Changes), cut(reasonsText(one.Reasons), 28))
	}
	a.say("run %d: %s %s, began %s: %s", r.ID, r.Flow, r.System, when(r.Started), plural(total, "change"))
	if total == 0 {
		if filter.Object == "" && filter.Field == "" && changedMuch(r) {
			a.say("What it changed is no longer kept: it is older, or more, than journal: of crmsyncd.yaml allows.")
		}
		return nil
	}
	a.gap()
	a.table(g)
	var group engine.ChangeGroup
	var marks changeMarks
	first := true
	err := eachChange(ctx, s, filter, func(v engine.ChangeView) error {
		if first || v.Object != group.Object || v.Field != group.Field {
			first, group = false, engine.ChangeGroup{Object: v.Object, Field: v.Field}
			a.gap()
			fmt.Fprintln(a.out, a.paint(text.Bold, clean(v.Object+" "+fieldText(v.Field))))
			a.changeHead(v.Field == "")
		}
		_, err := fmt.Fprintln(a.out, changeLine(v, &marks))
		return err // a broken pipe says enough
	})
	if err == nil {
		a.sayMarks(marks)
	}
	return err
}

// reasonsText lists reasons, the most frequent first.
func reasonsText(reasons map[string]int) string {
	names := slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		if reasons[a] != reasons[b] {
			return reasons[b] - reasons[a]
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, reasons[name])
	}
	return strings.Join(names, ", ")
}

// The widths of the columns, which are fixed so that changes can be printed as
// they come: a line of 80 with the spaces between. The last column may be longer.
const (
	recordWidth = 20
	keyWidth    = 9
	valueWidth  = 14
	remoteWidth = 2*valueWidth + 2
)

func changeCells(record, key, old, fresh, reason string) string {
	return fixed(record, recordWidth) + fixed(key, keyWidth) + fixed(old, valueWidth) + fixed(fresh, valueWidth) + clean(reason)
}

func recordCells(record, key, remote, reason string) string {
	return fixed(record, recordWidth) + fixed(key, keyWidth) + fixed(remote, remoteWidth) + clean(reason)
}

// fixed is a cell of a fixed width with the space behind it.
func fixed(s string, width int) string {
	return text.Pad(text.Snip(clean(s), width, "…"), width+2, ' ')
}

func (a *app) changeHead(whole bool) {
	head := changeCells("RECORD", "KEY", "OLD", "NEW", "REASON")
	if whole {
		head = recordCells("RECORD", "KEY", "ID IN THE SYSTEM", "REASON")
	}
	fmt.Fprintln(a.out, a.paint(text.Bold, head))
}

// changeMarks are the marks that lines had and that are to be explained.
type changeMarks struct{ ownLast, lost bool }

func changeLine(v engine.ChangeView, marks *changeMarks) string {
	key := ""
	if v.Hub != "" {
		key = "hub:" + v.Hub
	}
	if v.Field == "" {
		return recordCells(v.Label, key, v.Remote, v.Reason)
	}
	old := changedText(v.Old, v.OldRefers)
	switch {
	case v.OldLost:
		old = "?"
		marks.lost = true
	case v.OldKnown == "own_last":
		old = "*" + old
		marks.ownLast = true
	}
	return changeCells(v.Label, key, old, changedText(v.New, v.NewRefers), v.Reason)
}

// changedText is a value, or the record that it names.
func changedText(value *string, refers string) string {
	switch {
	case value == nil:
		return "(blank)"
	case refers != "":
		return refers
	}
	return *value
}

func (a *app) sayMarks(m changeMarks) {
	if m.ownLast || m.lost {
		a.gap()
	}
	if m.ownLast {
		a.say("* what we wrote there last: nobody read it before this change")
	}
	if m.lost {
		a.say("? not known: nobody read it before this change")
	}
}

// changesJSON prints one document, one change at a time.
func (a *app) changesJSON(ctx context.Context, s *session, r daemon.RunView, groups []engine.ChangeGroup, filter engine.ChangesFilter) error {
	if groups == nil {
		groups = []engine.ChangeGroup{}
	}
	head, err := jsonText(struct {
		Run    daemon.RunView       `json:"run"`
		Groups []engine.ChangeGroup `json:"groups"`
	}{r, groups}, "")
	if err != nil {
		return err
	}
	// The document goes on before its last brace.
	if _, err := fmt.Fprintf(a.out, "%s,\n  \"changes\": [", strings.TrimSuffix(head, "\n}")); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	before, after := "\n    ", ""
	err = eachChange(ctx, s, filter, func(v engine.ChangeView) error {
		one, err := jsonText(v, "    ")
		if err == nil {
			_, err = fmt.Fprint(a.out, before, one)
		}
		before, after = ",\n    ", "\n  "
		return err // a broken pipe says enough
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(a.out, after, "]\n}\n")
	return err // a broken pipe says enough
}

// changesCSV prints a line for each change.
func (a *app) changesCSV(ctx context.Context, s *session, filter engine.ChangesFilter) error {
	w := csv.NewWriter(a.out)
	head := []string{
		"run", "at", "object", "hub_id", "label", "system", "remote_id", "flow", "field", "remote_field",
		"old", "old_known", "new", "reason", "evidence",
	}
	if err := w.Write(head); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	err := eachChange(ctx, s, filter, func(v engine.ChangeView) error {
		known := v.OldKnown
		if v.OldLost && known != "" {
			known = "unknown"
		}
		row := []string{
			strconv.FormatUint(v.Run, 10), v.At.Format(time.RFC3339), v.Object, v.Hub, v.Label, v.System, v.Remote, v.Flow,
			v.Field, v.RemoteField, orEmpty(v.Old), known, orEmpty(v.New), v.Reason, v.Evidence,
		}
		return w.Write(cells(row))
	})
	w.Flush()
	if err == nil {
		err = w.Error()
	}
	return err // a broken pipe says enough
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
