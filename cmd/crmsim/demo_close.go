package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"crmsyncd/providers/closeio/closeiosim"
)

// closeRoutes is the file that makes Close a source.
const closeRoutes = "routes/close.yaml"

// withoutClose copies the configuration that is shown, but for the routes and the
// schedule of Close, which come in later.
func withoutClose(from, to string) error {
	files, err := filepath.Glob(filepath.Join(from, "routes", "*.yaml"))
	if err != nil {
		return fmt.Errorf("find the routes: %w", err)
	}
	files = append(files, filepath.Join(from, "crmsyncd.yaml"), filepath.Join(from, "hub.yaml"))
	if err := os.MkdirAll(filepath.Join(to, "routes"), 0o700); err != nil {
		return fmt.Errorf("make a folder for the configuration: %w", err)
	}
	for _, file := range files {
		name, err := filepath.Rel(from, file)
		if err != nil {
			return fmt.Errorf("find the routes: %w", err)
		}
		if name == closeRoutes {
			continue
		}
		if err := copyFile(file, filepath.Join(to, name), withoutSchedule); err != nil {
			return err
		}
	}
	return nil
}

// withoutSchedule takes the line out that says when Close runs.
func withoutSchedule(text string) string {
	return regexp.MustCompile(`(?m)^  close: +\{routine.*\n`).ReplaceAllString(text, "")
}

func asItIs(text string) string { return text }

func copyFile(from, to string, edit func(string) string) error {
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, []byte(edit(string(text))), 0o600)
	}
	if err != nil {
		return fmt.Errorf("copy the configuration: %w", err)
	}
	return nil
}

// closeIn brings Close in and shows what becomes of its leads.
func (d *demo) closeIn(ctx context.Context) error {
	d.title("9. Close comes in, where the same companies are leads: one file of routes more, and a schedule")
	for _, file := range []string{closeRoutes, "crmsyncd.yaml"} {
		if err := copyFile(filepath.Join(d.shipped, file), filepath.Join(d.config, file), asItIs); err != nil {
			return err
		}
	}
	if err := d.renameInClose(); err != nil {
		return err
	}
	if _, err := d.show(ctx, "run", "--once"); err != nil {
		return err
	}
	l, err := d.leads(ctx)
	if err != nil {
		return err
	}
	d.say("Leads: %d. Customers of QBench: %d; one account in the hub carries both. With an\n"+
		"AccountExternalID that QBench does not know: %d; they stay in the hub and are made nowhere.\n"+
		"Without one: %d; they stay out, and their contacts with them. Held: %d.",
		len(d.stage.closeio.IDs("lead")), len(l.shared), len(l.alone), len(l.out), l.held)
	fmt.Fprintln(d.out, "\n$ crmsyncd export account --without qbench   (some of its columns)")
	fmt.Fprint(d.out, grid(slices.Concat([][]string{{"HUB_ID", "ACCOUNT_ID", "NAME", "CLOSE/LEAD"}}, l.alone)))
	return errors.Join(d.madeNowhere(l.alone), d.stayOut(ctx, l.out))
}

// stayOut reports contacts that are in the hub although their lead is not.
func (d *demo) stayOut(ctx context.Context, leads []string) error {
	contacts, err := d.inHub(ctx, "contact")
	if err != nil {
		return err
	}
	for _, lead := range leads {
		for _, id := range d.stage.closeio.Children(lead, "contact") {
			if r, known := contacts[id]; known {
				return fmt.Errorf("contact hub:%s is in the hub, but its lead %s stays out", r.Hub, lead)
			}
		}
	}
	return nil
}

// renameInClose lets somebody call a company something else in Close.
func (d *demo) renameInClose() error {
	id, customer, err := d.twin()
	if err != nil {
		return err
	}
	d.twinLead, d.twinCustomer = id, customer
	if err := d.stage.closeio.EditLead(id, closeiosim.Fields{"name": shown(d.customer(customer)["customer_name"]) + " (renewals)", "custom.Renewal Date": "2027-03-31"}); err != nil {
		return fmt.Errorf("edit a lead: %w", err)
	}
	d.stage.closeio.CatchUp()
	return nil
}

// madeNowhere reports accounts that were made in a target although QBench does
// not hold them.
func (d *demo) madeNowhere(alone [][]string) error {
	for _, a := range alone {
		for _, t := range d.targets {
			if t.has(t.account, a[1]) {
				return fmt.Errorf("account %s is no customer of QBench and was made in %s", a[1], t.name)
			}
		}
	}
	return nil
}

