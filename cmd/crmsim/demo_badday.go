package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The exit codes of a run that a guard stopped, and of a status that is red.
const (
	guardCode = 4
	redCode   = 1
)

// The line of the routes that somebody mixes up, as it is and as it becomes.
const (
	goodLine = "{remote: Description, hub: description}"
	badLine  = "{remote: Description, hub: industry}"
)

// badDay mixes two lines up, shows what that did, puts it right, and has the
// audit look at everything.
func (d *demo) badDay(ctx context.Context) error {
	d.title("13. A bad day: a line of routes/salesforce.yaml is mixed up, and a guard asks before it overwrites so much")
	before := d.descriptions()
	if err := d.rewriteLine(goodLine, badLine); err != nil {
		return err
	}
	if err := d.stopped(ctx); err != nil {
		return err
	}
	d.say("Somebody accepts in a hurry. What did that run do?")
	if err := d.acceptAll(ctx); err != nil {
		return err
	}
	if _, err := d.show(ctx, "run", "--once", "--system", "salesforce"); err != nil {
		return err
	}
	changed, err := d.changes(ctx)
	if err != nil {
		return err
	}
	if n := differing(before, d.descriptions()); n == 0 || n != changed {
		return fmt.Errorf("the wrong line changed %d descriptions, and the journal tells of %d", n, changed)
	}
	return d.putRight(ctx, before)
}

// putRight corrects the line: what stands there is what our own wrong line left,
// so the next push puts every value right.
func (d *demo) putRight(ctx context.Context, before map[string]string) error {
	d.title("14. The line is corrected: nobody edited those fields, so the next push puts every one right")
	if err := d.rewriteLine(badLine, goodLine); err != nil {
		return err
	}
	if _, err := d.call(ctx, "run", "--once", "--system", "salesforce"); err != nil && !ended(err, guardCode) {
		return err
	}
	if err := d.acceptAll(ctx); err != nil {
		return err
	}
	if _, err := d.show(ctx, "run", "--once", "--system", "salesforce"); err != nil {
		return err
	}
	if n := differing(before, d.descriptions()); n != 0 {
		return fmt.Errorf("%d descriptions are still wrong", n)
	}
	d.title("15. The audit compares everything once more with what the systems really hold")
	_, err := d.show(ctx, "audit")
	return err
}

// stopped runs into the guard.
func (d *demo) stopped(ctx context.Context) error {
	_, err := d.show(ctx, "run", "--once", "--system", "salesforce")
	if err == nil {
		return errors.New("no guard stopped the wrong line")
	}
	if !ended(err, guardCode) {
		return err
	}
	return nil
}

// ended reports whether the program ended with a code.
func ended(err error, code int) bool {
	var exit *exitError
	return errors.As(err, &exit) && exit.code == code
}

// acceptAll accepts every plan that waits.
func (d *demo) acceptAll(ctx context.Context) error {
	var status struct {
		Plans []struct {
			ID string `json:"id"`
		} `json:"plans"`
	}
	text, err := d.call(ctx, "status", "-o", "json")
	if err != nil && !ended(err, redCode) {
		return err
	}
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		return fmt.Errorf("read the status: %w", err)
	}
	for _, p := range status.Plans {
		if _, err := d.show(ctx, "accept", p.ID); err != nil {
			return err
		}
	}
	return nil
}

// changes shows what the last run wrote, and counts the descriptions in it.
func (d *demo) changes(ctx context.Context) (descriptions int, err error) {
	var runs []struct {
		ID uint64 `json:"id"`
	}
	if err := d.ask(ctx, &runs, "runs"); err != nil {
		return 0, err
	}
	if len(runs) == 0 {
		return 0, errors.New("no run is told")
	}
	last := fmt.Sprint(runs[0].ID)
	if _, err := d.showEnds(ctx, 12, 2, "runs", last, "--changes"); err != nil {
		return 0, err
	}
	text, err := d.call(ctx, "runs", last, "--changes", "-o", "csv")
	return strings.Count(text, "Description"), err
}

// rewriteLine replaces a line in the routes of Salesforce.
func (d *demo) rewriteLine(from, to string) error {
	file := filepath.Join(d.config, "routes", "salesforce.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the routes: %w", err)
	}
	if !strings.Contains(string(text), from) {
		return fmt.Errorf("%s has no line %s", file, from)
	}
	fmt.Fprintf(d.out, "routes/salesforce.yaml: %s  →  %s\n", from, to)
	return os.WriteFile(file, []byte(strings.Replace(string(text), from, to, 1)), 0o600)
}

// descriptions are those that Salesforce holds of the accounts with our id.
func (d *demo) descriptions() map[string]string {
	out := map[string]string{}
	for _, n := range d.stage.qbench.CustomerIDs() {
		for _, id := range d.stage.salesforce.Find("Account", "QBench_Id__c", fmt.Sprint(n)) {
			out[id] = d.stage.salesforce.Record("Account", id)["Description"]
		}
	}
	return out
}

func differing(a, b map[string]string) (n int) {
	for id := range a {
		if a[id] != b[id] {
			n++
		}
	}
	return n
}
