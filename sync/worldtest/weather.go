package worldtest

import (
	"fmt"
	"slices"
	"strings"
	"testing/fstest"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/hubspot/hubspotsim"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/providers/salesforce/salesforcesim"
)

// kinds lists all kinds of steps.
func kinds() []kind { return append(append(people(), runs()...), weather()...) }

// runs are the runs, routine and full, of any system in any order.
func runs() []kind {
	return []kind{
		{name: "round", weight: 18, do: (*life).round},
		{name: "run", weight: 10, do: (*life).oneRun},
	}
}

// weather are the kinds of steps that disturb.
func weather() []kind {
	return []kind{
		{name: "killCommit", weight: 5, do: (*life).killCommit},
		{name: "killCall", weight: 5, do: (*life).killCall},
		{name: "restart", weight: 2, disturb: true, do: func(l *life, _ Step) { l.Restart() }},
		{name: "fault", weight: 5, disturb: true, do: (*life).fault},
		{name: "mood", weight: 4, disturb: true, do: (*life).mood},
		{name: "spool", weight: 1, disturb: true, do: (*life).spool},
		{name: "calm", weight: 3, disturb: true, do: func(l *life, _ Step) { l.calm() }},
		{name: "rule", weight: 4, disturb: true, do: (*life).rule},
		{name: "unrule", weight: 2, disturb: true, do: func(l *life, _ Step) { l.unrule() }},
		{name: "hide", weight: 2, disturb: true, do: (*life).hide},
		{name: "line", weight: 3, disturb: true, do: (*life).line},
		{name: "lineBack", weight: 2, disturb: true, do: func(l *life, _ Step) { l.linesBack() }},
		{name: "organization", weight: 2, disturb: true, do: (*life).organization},
		{name: "organizationBack", weight: 3, disturb: true, do: func(l *life, _ Step) { l.organizationsBack() }},
	}
}

// round is a run of every system, in an order of its own.
func (l *life) round(s Step) {
	systems := Systems()
	for i := range systems {
		j := i + s.A>>i%(len(systems)-i)
		systems[i], systems[j] = systems[j], systems[i]
		l.try(systems[i], s.B%6 == 0)
	}
}

func (l *life) oneRun(s Step) { l.try(Systems()[s.A%4], s.B%4 == 0) }

// try is a run that may fail where something disturbs it. A process that is
// killed starts again.
func (l *life) try(system string, full bool) {
	_, err := l.Run(system, full)
	l.counts["runs"]++
	if err != nil {
		l.counts["failed runs"]++
	}
	if l.twin && err != nil {
		l.fail("a run of %s: %v", system, err)
	}
	if l.kill.isDead() {
		l.Restart()
	}
}

// killCommit is a round in which the process dies at a commit; the twin's lives.
func (l *life) killCommit(s Step) {
	if !l.twin {
		l.kill.atCommit(1 + s.A%9)
	}
	l.round(Step{A: s.A / 9, B: s.B})
	l.kill.spare()
}

// killCall is a round in which the process dies at a call, before or after it took
// effect; the twin's lives.
func (l *life) killCall(s Step) {
	if !l.twin {
		l.kill.atCall(1+s.A/2%15, s.A%2 == 0)
	}
	l.round(Step{A: s.A / 30, B: s.B})
	l.kill.spare()
}

func (l *life) fault(s Step) {
	text := [...]string{
		"503,rate=0.3", "429,rate=0.3", "drop,after,rate=0.2", "truncate,rate=0.2", "html,nth=2", "502,after,rate=0.2", "drop,after,nth=1-2", "503",
	}[s.A%8]
	add := [...]func(string) error{l.Salesforce.AddFault, l.HubSpot.AddFault, l.Close.AddFault, l.QBench.AddFault}[s.B%4]
	if err := add(text); err != nil {
		l.t.Fatal(err)
	}
}

