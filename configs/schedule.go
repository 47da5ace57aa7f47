package configs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"crmsyncd/fieldmap"
)

// The defaults of B8: what is pushed to goes hourly, what is read from every
// quarter of an hour (QBench hourly, for each of its runs is a complete
// listing), and everything in full at the weekend.
const (
	pushRoutine = "@hourly"
	fullWeekend = "0 3 * * SAT"
	never       = "off"
)

// When a system is pushed to besides its schedule (R16).
const (
	PushAfterPull = "after_pull" // also when a pull of the system of record is done
	PushScheduled = "scheduled"  // at no other time
)

func (b *builder) schedules(m *mainFile) {
	b.cfg.Schedules = map[string]Schedule{}
	for name, s := range b.cfg.Systems {
		d := Schedule{Routine: b.defaultRoutine(name, s), Full: fullWeekend}
		sched := b.schedule("schedules."+name, m.Schedules[name], d)
		sched.Push = cmp.Or(m.Schedules[name].Push, PushAfterPull)
		b.choice("schedules."+name+".push", sched.Push, []string{PushAfterPull, PushScheduled})
		b.cfg.Schedules[name] = sched
	}
	for _, key := range slices.Sorted(maps.Keys(m.Schedules)) {
		system, object, perObject := strings.Cut(key, "/")
		path := "schedules." + key
		if _, ok := b.cfg.Systems[system]; !ok {
			b.add(path, "there is no such system", suggest(system, slices.Sorted(maps.Keys(b.cfg.Systems))))
			continue
		}
		if b.routeless(system) {
			b.add(path, "has a schedule, and no route says what to do", fmt.Sprintf("add the route file of %s (its name has to fit routes:), or remove this line", system))
			continue
		}
		if !perObject {
			continue
		}
		if objects := b.objectsOf(system); !b.partial && !slices.Contains(objects, object) {
			b.add(path, "no route has this object", suggest(object, objects))
			continue
		}
		if m.Schedules[key].Push != "" {
			b.add(path+".push", "is said per system, not per object", "move it to schedules."+system)
		}
		b.cfg.Schedules[key] = b.schedule(path, m.Schedules[key], b.cfg.Schedules[system])
	}
}

// idle warns of systems that neither a schedule nor a route names: they may be
// prepared for later, or a route file may have been lost.
func (b *builder) idle(m *mainFile) {
	for _, name := range slices.Sorted(maps.Keys(b.cfg.Systems)) {
		_, scheduled := m.Schedules[name]
		if path := "systems." + name; !scheduled && goodName(name) && b.routeless(name) {
			b.problems = append(b.problems, fieldmap.Problem{
				File: MainFile, Line: b.lines.find(MainFile, path), Path: path, Warning: true,
				Message: "no route names it, so nothing is done with it", Hint: "add its route file, or remove it",
			})
		}
	}
}

// routeless reports whether no route names a system. Where a route could not be
// read or names a system that there is not, that mistake is the one to tell.
func (b *builder) routeless(system string) bool {
	stray := slices.ContainsFunc(b.cfg.Routes, func(r fieldmap.RouteSpec) bool {
		_, ok := b.cfg.Systems[r.System]
		return !ok
	})
	return !b.partial && !stray && len(b.objectsOf(system)) == 0
}

func (b *builder) schedule(path string, s scheduleSpec, d Schedule) Schedule {
	return Schedule{
		Routine: b.cron(path+".routine", s.Routine, d.Routine),
		Full:    b.cron(path+".full", s.Full, d.Full),
	}
}

func (b *builder) cron(path, line, fallback string) string {
	switch line {
	case "":
		return fallback
	case never:
		return ""
	}
	if b.opt.CheckSchedule == nil {
		return line
	}
	if err := b.opt.CheckSchedule(line); err != nil {
		b.add(path, "is no schedule: "+err.Error(), `such as "@hourly", "*/15 * * * *" or "0 3 * * SAT"; off is never`)
	}
	return line
}

// defaultRoutine is the push's for a system that nothing is pulled from.
func (b *builder) defaultRoutine(name string, s System) string {
	p, known := knownProviders()[s.Provider]
	if known && b.pulls(name) {
		return p.routine
	}
	return pushRoutine
}

func (b *builder) pulls(system string) bool {
	return slices.ContainsFunc(b.cfg.Routes, func(r fieldmap.RouteSpec) bool {
		return r.System == system && slices.ContainsFunc(r.Objects, func(o fieldmap.ObjectSpec) bool {
			return o.Direction == "pull"
		})
	})
}

func (b *builder) objectsOf(system string) []string {
	var out []string
	for _, r := range b.cfg.Routes {
		for _, o := range r.Objects {
			if r.System == system {
				out = append(out, o.Object)
			}
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(out)))
}
