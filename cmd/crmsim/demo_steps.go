package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"crmsyncd/providers/qbench/qbenchsim"
)

func (d *demo) check(ctx context.Context) error {
	d.title("1. Is everything ready? The portal is new, so something is missing")
	text, err := d.show(ctx, "check", "--live", "--system", "hubspot")
	var exit *exitError
	switch {
	case err == nil:
		return errors.New("the check did not tell what HubSpot lacks")
	case !errors.As(err, &exit) || exit.code != unfitCode:
		return err
	case !strings.Contains(text, "qbench_id"):
		return fmt.Errorf("the check failed for another reason: %w", err)
	}
	return nil
}

func (d *demo) fix(ctx context.Context) error {
	d.title("2. --fix makes it, after saying so, and nothing else. Now everything fits")
	text, err := d.call(ctx, "check", "--live", "--fix")
	fmt.Fprint(d.out, "$ crmsyncd check --live --fix\n", withoutWarnings(text))
	if err != nil {
		return err
	}
	return d.wroteNothing("the check")
}

// withoutWarnings leaves the warnings out that the step before showed.
func withoutWarnings(text string) string {
	var b strings.Builder
	n := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "warning: routes/") {
			n++
			continue
		}
		if n > 0 {
			fmt.Fprintf(&b, "   … the same %d warnings\n", n)
			n = 0
		}
		b.WriteString(line)
	}
	return b.String()
}

func (d *demo) plan(ctx context.Context) error {
	d.title("3. What would the first run write? (the first lines and the sum)")
	if _, err := d.showEnds(ctx, 18, 8, "plan"); err != nil {
		return err
	}
	return d.wroteNothing("the plan")
}

func (d *demo) wroteNothing(what string) error {
	for i := range d.targets {
		if n := len(d.targets[i].news()); n > 0 {
			return fmt.Errorf("%s wrote %d records to %s", what, n, d.targets[i].name)
		}
	}
	return nil
}

func (d *demo) first(ctx context.Context) error {
	d.title("4. The first run: what a target knows is linked, the rest is made")
	if _, err := d.show(ctx, "run", "--once"); err != nil {
		return err
	}
	for i := range d.targets {
		if len(d.targets[i].news()) == 0 {
			return fmt.Errorf("the first run wrote nothing to %s", d.targets[i].name)
		}
	}
	return nil
}

// held shows what waits, and points out what is worth a look.
func (d *demo) held(ctx context.Context) error {
	d.title("5. What waits, for what, and what ends it")
	if _, err := d.showEnds(ctx, 23, 1, "held", "list"); err != nil {
		return err
	}
	var holds []hold
	if err := d.ask(ctx, &holds, "held", "list"); err != nil {
		return err
	}
	if err := d.allAccountedFor(holds); err != nil {
		return err
	}
	d.say("Every one of the %d customers and %d contacts is in both targets, or stands in this list.", d.stage.world.Accounts(), d.stage.world.People())
	if err := d.unmapped(ctx, holds); err != nil {
		return err
	}
	return d.halfway(ctx, holds)
}

// allAccountedFor reports records of the source that are neither in a target
// nor held.
func (d *demo) allAccountedFor(holds []hold) error {
	held := map[string]bool{}
	for _, h := range holds {
		if h.Field == "" { // else the record goes out without it
			held[h.System+" "+h.Object+" "+h.source()] = true
		}
	}
	lost := func(t target, object, at string, ids []int64) error {
		for _, n := range ids {
			id := fmt.Sprint(n)
			if !t.has(object, id) && !held[t.system+" "+object+" "+id] && !held["qbench "+at+" "+id] {
				return fmt.Errorf("%s %s is neither in %s nor held", at, id, t.name)
			}
		}
		return nil
	}
	for _, t := range d.targets {
		err := errors.Join(lost(t, t.account, "customer", d.stage.qbench.CustomerIDs()), lost(t, t.contact, "contact", d.stage.qbench.ContactIDs()))
		if err != nil {
			return err
		}
	}
	return nil
}

// unmapped points a customer out that reached HubSpot without its industry.
func (d *demo) unmapped(ctx context.Context, holds []hold) error {
	for _, h := range holds {
		if h.System != "hubspot" || h.Reason != "unmapped_value" || h.Field != "industry" {
			continue
		}
		r, err := d.record(ctx, "account", h.Hub)
		if err != nil {
			return err
		}
		if f := d.stage.hubspot.Record("companies", r.remote("hubspot")); f["name"] != "" && f["industry"] == "" {
			d.say("Look at %s: its industry is %q, which no line of routes/hubspot.yaml\n"+
				"matches to HubSpot's list. The company is there all the same; only its industry waits.", h.Label, r.field("industry").Value)
			return nil
		}
	}
	return errors.New("no customer waits for the match of its industry")
}

