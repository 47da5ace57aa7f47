package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

// RunView is a run as people see it.
type RunView struct {
	ID      uint64          `json:"id"`
	System  string          `json:"system"`
	Flow    string          `json:"flow"`
	Trigger string          `json:"trigger,omitempty"`
	Full    bool            `json:"full,omitempty"`
	Started time.Time       `json:"started,omitzero"`
	Ended   time.Time       `json:"ended,omitzero"`
	Seconds float64         `json:"seconds"`
	Status  string          `json:"status"`
	Error   string          `json:"error,omitempty"`
	Plan    string          `json:"plan,omitempty"`
	Counts  map[string]int  `json:"counts,omitempty"`
	Calls   map[string]int  `json:"calls,omitempty"`
	Objects []RunObjectView `json:"objects,omitempty"`
	Audit   []RunFinding    `json:"unexplained,omitempty"` // the first of what a full run left so
}

// RunFinding names a field, or a record where Field is empty, that a full run
// found to differ and that nobody can explain.
type RunFinding struct {
	Object    string `json:"object"`
	HubObject string `json:"hub_object"`
	Hub       string `json:"hub_id,omitempty"`
	Remote    string `json:"remote_id,omitempty"`
	Field     string `json:"field,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

// RunObjectView is the share of one object in a run.
type RunObjectView struct {
	Object string         `json:"object"`
	Status string         `json:"status"`
	Note   string         `json:"note,omitempty"`
	Counts map[string]int `json:"counts,omitempty"`
}

// StatusNeverEnded is the status of a run whose process died in it, or could not
// record its end.
const StatusNeverEnded = "never_ended"

// viewRun shows a run, and tells one that is under way from one that will never
// end. It is called outside of transactions.
func (a *API) viewRun(r state.Run) RunView {
	v := ViewRun(r)
	if a.neverEnded(r) {
		v.Status = StatusNeverEnded
	}
	return v
}

func (a *API) neverEnded(r state.Run) bool {
	if r.ID == 0 || !r.Ended.IsZero() || a.Daemon != nil && a.Daemon.runs(r) {
		return false
	}
	open := false // it may have ended since it was read
	err := a.Store.View(func(tx *state.Tx) error {
		now, ok := tx.Run(r.ID)
		open = ok && now.Ended.IsZero()
		return nil
	})
	return open && err == nil
}

// latest are the latest runs, newest first, but for those that are under way.
func (a *API) latest(n int) (out []state.Run, err error) {
	var runs []state.Run
	if err := a.Store.View(func(tx *state.Tx) (err error) { runs, err = tx.Runs(n); return err }); err != nil {
		return nil, err
	}
	for _, r := range runs {
		switch {
		case !r.Ended.IsZero():
			out = append(out, r)
		case a.neverEnded(r):
			r.Status = StatusNeverEnded
			out = append(out, r)
		}
	}
	return out, nil
}

// runs reports whether a run is under way.
func (d *Daemon) runs(r state.Run) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lanes[r.System]
	if l == nil {
		return false
	}
	is := func(j *job) bool { return j != nil && j.flow == r.Flow && !r.Started.Before(j.started) }
	return is(l.running) || is(l.first)
}

// ViewRun shows a run.
func ViewRun(r state.Run) RunView {
	v := RunView{
		ID: r.ID, System: r.System, Flow: r.Flow, Trigger: r.Trigger, Full: r.Full, Started: r.Started.UTC(),
		Status: r.Status, Error: r.Error, Plan: r.Plan, Counts: r.Counts, Calls: r.Calls,
	}
	if !r.Ended.IsZero() {
		v.Ended = r.Ended.UTC()
		v.Seconds = r.Ended.Sub(r.Started).Round(time.Millisecond).Seconds()
	}
	for _, f := range r.Audit {
		v.Audit = append(v.Audit, RunFinding(f))
	}
	for _, o := range r.Objects {
		v.Objects = append(v.Objects, RunObjectView{Object: o.Object, Status: o.Status, Note: o.Note, Counts: o.Counts})
	}
	return v
}

// PlanWaiting is a plan that waits for a person.
type PlanWaiting struct {
	ID       string    `json:"id"`
	System   string    `json:"system"`
	Object   string    `json:"object"`
	Run      uint64    `json:"run"`
	At       time.Time `json:"at"`
	Accepted bool      `json:"accepted"`
	Rows     int       `json:"rows"`
	Note     string    `json:"note,omitempty"`
}

func viewPlanned(p state.Plan) PlanWaiting {
	return PlanWaiting{
		ID: p.ID, System: p.System, Object: p.Object, Run: p.Run, At: p.At, Accepted: p.Accepted, Rows: p.Rows, Note: p.Note,
	}
}

// RunsArgs asks for the latest runs, or for one.
type RunsArgs struct {
	Limit  int    `json:"limit,omitempty"`
	System string `json:"system,omitempty"`
	Run    uint64 `json:"run,omitempty"`
}

const defaultRuns = 20

func opRuns(_ context.Context, a *API, args json.RawMessage, s *sender) (any, error) {
	in := RunsArgs{Limit: defaultRuns}
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	if err := a.knows(in.System); err != nil {
		return nil, err
	}
	n := 0
	var runs []state.Run
	err := a.Store.View(func(tx *state.Tx) (err error) {
		runs, err = tx.Runs(runsAsked(in))
		return err
	})
	for _, r := range runs {
		if err != nil || n >= in.Limit {
			break
		}
		if in.System == "" || in.System == r.System {
			n++
			err = s.item(a.viewRun(r))
		}
	}
	return Count{n}, err
}

// runsAsked is how many runs to read: more than wanted where some are left out.
func runsAsked(in RunsArgs) int {
	if in.System != "" {
		return in.Limit * 20
	}
	return in.Limit
}

func opRun(_ context.Context, a *API, args json.RawMessage, _ *sender) (any, error) {
	var in RunsArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	var run state.Run
	found := false
	err := a.Store.View(func(tx *state.Tx) error {
		run, found = tx.Run(in.Run)
		return nil
	})
	if err == nil && !found {
		err = usage("there is no run %d: crmsyncd runs lists the latest", in.Run)
	}
	return a.viewRun(run), err
}

// opChanged counts what a run changed, group by group.
func opChanged(ctx context.Context, a *API, args json.RawMessage, s *sender) (any, error) {
	var in engine.ChangesFilter
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	groups, err := a.engine().ChangeGroups(ctx, in)
	n := 0
	for _, g := range groups {
		n += g.Changes
		if err == nil {
			err = s.item(g)
		}
	}
	return Count{n}, err
}

// opChanges tells what a run changed, group by group.
func opChanges(ctx context.Context, a *API, args json.RawMessage, s *sender) (any, error) {
	var in engine.ChangesFilter
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	n := 0
	err := a.engine().Changes(ctx, in, func(v engine.ChangeView) error {
		n++
		return s.item(v)
	})
	return Count{n}, err
}

// How things are, in one word.
const (
	HealthGreen  = "green"
	HealthYellow = "yellow" // all runs, but a part of it rests
	HealthRed    = "red"
)

// Status is how things are.
type Status struct {
	Version  string         `json:"version"`
	Daemon   bool           `json:"daemon"` // false when no daemon is running
	PID      int            `json:"pid,omitempty"`
	Started  time.Time      `json:"started,omitzero"`
	Stopping bool           `json:"stopping,omitempty"`
	Health   string         `json:"health"` // green, yellow or red
	Problems []string       `json:"problems,omitempty"`
	Warnings []string       `json:"warnings,omitempty"` // what makes it yellow: part of it rests
	Reloaded time.Time      `json:"reloaded,omitzero"`
	Zone     string         `json:"timezone,omitempty"`
	Config   string         `json:"config,omitempty"`
	State    StateStatus    `json:"state"`
	Hub      map[string]int `json:"hub"`
	Systems  []SystemStatus `json:"systems"`
	Plans    []PlanWaiting  `json:"plans,omitempty"`
}

// StateStatus is how the state file is.
type StateStatus struct {
	Path    string `json:"path"`
	Bytes   int64  `json:"bytes"`
	Used    int64  `json:"used_bytes"`
	Counter uint64 `json:"change_number"`
	Suspect string `json:"suspect,omitempty"`
	// Full says how little room the disk has left; empty where it has enough.
	Full string `json:"disk_full,omitempty"`
}

// diskRoom is what a disk must have left for a run to be recorded for sure.
const diskRoom = 8 << 20

// diskFull says how little room there is for the state, or nothing.
func diskFull(free uint64, err error) string {
	if err != nil || free >= diskRoom {
		return ""
	}
	return fmt.Sprintf("the disk of the state has only %d KiB left: a run may fail to be recorded", free>>10)
}

// SystemStatus is how one system is.
type SystemStatus struct {
	Name      string             `json:"name"`
	Pull      bool               `json:"pull"`
	Push      bool               `json:"push"`
	WritesOff bool               `json:"writes_off,omitempty"`
	Running   *RunningView       `json:"running,omitempty"`
	Waiting   *RunningView       `json:"gives_way,omitempty"` // the full run that stands aside for it
	Last      []RunView          `json:"last,omitempty"`      // of each flow
	Next      []NextView         `json:"next,omitempty"`
	Alone     time.Time          `json:"left_alone_until,omitzero"` // as the system asked
	Held      int                `json:"held"`
	Links     map[string]int     `json:"links,omitempty"` // open ones, by object
	Excluded  map[string]int     `json:"out_of_scope,omitempty"`
	PushDue   bool               `json:"push_due,omitempty"`
	Standing  StandingView       `json:"standing"`
	Listing   map[string]float64 `json:"listing_seconds,omitempty"` // what the last complete listing took
	Behind    []BehindView       `json:"behind,omitempty"`
	// Unexplained is how many differences the last full runs left that nobody can
	// explain, by object.
	Unexplained map[string]int `json:"audit_unexplained,omitempty"`
}

// StandingView says where the mapped fields of a system stand: what is in none of
// these agrees.
type StandingView struct {
	Due       int            `json:"due"`                   // records
	AtMost    bool           `json:"due_at_most,omitempty"` // not all of them were looked at
	Oldest    time.Time      `json:"oldest_due,omitzero"`
	Age       float64        `json:"oldest_due_seconds,omitempty"`
	Why       map[string]int `json:"due_why,omitempty"`
	Held      int            `json:"held"`
	Dropped   int            `json:"dropped,omitempty"`   // what a person lets differ
	Tolerated int            `json:"tolerated"`           // fields
	Suspended []string       `json:"suspended,omitempty"` // remote fields
	Unread    int            `json:"unread,omitempty"`    // records that the next run reads by id
}

func viewStanding(s engine.Standing, now time.Time) StandingView {
	v := StandingView{
		Due: s.Due, AtMost: s.AtMost, Why: s.Why, Held: s.Held, Dropped: s.Dropped, Tolerated: s.Tolerated, Suspended: s.Suspended, Unread: s.Unread,
	}
	if !s.Oldest.IsZero() {
		v.Oldest = s.Oldest.UTC()
		v.Age = max(0, now.Sub(s.Oldest).Seconds())
	}
	return v
}

// BehindView is an object that is read in full in the background, because of
// fields that are new or changed.
type BehindView struct {
	Object string    `json:"object"`
	Fields []string  `json:"fields"`          // hub fields; "filter" stands for the filter
	Began  time.Time `json:"began,omitzero"`  // zero before the pass
	Read   int       `json:"read,omitempty"`  // records so far
	Total  int       `json:"total,omitempty"` // of so many, where the system tells
}

// RunningView is a run under way.
type RunningView struct {
	Flow    string    `json:"flow"`
	Full    bool      `json:"full,omitempty"`
	Fills   bool      `json:"back_fill,omitempty"`
	Trigger string    `json:"trigger"`
	Since   time.Time `json:"since"`
}

// NextView is a run to come.
type NextView struct {
	Flow     string    `json:"flow"`
	Full     bool      `json:"full,omitempty"`
	Objects  []string  `json:"objects,omitempty"`
	Schedule string    `json:"schedule,omitempty"`
	At       time.Time `json:"at,omitzero"`
	Trigger  string    `json:"trigger,omitempty"`
}

func opStatus(_ context.Context, a *API, _ json.RawMessage, _ *sender) (any, error) {
	st := Status{
		Version: a.Version, Hub: map[string]int{}, Health: HealthGreen,
		State: StateStatus{Path: a.Store.Path(), Suspect: a.Store.Suspect()},
	}
	setup := a.Setup()
	st.Zone, st.Config = setup.Zone, fmt.Sprintf("%016x", setup.Config)
	st.State.Bytes, st.State.Used = a.Store.Size()
	st.State.Full = diskFull(a.Store.Free())
	e := setup.Admin
	runs, err := a.latest(200)
	if err != nil {
		return nil, err
	}
	err = a.Store.View(func(tx *state.Tx) error {
		st.State.Counter = tx.Counter()
		for name := range e.Mapping().Hub {
			st.Hub[name] = ledger.Records(tx, name)
		}
		for _, p := range tx.Plans() {
			st.Plans = append(st.Plans, viewPlanned(p))
		}
		for _, sys := range setup.Systems {
			s, err := systemStatus(tx, e, sys, runs)
			if err != nil {
				return err
			}
			st.Systems = append(st.Systems, s)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range st.Systems {
		if st.Systems[i].Pull {
			st.Systems[i].Behind, _ = behind(e, st.Systems[i].Name) // shown where it can be told
		}
		standing, err := e.Standing(st.Systems[i].Name)
		if err != nil {
			return nil, err
		}
		st.Systems[i].Standing = viewStanding(standing, e.Now())
		if st.Systems[i].Push {
			st.Systems[i].PushDue, _ = e.Due(st.Systems[i].Name) // a system that cannot be told is not due
		}
	}
	a.live(&st)
	for _, what := range told(setup.AtRestart) {
		st.Warnings = append(st.Warnings, what+" since the start, and that is in force after a restart only")
	}
	st.Warnings = append(st.Warnings, a.Warnings...)
	st.Problems = append(st.Problems, told(setup.Lacks)...)
	if err := a.Store.Displaced(); err != nil && a.Daemon != nil {
		st.Problems = append(st.Problems, err.Error()+": what is done now is lost at the next stop; save it first (crmsyncd state backup FILE), then stop the daemon and put that back (crmsyncd state restore FILE)")
	}
	for _, d := range a.Store.SetAside() {
		st.Warnings = append(st.Warnings, "damaged history of the state is set aside: "+strings.TrimSpace(d.Bucket+" "+d.Key))
	}
	st.judge()
	return st, nil
}

func behind(e *engine.Engine, system string) ([]BehindView, error) {
	passes, err := e.BehindPasses(system)
	var out []BehindView
	for _, p := range passes {
		out = append(out, BehindView{Object: p.Object, Fields: p.Fields, Began: p.Began, Read: p.Read, Total: p.Total})
	}
	return out, err
}

func systemStatus(tx *state.Tx, e *engine.Engine, sys System, runs []state.Run) (SystemStatus, error) {
	s := SystemStatus{
		Name: sys.Name, Pull: sys.Pull, Push: sys.Push, Held: tx.CountHolds(sys.Name),
		WritesOff: e.WritesOff(sys.Name), Links: map[string]int{}, Excluded: map[string]int{}, Listing: map[string]float64{}, Unexplained: map[string]int{},
	}
	for _, r := range e.Mapping().RoutesOf(sys.Name) {
		s.Links[r.Object] = tx.Links(r.System, r.Object).Open()
		if n := tx.CountExcluded(r.System, r.Object); n > 0 {
			s.Excluded[r.Object] = n
		}
		if r.Direction != fieldmap.Pull {
			continue
		}
		pos, ok, err := tx.Position(r.System, r.Object, state.FlowPull)
		if err != nil {
			return s, err
		}
		if ok && pos.Took > 0 {
			s.Listing[r.Object] = pos.Took.Seconds()
		}
	}
	for object, mark := range engine.AuditMarks(tx, sys.Name) {
		if mark.Unexplained > 0 {
			s.Unexplained[object] = mark.Unexplained
		}
	}
	for _, flow := range []string{FlowPull, FlowPush} {
		i := slices.IndexFunc(runs, func(r state.Run) bool { return r.System == sys.Name && r.Flow == flow })
		if i >= 0 {
			v := ViewRun(runs[i])
			v.Objects = nil
			s.Last = append(s.Last, v)
		}
	}
	return s, nil
}

// live adds what only a running daemon knows.
func (a *API) live(st *Status) {
	d := a.Daemon
	if d == nil {
		a.nextWithoutDaemon(st)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	st.Daemon, st.PID, st.Started = true, os.Getpid(), d.started.UTC()
	st.Stopping, st.Reloaded = d.stopping, d.reloadedAt
	if d.reloadErr != "" {
		st.Problems = append(st.Problems, "the last reload was refused: "+d.reloadErr)
	}
	if text := d.clock.text(); text != "" {
		st.Warnings = append(st.Warnings, text)
	}
	for i := range st.Systems {
		s := &st.Systems[i]
		l := d.lanes[s.Name]
		if l == nil {
			continue
		}
		s.Running = viewRunning(l.running)
		if l.first != nil {
			s.Running, s.Waiting = viewRunning(l.first), s.Running
		}
		alone := time.Time{}
		if l.alone.After(d.clock.now()) {
			alone = l.alone
			s.Alone = alone.UTC()
			st.Warnings = append(st.Warnings, s.Name+" asks to be left alone until "+s.Alone.Format(time.RFC3339)+": its next run begins after that")
		}
		for _, key := range sortedKeys(l.want) {
			j := l.want[key]
			s.Next = append(s.Next, NextView{Flow: j.flow, Full: j.full, Objects: j.objects, Trigger: j.trigger, At: later(j.notBefore, alone)})
		}
		for _, slot := range l.slots {
			s.Next = append(s.Next, NextView{
				Flow: slot.Flow, Full: slot.Full, Objects: slot.Objects, Schedule: slot.Schedule.String(), At: later(slot.next, alone),
			})
		}
		for flow, out := range l.last {
			if out.err != "" && out.run.ID == 0 {
				st.Problems = append(st.Problems, s.Name+" "+flow+": "+out.err)
			}
		}
	}
}

// later returns the later of two times in UTC, zero where both are.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		a = b
	}
	if a.IsZero() {
		return a
	}
	return a.UTC()
}

func viewRunning(j *job) *RunningView {
	if j == nil {
		return nil
	}
	return &RunningView{Flow: j.flow, Full: j.full, Fills: j.backfill, Trigger: j.trigger, Since: j.started.UTC()}
}

// nextWithoutDaemon tells when runs would be due if a daemon were running.
func (a *API) nextWithoutDaemon(st *Status) {
	slots := StateSlots{a.Store}
	for _, sys := range a.Setup().Systems {
		i := slices.IndexFunc(st.Systems, func(s SystemStatus) bool { return s.Name == sys.Name })
		for _, slot := range sys.Slots {
			last, err := slots.LastSlot(slot.Key)
			if i < 0 || err != nil || last.IsZero() {
				continue
			}
			st.Systems[i].Next = append(st.Systems[i].Next, NextView{
				Flow: slot.Flow, Full: slot.Full, Objects: slot.Objects, Schedule: slot.Schedule.String(),
				At: slot.Schedule.Next(last).UTC(),
			})
		}
	}
}

// Warn adds what makes a green status yellow.
func (st *Status) Warn(text string) {
	if st.Warnings = append(st.Warnings, text); st.Health == HealthGreen {
		st.Health = HealthYellow
	}
}

// judge says green, yellow or red.
func (st *Status) judge() {
	if st.State.Full != "" {
		st.Problems = append(st.Problems, st.State.Full)
	}
	if st.State.Suspect != "" {
		st.Problems = append(st.Problems, "the state is in doubt, so nothing is created: "+st.State.Suspect+" (crmsyncd state trust tells what to do)")
	}
	for _, s := range st.Systems {
		if n := len(s.Standing.Suspended); n > 0 {
			st.Warnings = append(st.Warnings, fmt.Sprintf("%s: %s gone, hidden or not writable there, so nothing is taken from it or written to it: crmsyncd check --live says how to mend it",
				s.Name, strings.Join(s.Standing.Suspended, ", ")))
		}
		for _, object := range slices.Sorted(maps.Keys(s.Unexplained)) {
			st.Problems = append(st.Problems, fmt.Sprintf("%s/%s: the last full run left %d differences that nobody can explain: crmsyncd audit %s/%s",
				s.Name, object, s.Unexplained[object], s.Name, object))
		}
		for _, r := range s.Last {
			if text := wentWrong(s.Name, r); text != "" {
				st.Problems = append(st.Problems, text)
			}
		}
	}
	for _, p := range st.Plans {
		if !p.Accepted {
			st.Problems = append(st.Problems, "plan "+p.ID+" waits: crmsyncd accept "+p.ID)
		}
	}
	switch {
	case len(st.Problems) > 0:
		st.Health = HealthRed
	case len(st.Warnings) > 0 || !st.Daemon: // without a daemon nothing goes on by itself
		st.Health = HealthYellow
	}
}

// wentWrong says what was wrong with the last run of a flow, or nothing.
func wentWrong(system string, r RunView) string {
	switch r.Status {
	case engine.StatusDone, engine.StatusHeld, engine.StatusInterrupted, "writes_off", "":
		return ""
	case StatusNeverEnded:
		return fmt.Sprintf("%s %s: run %d of %s never ended: its process died, or could not record the end; the next run goes on from there",
			system, r.Flow, r.ID, r.Started.Format(time.RFC3339))
	}
	text := system + " " + r.Flow + ": " + r.Status
	if first, _, _ := strings.Cut(r.Error, "\n"); first != "" {
		text += ": " + first
	}
	return text
}

// UsualCounts are the counts that most runs have, in the order in which they are
// told.
func UsualCounts() []string {
	return []string{"read", "new", "changed", "unchanged", "settled", "created", "updated", "linked", "held"}
}

// CountNames returns the names of all counts in a fixed order: the usual ones
// first, others behind them.
func CountNames(counts ...map[string]int) []string {
	usual := UsualCounts()
	have := map[string]bool{}
	for _, c := range counts {
		for name := range c {
			have[name] = true
		}
	}
	var out []string
	for _, name := range usual {
		if have[name] {
			out = append(out, name)
			delete(have, name)
		}
	}
	return append(out, slices.Sorted(maps.Keys(have))...)
}
