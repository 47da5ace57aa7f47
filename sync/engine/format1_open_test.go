package engine_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// C2.1, C2.2, C2.3: every state of format 1 opens over the simulators that it was
// made against, is sound, and names records that are there. What it holds, and
// what a routine run and a full one write after it, stands beside it.
func TestFormat1Opens(t *testing.T) {
	for _, f := range format1Fixtures() {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openFormat1(t, f)
				if bad, err := s.store.Verify(t.Context(), nil); err != nil || len(bad) > 0 {
					t.Errorf("the state is not sound: %v %v", bad, err)
				}
				s.wantLinked()
				s.golden(".inside.txt", s.inside())
				first := s.all(false)
				text := "# a routine run of all systems" + s.report(first)
				second := s.all(true)
				s.golden(".writes.txt", text+"\n# a full run of all systems after it"+s.report(second))
				if bad, err := s.store.Verify(t.Context(), nil); err != nil || len(bad) > 0 {
					t.Errorf("the state is not sound after the runs: %v %v", bad, err)
				}
				// R77, R80, R92, R95: sources are read only.
				if n := len(s.cl.Writes()) + len(s.qb.Audit()); n > 0 {
					t.Errorf("%d writes to sources", n)
				}
				_ = s.store.Close()
			})
		})
	}
}

// wantLinked fails unless each open link names a record that its system holds.
// What left a system since the last run is listed by the fixture's plan.
func (s *theater) wantLinked() {
	s.t.Helper()
	there := s.ids()
	n := 0
	s.eachLink(func(r string, l *state.Link) {
		if n++; l.State == state.LinkOpen && !there[r+" "+l.Remote] && s.f.name != "plan" {
			s.t.Errorf("%s %s is linked and not there", r, l.Remote)
		}
	})
	if n == 0 {
		s.t.Error("there is no link")
	}
	for _, h := range s.held("") {
		if h.Remote != "" && !there[h.System+"/"+h.Object+" "+h.Remote] {
			s.t.Errorf("%s/%s %s is held and not there", h.System, h.Object, h.Remote)
		}
	}
}

// ids are the records that the simulators hold, each after its system and object.
func (s *theater) ids() map[string]bool {
	out := map[string]bool{}
	for object, records := range s.content() {
		for _, r := range records {
			for _, field := range []string{"id", "Id", "hs_object_id"} {
				if r[field] != "" {
					out[object+" "+strings.Trim(r[field], `"`)] = true
				}
			}
		}
	}
	return out
}