// mood is a passing habit of a vendor.
func (l *life) mood(s Step) {
	switch s.A % 8 {
	case 0:
		l.HubSpot.SilenceBatches(1 + s.B%2)
	case 1:
		l.HubSpot.LoseAnswers(502, 1+s.B%3)
	case 2:
		l.HubSpot.LockWrites(1 + s.B%2)
	case 3:
		l.HubSpot.SetWholeBatches(s.B%2 == 0)
	case 4:
		if r, id, ok := l.target(Step{A: s.A / 8, B: s.B}); ok && r.System == Salesforce {
			l.Salesforce.LockRows(1+s.B%3, id)
		}
	case 5:
		l.Salesforce.RefuseSessions(1 + s.B%3)
	case 6:
		l.Salesforce.ExpireTokens()
	case 7:
		l.HubSpot.RefuseCalls(hubspotsim.PolicyTenSecond, 1+s.B%5)
	}
}

// spool makes runs write through the spool, or straight again.
func (l *life) spool(s Step) {
	l.Spool = 2 * (1 - s.A%2)
	l.Restart()
}

func (l *life) calm() {
	l.QBench.Faults().Clear()
	l.Close.Faults().Clear()
	l.Salesforce.Faults().Clear()
	l.HubSpot.Faults().Clear()
	l.HubSpot.SilenceBatches(0)
	l.HubSpot.LockWrites(0)
	l.HubSpot.SetWholeBatches(false)
	l.HubSpot.RefuseCalls(hubspotsim.PolicyTenSecond, 0)
	l.Salesforce.UnlockRows()
	l.Salesforce.RefuseSessions(0)
	l.fired = l.QBench.Faults().Fired() + l.Close.Faults().Fired() + l.Salesforce.Faults().Fired() + l.HubSpot.Faults().Fired()
}

// rule arms a rule that meets some or all records of a target. One that fits no
// record does nothing.
func (l *life) rule(s Step) {
	l.bent[[...]string{Salesforce, HubSpot}[s.A%12/6]] = true
	sf := func(r salesforcesim.Rule) { _, _ = l.Salesforce.AddRule(r) }
	hs := func(r hubspotsim.Rule) { _, _ = l.HubSpot.AddRule(r) }
	switch s.A % 12 {
	case 0:
		sf(salesforcesim.Rule{Object: "Account", On: "update", Fields: []string{"Description"}, Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Text: "no"})
	case 1:
		sf(salesforcesim.Rule{Object: "Contact", On: "create", Text: "no"})
	case 2:
		sf(salesforcesim.Rule{Object: "Account", Effect: "ignore", Fields: []string{"NumberOfEmployees"}})
	case 3:
		sf(salesforcesim.Rule{Object: "Account", Effect: "rewrite", Fields: []string{"Name"}, Form: "upper"})
	case 4:
		sf(salesforcesim.Rule{Object: "Account", Fields: []string{"Industry"}, Text: "no", Unnamed: true})
	case 5:
		sf(salesforcesim.Rule{Object: "Contact", On: "update", Text: "no", Times: 1 + s.B%3})
	case 6:
		hs(hubspotsim.Rule{Object: "companies", On: "update", Fields: []string{"description"}, Text: "no"})
	case 7:
		hs(hubspotsim.Rule{Object: "contacts", On: "create", Text: "no"})
	case 8:
		hs(hubspotsim.Rule{Object: "companies", Effect: "ignore", Fields: []string{"numberofemployees"}})
	case 9:
		hs(hubspotsim.Rule{Object: "companies", Effect: "rewrite", Fields: []string{"name"}, Form: "lower"})
	case 10:
		hs(hubspotsim.Rule{Object: "companies", Fields: []string{"name"}, Text: "no", Unnamed: true, Times: 2})
	case 11:
		_, _ = l.QBench.AddRule(qbenchsim.Rule{Object: "customer", Effect: "malform", Form: "surrogate", Fields: []string{"description"}})
	}
}

