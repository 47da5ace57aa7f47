package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"crmsyncd/sync/daemon"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say how things are, what runs and what comes next", Args: cobra.NoArgs,
		Long:    "status asks the running daemon; without one it reads the state and says so.\nIts exit code is 1 when something is red, else 0. Yellow means that all runs but\na part rests, such as a mapped field that is gone, or that no daemon runs.",
		Example: "  crmsyncd status\n  crmsyncd status -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.look(cmd.Context())
			if err != nil {
				return err
			}
			defer s.close()
			st, err := daemon.Ask[daemon.Status](cmd.Context(), s.Client, "status", nil, daemon.Sink{})
			if err != nil {
				return err
			}
			if own := buildVersion().Version; st.Daemon && st.Version != own {
				st.Warn("the daemon is another build than this command (" + own + "): systemctl restart crmsyncd")
			}
			if a.json() {
				err = a.printJSON(st)
			} else {
				a.printStatus(st)
			}
			if s.older {
				a.note("the files have another configuration than the running daemon: crmsyncd reload takes it in")
			}
			if err == nil && st.Health == daemon.HealthRed {
				return &coded{exitFailed, nil}
			}
			return err
		},
	}
}

func (a *app) printStatus(st daemon.Status) {
	color := map[string]text.Color{daemon.HealthGreen: text.FgGreen, daemon.HealthYellow: text.FgYellow}[st.Health]
	if color == 0 {
		color = text.FgRed
	}
	who := "no daemon is running: nothing is synchronized until one runs"
	if st.Daemon {
		who = fmt.Sprintf("daemon %s, process %d, since %s", st.Version, st.PID, when(st.Started))
	}
	if st.Stopping {
		who += ", stopping"
	}
	fmt.Fprintln(a.out, a.paint(color, st.Health)+"  "+clean(who))
	for _, p := range st.Problems {
		fmt.Fprintln(a.out, a.paint(text.FgRed, "!")+" "+clean(p))
	}
	for _, p := range st.Warnings {
		fmt.Fprintln(a.out, a.paint(text.FgYellow, "!")+" "+clean(p))
	}
	a.say("state %s, %s (%s used), change number %d", st.State.Path, size(st.State.Bytes), size(st.State.Used), st.State.Counter)
	var hub []string
	for _, name := range []string{"user", "account", "contact", "opportunity", "task"} {
		if n := st.Hub[name]; n > 0 {
			hub = append(hub, fmt.Sprintf("%d %s", n, name))
		}
	}
	if len(hub) > 0 {
		a.say("hub   %s", strings.Join(hub, ", "))
	}
	a.gap()
	a.printSystems(st.Systems)
	a.printStanding(st.Systems)
	a.printBehind(st.Systems)
	a.printNext(st.Systems)
}

// printStanding says where the fields stand that do not agree.
func (a *app) printStanding(systems []daemon.SystemStatus) {
	g := newGrid("not in step", "due", "oldest", "waits for", "held", "dropped", "tolerated", "unread", "suspended").numbers(1, 4, 5, 6, 7)
	for _, s := range systems {
		st := s.Standing
		if st.Due+st.Held+st.Dropped+st.Tolerated+st.Unread+len(st.Suspended) == 0 {
			continue
		}
		due := strconv.Itoa(st.Due)
		if st.AtMost {
			due = "at most " + due
		}
		oldest := ""
		if st.Age > 0 {
			oldest = age(time.Duration(st.Age * float64(time.Second)))
		}
		var why []string
		for _, w := range daemon.CountNames(st.Why) {
			why = append(why, strings.ReplaceAll(w, "_", " "))
		}
		g.add(s.Name, due, oldest, strings.Join(why, ", "), strconv.Itoa(st.Held), number(st.Dropped), strconv.Itoa(st.Tolerated), strconv.Itoa(st.Unread), strings.Join(st.Suspended, ", "))
	}
	a.section(g)
}

// age is how long something takes, to the minute.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "under a minute"
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

func (a *app) printSystems(systems []daemon.SystemStatus) {
	g := newGrid("system", "flow", "now", "last status", "ended", "held", "linked").numbers(5).whole(4).color(3, a.status)
	for _, s := range systems {
		var linked []string
		for _, object := range daemon.CountNames(s.Links) {
			count := fmt.Sprintf("%s %d", object, s.Links[object])
			if n := s.Excluded[object]; n > 0 {
				count += fmt.Sprintf(" (%d out of scope)", n)
			}
			linked = append(linked, count)
		}
		name, held, links := s.Name, strconv.Itoa(s.Held), strings.Join(linked, ", ")
		if s.WritesOff {
			name += " (writes off)"
		}
		for _, flow := range []string{daemon.FlowPull, daemon.FlowPush} {
			if (flow == daemon.FlowPull && !s.Pull) || (flow == daemon.FlowPush && !s.Push) {
				continue
			}
			status, ended := "never ran", ""
			for _, r := range s.Last {
				if r.Flow == flow {
					status, ended = r.Status, when(r.Ended)
				}
			}
			g.add(name, flow, nowText(s, flow), status, ended, held, links)
			name, held, links = "", "", ""
		}
	}
	a.table(g)
}

// printBehind says which fields are being filled in the background.
func (a *app) printBehind(systems []daemon.SystemStatus) {
	g := newGrid("fills in", "object", "fields", "since", "records read").numbers(4)
	for _, s := range systems {
		for _, b := range s.Behind {
			since, read := when(b.Began), strconv.Itoa(b.Read)
			if b.Began.IsZero() {
				since, read = "begins after the next pull", ""
			}
			if b.Total > 0 {
				read += fmt.Sprintf(" of %d", b.Total)
			}
			g.add(s.Name, b.Object, strings.Join(b.Fields, ", "), since, read)
		}
	}
	a.section(g)
}

func nowText(s daemon.SystemStatus, flow string) string {
	running := s.Running != nil && s.Running.Flow == flow
	switch {
	case s.Waiting != nil && s.Waiting.Flow == flow && running:
		return "running (" + workText(s.Waiting) + ", gives way)"
	case s.Waiting != nil && s.Waiting.Flow == flow:
		return workText(s.Waiting) + ", gives way"
	case running:
		return workText(s.Running)
	case flow == daemon.FlowPush && s.PushDue:
		return "something to push"
	}
	return "idle"
}

func workText(r *daemon.RunningView) string {
	switch {
	case r.Full:
		return "full run"
	case r.Fills:
		return "fills new fields"
	}
	return "running"
}

func (a *app) printNext(systems []daemon.SystemStatus) {
	g := newGrid("next run", "system", "flow", "full", "objects", "schedule")
	for _, s := range systems {
		for _, n := range s.Next {
			full, at := "", when(n.At)
			if n.Full {
				full = "full"
			}
			if at == "" {
				at = "as soon as possible"
			}
			why := n.Schedule
			if why == "" {
				why = n.Trigger
			}
			g.add(at, s.Name, n.Flow, full, strings.Join(n.Objects, ", "), why)
		}
	}
	if len(g.rows) > 0 {
		a.gap()
	}
	a.table(g)
}