// sameAccount shows one account as each side sees it.
func (d *demo) sameAccount(ctx context.Context) error {
	d.title("10. One account, as Close, QBench and the hub see it. hub.yaml says whose word counts")
	var found []hubRecord
	if err := d.ask(ctx, &found, "get", "account", d.twinLead); err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("%d accounts are lead %s", len(found), d.twinLead)
	}
	r, customer := found[0], d.customer(d.twinCustomer)
	rows := [][]string{{"FIELD", "CLOSE", "QBENCH", "HUB", "HUB TOOK IT FROM"}}
	row := func(field, inClose, inQBench string) {
		f := r.field(field)
		rows = append(rows, []string{field, inClose, inQBench, f.Value, f.Source})
	}
	name, renewed := shown(customer["customer_name"]), d.leadField(d.twinLead, "Renewal Date")
	row("account_id", d.leadField(d.twinLead, "AccountExternalID"), d.twinCustomer)
	row("name", d.called(d.twinLead), name)
	row("industry", "-", shown(customer["industry"]))
	row("next_renewal_date", renewed, "-")
	fmt.Fprint(d.out, grid(rows))
	for field, want := range map[string]hubField{"name": {Value: name, Source: "qbench"}, "next_renewal_date": {Value: renewed, Source: "close"}} {
		if got := r.field(field); got.Value != want.Value || got.Source != want.Source {
			return fmt.Errorf("%s is %q of %s, not %q of %s", field, got.Value, got.Source, want.Value, want.Source)
		}
	}
	return nil
}

// enters fills the AccountExternalID of a lead in, whose contacts come with it.
func (d *demo) enters(ctx context.Context) error {
	d.title("11. Somebody fills an AccountExternalID in: the lead enters, and brings what belongs to it")
	lead, customer, err := d.waiting()
	if err != nil {
		return err
	}
	contacts := d.stage.closeio.Children(lead, "contact")
	d.say("Lead %s gets the AccountExternalID %s. It has %d contacts, which did not change.", d.called(lead), customer, len(contacts))
	if err := d.stage.closeio.SetCustom(lead, "AccountExternalID", customer); err != nil {
		return fmt.Errorf("fill a lead: %w", err)
	}
	d.stage.closeio.CatchUp()
	if _, err := d.show(ctx, "run", "--once", "--system", "close"); err != nil {
		return err
	}
	for _, id := range contacts {
		var found []hubRecord
		if err := d.ask(ctx, &found, "get", "contact", id); err != nil {
			return fmt.Errorf("the contact %s did not come with its lead: %w", id, err)
		}
		if len(found) != 1 || !strings.HasPrefix(found[0].field("account").Refers, customer+" ") {
			return fmt.Errorf("the contact %s does not belong to customer %s", id, customer)
		}
	}
	return nil
}

// ticks completes a task, which stays the record that it was.
func (d *demo) ticks(ctx context.Context) error {
	d.title("12. A task is ticked off: the same record, now an activity")
	id := d.openTask(d.twinLead)
	before, err := d.task(ctx, id, "open")
	if err != nil {
		return err
	}
	if err := d.stage.closeio.CompleteTask(id); err != nil {
		return fmt.Errorf("complete a task: %w", err)
	}
	d.stage.closeio.CatchUp()
	if _, err := d.call(ctx, "run", "--once", "--system", "close"); err != nil {
		return err
	}
	if _, err := d.show(ctx, "get", "activity", id); err != nil {
		return err
	}
	after, err := d.task(ctx, id, "closed")
	if err == nil && after != before {
		err = fmt.Errorf("the task was hub:%s and is hub:%s", before, after)
	}
	return err
}

// task returns the hub id of a task, which must have the status.
func (d *demo) task(ctx context.Context, id, status string) (string, error) {
	var found []hubRecord
	if err := d.ask(ctx, &found, "get", "task", id); err != nil {
		return "", err
	}
	if len(found) != 1 || found[0].field("status").Value != status {
		return "", fmt.Errorf("the task %s is not one that is %s", id, status)
	}
	return found[0].Hub, nil
}

// onlyRead says what Close saw of all this.
func (d *demo) onlyRead(context.Context) error {
	calls, writes := sum(d.stage.closeio.Calls()), len(d.stage.closeio.Writes())
	if writes != 0 {
		return fmt.Errorf("%d writes reached Close", writes)
	}
	d.say("Close was only read: it answered %d calls and took no write.", calls)
	return nil
}