// eachLink calls fn for each link of each route.
func (s *theater) eachLink(fn func(route string, l *state.Link)) {
	s.t.Helper()
	for _, system := range format1Systems() {
		for _, r := range s.mapping.RoutesOf(system) {
			if err := s.store.View(func(tx *state.Tx) error {
				return tx.Links(system, r.Object).Each(0, func(l *state.Link) error { fn(system+"/"+r.Object, l); return nil })
			}); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

func format1Systems() []string { return []string{"qbench", "close", "salesforce", "hubspot"} }

// inside says what the state holds.
func (s *theater) inside() string {
	s.t.Helper()
	var lines []string
	links, notes := map[string]int{}, map[string]int{}
	s.eachLink(func(r string, l *state.Link) {
		links[fmt.Sprintf("links %s state %d close %d origin %d", r, l.State, l.Close, l.Origin)]++
		for _, f := range l.Fields {
			if f.Note != 0 {
				notes[fmt.Sprintf("differs %s %s %s", r, plan.Reason(f.Note), s.store.Name(f.Field))]++
			}
			if f.Seen == 0 && f.Told != 0 {
				notes["told without seen "+r]++
			}
		}
		for _, th := range l.There {
			if th.Known == record.Sent {
				notes["sent "+r]++
			}
		}
	})
	for _, m := range []map[string]int{links, notes} {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			lines = append(lines, fmt.Sprintf("%s: %d", k, m[k]))
		}
	}
	lines = append(lines, s.waiting()...)
	return strings.Join(lines, "\n") + "\n"
}

// waiting lists holds, intents, spools and plans.
func (s *theater) waiting() (lines []string) {
	s.t.Helper()
	for _, h := range s.held("") {
		name := h.Remote
		if h.Hub != 0 {
			name = "hub:" + h.Hub.String()
		}
		dropped := ""
		if h.Dropped {
			dropped = " (dropped)"
		}
		lines = append(lines, fmt.Sprintf("held %s/%s %s %s %s%s", h.System, h.Object, name, h.Field, h.Reason, dropped))
	}
	if err := s.store.View(func(tx *state.Tx) error {
		for _, system := range format1Systems() {
			for _, r := range s.mapping.RoutesOf(system) {
				if err := tx.Intents(system, r.Object, func(_ uint64, _ state.IntentBatch, in []state.Intent) error {
					lines = append(lines, fmt.Sprintf("intents %s/%s: %d", system, r.Object, len(in)))
					return nil
				}); err != nil {
					return err
				}
			}
			for _, r := range s.mapping.RoutesOf(system) {
				for _, kind := range []string{"pull/", "late/", "push/", "keys/"} {
					if n := s.store.Spool(kind + r.Key()).Len(tx); n > 0 {
						lines = append(lines, fmt.Sprintf("spool %s%s: %d", kind, r.Key(), n))
					}
				}
			}
		}
		for _, p := range tx.Plans() {
			lines = append(lines, fmt.Sprintf("plan %s %s/%s: %d rows, %s", p.ID, p.System, p.Object, p.Rows, p.Note))
		}
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
	return lines
}

// report lists what a run said and what the targets accepted from it, and
// empties their audits.
func (s *theater) report(err error) string {
	var lines []string
	if err != nil {
		lines = append(lines, strings.Split(err.Error(), "\n")...)
	}
	for _, a := range s.sf.Audit() {
		lines = append(lines, "salesforce "+a.Op+" "+a.Object+" "+a.ID+s.called(s.sf.Record(a.Object, a.ID), "Name", "Email")+auditFields(a.Fields))
	}
	for _, a := range s.hs.Audit() {
		line := "hubspot " + a.Op + " " + a.Object + " " + a.ID + s.called(s.hs.Record(a.Object, a.ID), "name", "email")
		if a.To != "" {
			line += " to " + a.To + " " + a.ToID
		}
		lines = append(lines, line+auditFields(a.Fields))
	}
	s.sf.ResetAudit()
	s.hs.ResetAudit()
	if len(lines) == 0 {
		return "\nnothing\n"
	}
	return "\n" + strings.Join(lines, "\n") + "\n"
}

// called is what people know a record by.
func (s *theater) called(r map[string]string, names ...string) string {
	for _, n := range slices.Backward(names) {
		if r[n] != "" {
			return " (" + r[n] + ")"
		}
	}
	return ""
}

func auditFields(fields map[string]string) string {
	var out strings.Builder
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		fmt.Fprintf(&out, "\n\t%s = %q", k, fields[k])
	}
	return out.String()
}

// Every reason that format 1 knows is held in the fixture of holds.
func TestFormat1HoldsEveryReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openFormat1(t, format1Fixture("holds"))
		there := map[string]bool{}
		for _, h := range s.held("") {
			there[h.Reason] = true
		}
		for _, reason := range []string{
			ledger.HoldNoEmail, ledger.HoldManyCustomers, ledger.HoldRequired, ledger.HoldParentWaits, ledger.HoldParentUnknown,
			ledger.HoldAmbiguous, ledger.HoldDuplicate, ledger.HoldIdentity, ledger.HoldMerged, ledger.HoldDeleted, ledger.HoldConflict,
			ledger.HoldRejected, ledger.HoldUnknownOutcome, ledger.HoldUnmapped, ledger.HoldBadValue,
		} {
			if !there[reason] {
				t.Errorf("nothing is held as %s", reason)
			}
		}
		_ = s.store.Close()
	})
}