// hide takes the sight of one record from the API user.
func (l *life) hide(s Step) {
	if s.A%6 < 4 {
		r, id, ok := l.target(Step{A: s.A, B: s.B})
		switch {
		case !ok:
		case r.System == HubSpot:
			_, _ = l.HubSpot.AddRule(hubspotsim.Rule{Object: r.Object, Effect: "hide", Match: hubspotsim.Match{"id": id}})
		default:
			_, _ = l.Salesforce.AddRule(salesforcesim.Rule{Object: r.Object, Effect: "hide", Match: salesforcesim.Match{"id": id}})
		}
		return
	}
	if id := l.anyLead(s.B); id != "" && s.A%6 == 4 {
		_, _ = l.Close.AddRule(closeiosim.Rule{Object: "lead", Effect: "hide", Match: closeiosim.Match{"id": id}})
	}
	if ids := l.QBench.CustomerIDs(); len(ids) > 0 && s.A%6 == 5 {
		_, _ = l.QBench.AddRule(qbenchsim.Rule{Object: "customer", Effect: "hide", Match: qbenchsim.Match{"id": fmt.Sprint(ids[s.B%len(ids)])}})
	}
}

func (l *life) unrule() {
	for _, r := range slices.Concat(l.QBench.Rules(), l.Close.Rules(), l.Salesforce.Rules(), l.HubSpot.Rules()) {
		l.counts["rules fired"] += r.Fired
	}
	l.QBench.ClearRules()
	l.Close.ClearRules()
	l.Salesforce.ClearRules()
	l.HubSpot.ClearRules()
}

// line edits one line of a route, or takes it away, and reloads.
func (l *life) line(s Step) {
	const qb, sf, hs, cl = "routes/qbench.yaml", "routes/salesforce.yaml", "routes/hubspot.yaml", "routes/close.yaml"
	e := [...][3]string{
		{sf, "- {remote: Industry, hub: industry}", "# gone"},
		{sf, "{remote: Description, hub: description}", "{remote: Description, hub: description, on_empty: ignore}"},
		{sf, "{remote: NumberOfEmployees, hub: number_of_employees}", "{remote: NumberOfEmployees, hub: number_of_employees, write: create_only}"},
		{sf, "{remote: Industry, hub: industry}", "{remote: Industry, hub: industry, values: {Foods: Food, Chems: Chemicals}, on_unmapped: skip_field}"},
		{sf, "- {remote: LastName, hub: last_name}", "- {remote: LastName, hub: last_name, write: enforce}"},
		{hs, "- {remote: numberofemployees, hub: number_of_employees}", "# gone"},
		{hs, "{remote: description, hub: description}", "{remote: description, hub: description, write: never}"},
		{qb, "- {remote: description, hub: description}", "# gone"},
		{qb, "{remote: industry, hub: industry}", "{remote: industry, hub: industry, values: {Feed: Food}, on_unmapped: skip_field}"},
		{cl, "- {remote: custom.Renewal Date, hub: next_renewal_date}", "# gone"},
	}[s.A%10]
	if text := string(l.Files[e[0]].Data); strings.Contains(text, e[1]) {
		l.counts["lines edited"]++
		l.bent[Salesforce], l.bent[HubSpot] = true, true
		l.Edit(e[0], e[1], e[2])
		l.Reload()
	}
}

func (l *life) linesBack() {
	for name, text := range l.files {
		l.Files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	l.Reload()
}

// organization puts another organization behind the address of a system.
func (l *life) organization(s Step) {
	system := [...]string{Salesforce, HubSpot, Close}[s.A%3]
	if _, ok := l.swapped[system]; ok {
		return
	}
	l.swapped[system] = l.writes(system)
	l.identity(system, "00Dxx0000009zzzEAA", "48009999", "orga_another")
}

// identity makes a system tell that it is this organization.
func (l *life) identity(system, org, portal, closeOrg string) {
	var err error
	switch system {
	case Salesforce:
		err = l.Salesforce.SetOrgID(org)
	case HubSpot:
		err = l.HubSpot.SetPortalID(portal)
	case Close:
		err = l.Close.SetOrganizationID(closeOrg)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// organizationsBack ends every swap, and tells of writes that another
// organization got.
func (l *life) organizationsBack() {
	for system, n := range l.swapped {
		if got := l.writes(system); got > n {
			l.fail("another organization behind %s got %d writes", system, got-n)
		}
		l.identity(system, l.org, l.portal, l.closeOrg)
	}
	clear(l.swapped)
}

// writes counts what a system's audit holds.
func (l *life) writes(system string) int {
	switch system {
	case Salesforce:
		return len(l.Salesforce.Audit())
	case HubSpot:
		return len(l.HubSpot.Audit())
	}
	return len(l.Close.Writes())
}
