package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

// auditResult is an audit as JSON.
type auditResult struct {
	engine.AuditResult
	Findings    []engine.AuditFinding `json:"findings"`
	OlderConfig bool                  `json:"older_config,omitempty"` // the daemon answered by another configuration than the files hold
}

func (a *app) auditCommand() *cobra.Command {
	sample := 0
	c := &cobra.Command{
		Use:   "audit [SYSTEM[/OBJECT]]",
		Short: "Compare the hub with what the systems really hold, field by field",
		Long: "audit reads the systems and compares each mapped field with the hub, through value maps, references\n" +
			"and compare forms alone: not through what the links remember, for that may be wrong. Whatever differs\n" +
			"is read again by id. It prints how many fields agree, are due, held or tolerated; then each that nobody\n" +
			"can explain, and each that the next full run, or resync, has yet to read, with both values.\n" +
			"It writes nothing. The exit code is 5 when anything is unexplained, 1 when a system cannot be read.",
		Example: "  crmsyncd audit\n  crmsyncd audit salesforce/Account\n  crmsyncd audit hubspot --sample 500\n" +
			"  crmsyncd audit -o json | jq '.findings[] | select(.standing == \"unexplained\")'",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, w []string) error {
			if cmd.Flags().Changed("sample") && sample < 1 {
				return usageError(fmt.Errorf("--sample %d: it must be 1 or more", sample))
			}
			in := daemon.AuditArgs{Sample: sample}
			if len(w) > 0 {
				in.System, in.Object, _ = strings.Cut(w[0], "/")
			}
			return a.audit(cmd.Context(), in)
		},
	}
	c.Flags().IntVar(&sample, "sample", 0, "so `many` links of each object by chance, without a list")
	return c
}

func (a *app) audit(ctx context.Context, in daemon.AuditArgs) error {
	ctx, stop := stoppable(ctx)
	defer stop()
	s, err := a.look(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	for _, caveat := range s.caveats() {
		a.note("%s", caveat)
	}
	b := a.bar()
	findings, sum, err := gather[engine.AuditFinding, engine.AuditResult](ctx, s, "audit", in, b)
	b.end()
	if err != nil {
		return err
	}
	res := auditResult{AuditResult: sum, Findings: findings, OlderConfig: s.older}
	if res.Findings == nil {
		res.Findings = []engine.AuditFinding{}
	}
	if a.json() {
		err = a.printJSON(res)
	} else {
		a.printAudit(res)
	}
	switch {
	case err != nil:
		return err
	case res.Unexplained > 0:
		return &coded{exitUnexplained, nil}
	case len(res.Failed) > 0:
		return &coded{exitFailed, nil}
	}
	return nil
}

// printAudit prints the counts, then what is unexplained, then what is unread.
func (a *app) printAudit(res auditResult) {
	g := newGrid("system", "object", "fields", "reason", "count").numbers(4).color(2, a.standing)
	for _, c := range res.Counts {
		g.add(c.System, c.Object, c.Standing, c.Reason, strconv.Itoa(c.Count))
	}
	a.table(g)
	slices.SortStableFunc(res.Findings, func(x, y engine.AuditFinding) int { return strings.Compare(x.Standing, y.Standing) })
	for _, f := range res.Findings {
		a.gap()
		a.printAuditFinding(f)
	}
	if len(res.Failed) > 0 {
		a.gap()
	}
	for _, f := range res.Failed {
		a.say("not audited: %s: %s", strings.TrimSuffix(f.System+"/"+f.Object, "/"), f.Error)
	}
	a.gap()
	said := "all explained"
	if res.Unexplained > 0 {
		said = countOf(res.Unexplained, "difference that", "differences that") + " nobody can explain"
	}
	if res.Unread > 0 || res.Unexplained > 0 {
		said += fmt.Sprintf(", %d to be read by the next full run", res.Unread)
	}
	if len(res.Failed) > 0 {
		said += "; not everything was audited"
	}
	a.say("%s compared: %s.", plural(res.Records, "record"), said)
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func (a *app) standing(s string) string {
	switch s {
	case "unexplained":
		return a.paint(text.FgRed, s)
	case "unread":
		return a.paint(text.FgYellow, s)
	}
	return s
}

// printAuditFinding prints one field or record: where, both values, and the
// commands that help.
func (a *app) printAuditFinding(f engine.AuditFinding) {
	where := f.System + "/" + f.Object
	for _, word := range []string{f.Remote, f.Record} {
		if word != "" {
			where += "  " + word
		}
	}
	if f.Reason != "" {
		where += "  (" + strings.ReplaceAll(f.Reason, "_", " ") + ")"
	}
	fmt.Fprintln(a.out, a.standing(f.Standing)+"  "+clean(where))
	if f.Field != "" {
		a.say("    %s: hub %s, there %s in %s", f.Field, sideText(f.Ours), sideText(f.Theirs), f.There)
	}
	if f.Hub != "" {
		a.say("    crmsyncd get %s hub:%s", f.HubObject, f.Hub)
	}
	a.say("    %s", resyncOf(f))
}

// resyncOf is the command that has the record, or where that would not help its
// object, looked at again.
func resyncOf(f engine.AuditFinding) string {
	command := "crmsyncd resync " + f.System + "/" + f.Object
	if f.Field != "" {
		command += "/" + f.Remote
	}
	return command
}

func sideText(s engine.AuditSide) string {
	if !s.Known {
		return "(cannot be read)"
	}
	out := shown(s.Value)
	if s.Other != nil {
		out += fmt.Sprintf(" (%q on the other side)", *s.Other)
	}
	return out
}

// printRunAudit prints what a full run found and nobody can explain.
func (a *app) printRunAudit(r daemon.RunView) {
	if len(r.Audit) == 0 {
		return
	}
	a.gap()
	g := newGrid("unexplained in", "record", "field", "reason", "look at it with")
	for _, f := range r.Audit {
		g.add(r.System+"/"+f.Object, f.Remote, f.Field, f.Reason, "crmsyncd get "+f.HubObject+" hub:"+f.Hub)
	}
	a.table(g)
	a.say("Both values: crmsyncd audit %s", r.System)
	if n := r.Counts["audit_unexplained"]; n > len(r.Audit) {
		a.say("These are %d of %d.", len(r.Audit), n)
	}
}
