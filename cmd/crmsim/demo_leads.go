package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"crmsyncd/providers/qbench/qbenchsim"
)

// leads is what became of the leads of Close.
type leads struct {
	shared, out []string
	alone       [][]string // hub id, account_id, name and lead
	held        int
}

// leads compares the hub with Close and QBench, lead by lead.
func (d *demo) leads(ctx context.Context) (leads, error) {
	var l leads
	hub, err := d.inHub(ctx, "account")
	if err != nil {
		return l, err
	}
	var holds []hold
	if err := d.ask(ctx, &holds, "held", "list", "--system", "close"); err != nil {
		return l, err
	}
	for _, id := range d.stage.closeio.IDs("lead") {
		if slices.ContainsFunc(holds, func(h hold) bool { return h.Remote == id && h.Object == "lead" && h.Field == "" }) {
			l.held++
			continue
		}
		r, known := hub[id]
		if err := d.sort(&l, id, r, known); err != nil {
			return l, err
		}
	}
	if len(l.shared) == 0 || len(l.alone) == 0 || len(l.out) == 0 {
		return l, fmt.Errorf("%d leads are shared, %d alone and %d out: one of each is needed", len(l.shared), len(l.alone), len(l.out))
	}
	return l, nil
}

// sort puts a lead that is not held where it belongs, or says why the hub is
// wrong about it.
func (d *demo) sort(l *leads, id string, r hubRecord, known bool) error {
	external := d.leadField(id, "AccountExternalID")
	switch {
	case external == "" && known:
		return fmt.Errorf("lead %s has no AccountExternalID and is in the hub", id)
	case external == "":
		l.out = append(l.out, id)
	case !known || r.field("account_id").Value != external:
		return fmt.Errorf("lead %s with the AccountExternalID %s is not in the hub under it", id, external)
	case d.customer(external) == nil:
		l.alone = append(l.alone, []string{r.Hub, external, r.field("name").Value, id})
	case r.remote("qbench") != external && !d.nameless(external):
		return fmt.Errorf("customer %s and lead %s are not one account", external, id)
	default:
		l.shared = append(l.shared, id)
	}
	return nil
}

// inHub are the hub's records of an object by their id in Close.
func (d *demo) inHub(ctx context.Context, object string) (map[string]hubRecord, error) {
	text, err := d.call(ctx, "export", object, "--format", "jsonl")
	if err != nil {
		return nil, err
	}
	out := map[string]hubRecord{}
	for line := range strings.Lines(text) {
		var r hubRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return nil, fmt.Errorf("read the export: %w", err)
		}
		if id := r.remote("close"); id != "" {
			out[id] = r
		}
	}
	return out, nil
}

func (d *demo) leadField(id, name string) string {
	field := "custom." + d.stage.closeio.CustomFieldID("lead", name)
	return plainJSON(d.stage.closeio.Record(id)[field])
}

// twin finds a lead whose AccountExternalID is that of a customer in both
// targets, and no other lead's.
func (d *demo) twin() (lead, customer string, err error) {
	for _, n := range d.everywhere(d.stage.qbench.CustomerIDs(), func(t target) string { return t.account }) {
		customer := fmt.Sprint(n)
		leads := d.stage.closeio.Find("lead", "custom.AccountExternalID", customer)
		if len(leads) == 1 && d.openTask(leads[0]) != "" {
			return leads[0], customer, nil
		}
	}
	return "", "", errors.New("no lead with an open task is a customer in both targets")
}

// openTask is a task of a lead that a person made and has yet to do.
func (d *demo) openTask(lead string) string {
	for _, id := range d.stage.closeio.Children(lead, "task") {
		r := d.stage.closeio.Record(id)
		if kind := plainJSON(r["_type"]); string(r["is_complete"]) == "false" && (kind == "lead" || kind == "outgoing_call") {
			return id
		}
	}
	return ""
}

func plainJSON(raw json.RawMessage) string {
	var text string
	_ = json.Unmarshal(raw, &text) // what is no text is empty
	return text
}

// called is what people call a lead.
func (d *demo) called(lead string) string {
	return strings.TrimSpace(plainJSON(d.stage.closeio.Record(lead)["display_name"]))
}

// waiting finds a lead with contacts and without an id, and the customer that it
// is, of whom no other lead has the id.
func (d *demo) waiting() (lead, customer string, err error) {
	ids := d.stage.qbench.CustomerIDs()
	for i, lead := range d.stage.leads {
		customer := fmt.Sprint(ids[i])
		free := lead != "" && d.leadField(lead, "AccountExternalID") == "" &&
			len(d.stage.closeio.Find("lead", "custom.AccountExternalID", customer)) == 0 && !d.nameless(customer)
		if free && len(d.stage.closeio.Children(lead, "contact")) > 1 {
			return lead, customer, nil
		}
	}
	return "", "", errors.New("no lead with contacts waits for its id")
}

// nameless reports whether a customer cannot enter from QBench alone.
func (d *demo) nameless(customer string) bool {
	return shown(d.customer(customer)["customer_name"]) == ""
}

// customer is a customer of QBench by an id that somebody typed; nil if there
// is none.
func (d *demo) customer(typed string) qbenchsim.Fields {
	id, err := strconv.ParseInt(typed, 10, 64)
	if err != nil {
		return nil
	}
	f, _ := d.stage.qbench.Customer(id)
	return f
}

// shown is a value as text, without the space that people leave around it.
func shown(v any) string {
	if v == nil {
		return "-"
	}
	return strings.TrimSpace(fmt.Sprint(v))
}

// grid aligns rows as columns.
func grid(rows [][]string) string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // a buffer takes everything
	return b.String()
}
