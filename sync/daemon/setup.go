package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
)

// The flows of a run.
const (
	FlowPull = "pull"
	FlowPush = "push"
)

// Runner is what the daemon needs of the engine to run. It is one thing, so it
// has one method more than is usual here.
type Runner interface { //nolint:interfacebloat // see above
	Pull(ctx context.Context, req engine.Request) (state.Run, error)
	Push(ctx context.Context, req engine.Request) (state.Run, error)
	// Due reports whether a push of the system has anything to do.
	Due(system string) (bool, error)
	// Behind returns the objects of the system that everything must be read of
	// once, in the background, for rules that are new or changed.
	Behind(system string) ([]string, error)
	// Turn works out what changes with the calendar alone, and reports whether it
	// changed anything.
	Turn(ctx context.Context) (bool, error)
}

// Setup is what a reload exchanges: the engine and what it is to do when.
type Setup struct {
	Runner  Runner
	Systems []System
	// Admin answers the commands; it is the same engine as Runner, and nil only
	// in tests.
	Admin *engine.Engine
	// Config is the fingerprint of the configuration, and Zone what "today"
	// means in it.
	Config uint64
	Zone   string
	// AtRestart says what changed since the start and is in force only after a
	// restart, and Lacks what cannot be worked without, such as a secret that is not
	// there, whether or not a run has met it yet. Both are asked whenever somebody
	// looks; either may be nil.
	AtRestart, Lacks func() []string
}

// told is what one of these says.
func told(say func() []string) []string {
	if say == nil {
		return nil
	}
	return say()
}

// System is one system and when it runs.
type System struct {
	Name       string
	Pull, Push bool // its flows
	Slots      []Slot
	// PushAfter names the systems that are pushed as soon as a pull of this one
	// is done, if there is anything to push (R16).
	PushAfter []string
	// PullAfter names the systems of record of what this one is pulled for too.
	// Their first pull goes first, so that nothing is taken for new that they hold.
	PullAfter []string
}

// flows are those that the system has.
func (s System) flows() (flows []string) {
	if s.Pull {
		flows = append(flows, FlowPull)
	}
	if s.Push {
		flows = append(flows, FlowPush)
	}
	return flows
}

// Slot is one schedule of a system. Its key is kept in the state with the time
// it was last served.
type Slot struct {
	Key      string
	Flow     string
	Full     bool
	Objects  []string // none means all
	Schedule Schedule
}

// Lines is what an admin wrote about when a system or one object of it runs.
type Lines struct {
	Routine, Full string
	// Push is "after_pull" or empty, the default, or "scheduled", which leaves
	// pushes to the schedule alone.
	Push string
}

// Systems puts the mapping and the admin's schedules together. Lines are by
// system or by system/object. A system that is pulled from is pulled at its
// routine slots, and pushed after that where it is also written to.
func Systems(m *fieldmap.Mapping, lines map[string]Lines, zone *time.Location) ([]System, error) {
	var out []System
	for _, name := range systemNames(m) {
		s := System{Name: name}
		for _, r := range m.RoutesOf(name) {
			s.Pull = s.Pull || r.Direction == fieldmap.Pull
			s.Push = s.Push || r.Direction == fieldmap.Push
		}
		if err := s.addSlots(m, lines, zone); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	for i := range out {
		out[i].PushAfter = pushedAfter(m, out[i], lines)
		out[i].PullAfter = pulledAfter(m, out[i].Name)
	}
	return out, nil
}

func systemNames(m *fieldmap.Mapping) []string {
	var names []string
	for _, r := range m.Routes {
		if !slices.Contains(names, r.System) {
			names = append(names, r.System)
		}
	}
	return names
}

// addSlots gives the system its slots. Objects with lines of their own leave
// the system's routine and full runs and get slots of their own.
func (s *System) addSlots(m *fieldmap.Mapping, lines map[string]Lines, zone *time.Location) error {
	var rest []string
	apart := false
	for _, r := range m.RoutesOf(s.Name) {
		own, ok := lines[r.Key()]
		if !ok {
			rest = append(rest, r.Object)
			continue
		}
		apart = true
		if err := s.addLines(r.Key(), own, []string{r.Object}, r.Direction == fieldmap.Pull, r.Direction == fieldmap.Push, zone); err != nil {
			return err
		}
	}
	if !apart {
		rest = nil
	} else if len(rest) == 0 {
		return nil
	}
	return s.addLines(s.Name, lines[s.Name], rest, s.Pull, s.Push, zone)
}

func (s *System) addLines(key string, l Lines, objects []string, pull, push bool, zone *time.Location) error {
	for _, kind := range []struct {
		flow string
		has  bool
	}{{FlowPull, pull}, {FlowPush, push}} {
		if !kind.has {
			continue
		}
		for _, line := range []struct {
			text string
			full bool
		}{{l.Routine, false}, {l.Full, true}} {
			if strings.TrimSpace(line.text) == "" {
				continue
			}
			sched, err := ParseSchedule(line.text, zone)
			if err != nil {
				return fmt.Errorf("schedules: %s: %w", key, err)
			}
			s.Slots = append(s.Slots, Slot{
				Key: "slot:" + key + ":" + slotKind(kind.flow, line.full), Flow: kind.flow, Full: line.full,
				Objects: objects, Schedule: sched,
			})
		}
	}
	return nil
}

func slotKind(flow string, full bool) string {
	if full {
		return flow + ":full"
	}
	return flow
}

// pulledAfter returns the systems of record whose first pull goes before that of
// a system: those that stand before it in the order of pulls, so that no two
// wait for each other.
func pulledAfter(m *fieldmap.Mapping, system string) []string {
	var out []string
	order := m.PullOrder()
	for _, r := range m.RoutesOf(system) {
		first := r.Hub.SystemOfRecord
		if r.Direction != fieldmap.Pull || slices.Contains(out, first) || slices.Index(order, first) >= slices.Index(order, system) {
			continue
		}
		if slices.ContainsFunc(m.RoutesOf(first), func(o *fieldmap.Route) bool { return o.Direction == fieldmap.Pull && o.Hub == r.Hub }) {
			out = append(out, first)
		}
	}
	return out
}

// pushedAfter returns the systems that are pushed after a pull of s, where there is
// anything to push: all that are written to. A pull of any system can change any
// object, by a field that it owns or one that is worked out from its records.
func pushedAfter(m *fieldmap.Mapping, s System, lines map[string]Lines) []string {
	var out []string
	if !s.Pull {
		return nil
	}
	for _, r := range m.Routes {
		if r.Direction != fieldmap.Push || lines[r.System].Push == "scheduled" {
			continue
		}
		if !slices.Contains(out, r.System) {
			out = append(out, r.System)
		}
	}
	return out
}