// halfway points a contact out that is held for Salesforce and has reached HubSpot.
func (d *demo) halfway(ctx context.Context, holds []hold) error {
	for _, h := range holds {
		if h.System != "salesforce" || h.Object != "Contact" || h.Hub == "" {
			continue
		}
		r, err := d.record(ctx, "contact", h.Hub)
		if err != nil {
			return err
		}
		if d.stage.hubspot.Record("contacts", r.remote("hubspot")) != nil {
			d.say("Look at %s: HubSpot has this contact. In Salesforce it waits\n"+
				"(%s), which %s. No target holds up the other.", h.Label, strings.ReplaceAll(h.Reason, "_", " "), h.Mend)
			return nil
		}
	}
	return errors.New("no contact waits for one target alone")
}

// record asks for one record of the hub by its number there.
func (d *demo) record(ctx context.Context, object, hub string) (hubRecord, error) {
	var found []hubRecord
	if err := d.ask(ctx, &found, "get", object, "hub:"+hub); err != nil {
		return hubRecord{}, err
	}
	if len(found) != 1 {
		return hubRecord{}, fmt.Errorf("%d records are %s hub:%s", len(found), object, hub)
	}
	return found[0], nil
}

func (d *demo) second(ctx context.Context) error {
	d.title("6. A second run: nothing changed, so nothing is sent and neither target is even asked")
	for _, t := range d.targets {
		t.reset()
	}
	if _, err := d.show(ctx, "run", "--once"); err != nil {
		return err
	}
	for _, t := range d.targets {
		if n := t.calls(); n != 0 {
			return fmt.Errorf("the second run made %d calls to %s", n, t.name)
		}
	}
	return d.wroteNothing("the second run")
}

// third changes two customers and one contact that both targets hold.
func (d *demo) third(ctx context.Context) error {
	d.title("7. At the laboratory somebody edits two customers and a contact. The third run sends just that")
	if err := d.edit(); err != nil {
		return err
	}
	if _, err := d.show(ctx, "run", "--once"); err != nil {
		return err
	}
	for i := range d.targets {
		t := &d.targets[i]
		writes := t.news()
		d.say("%s was sent:", t.name)
		for _, line := range t.lines(writes) {
			fmt.Fprintln(d.out, "   "+line)
		}
		if err := t.justEdits(writes); err != nil {
			return err
		}
	}
	return nil
}

// edit changes records that have reached both targets.
func (d *demo) edit() error {
	qb := d.stage.qbench
	customers := d.everywhere(qb.CustomerIDs(), func(t target) string { return t.account })
	contacts := d.everywhere(qb.ContactIDs(), func(t target) string { return t.contact })
	if len(customers) < 2 || len(contacts) < 1 {
		return fmt.Errorf("only %d customers and %d contacts have reached both targets", len(customers), len(contacts))
	}
	return errors.Join(
		qb.UpdateCustomer(customers[0], qbenchsim.Fields{"description": "Renewed, tier 1"}),
		qb.UpdateCustomer(customers[1], qbenchsim.Fields{"description": "Renewed, tier 2"}),
		qb.UpdateContact(contacts[0], qbenchsim.Fields{"first_name": "Alexandra"}),
	)
}

// everywhere are those of the ids that each target holds.
func (d *demo) everywhere(ids []int64, object func(target) string) (list []int64) {
	for _, id := range ids {
		in := 0
		for _, t := range d.targets {
			if t.has(object(t), fmt.Sprint(id)) {
				in++
			}
		}
		if in == len(d.targets) {
			list = append(list, id)
		}
	}
	return list
}

// justEdits reports writes that are not those of edit.
func (t *target) justEdits(writes []sent) error {
	want := map[string]int{t.account + "." + t.description: 2, t.contact + "." + t.firstName: 1}
	for _, w := range writes {
		for field := range w.fields {
			want[w.object+"."+field]--
		}
	}
	for field, n := range want {
		if n != 0 {
			return fmt.Errorf("%s was not sent just what was edited: %s is off by %d", t.name, field, -n)
		}
	}
	if len(writes) != 3 {
		return fmt.Errorf("3 records were edited, but %s was sent %d", t.name, len(writes))
	}
	return nil
}

// questions asks the program about one customer that both targets hold.
func (d *demo) questions(ctx context.Context) error {
	ids := d.everywhere(d.stage.qbench.CustomerIDs(), func(t target) string { return t.account })
	id := fmt.Sprint(ids[0])
	d.title(fmt.Sprintf("8. Where does customer %s stand, and where does each value come from?", id))
	if _, err := d.show(ctx, "get", "account", id); err != nil {
		return err
	}
	var found []hubRecord
	if err := d.ask(ctx, &found, "get", "account", id); err != nil {
		return err
	}
	for _, t := range d.targets {
		if len(found) != 1 || found[0].remote(t.system) == "" {
			return fmt.Errorf("customer %s is not linked in %s", id, t.name)
		}
	}
	return nil
}
