package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"crmsyncd/sync/daemon"
	"crmsyncd/sync/engine"
)

// How export writes.
const (
	exportCSV   = "csv"
	exportJSONL = "jsonl"
)

func (a *app) exportCommand() *cobra.Command {
	var format string
	var args daemon.RecordArgs
	c := &cobra.Command{
		Use:   "export OBJECT",
		Short: "Write every hub record of an object as CSV or lines of JSON",
		Long: "export writes what the hub holds, record by record, to the output: account, contact,\n" +
			"opportunity, task or user. activity is the tasks that are closed.\n\n" +
			"--without SYSTEM leaves only what that system does not hold, such as leads of Close that\n" +
			"are no customers of QBench yet. In CSV a field that names another record has a second\n" +
			"column with its label, and each route one with the id in its system.\n\n" +
			"In CSV a value that a spreadsheet would take for a formula (it begins with = + - @, a tab or a line\n" +
			"break) has an apostrophe in front, as has one that begins with an apostrophe: take one off to get the\n" +
			"value back. Control characters stand as \\u009b and the like. A negative number stays as it is.\n" +
			"Lines of JSON (jsonl) hold every value exactly.\n\n" +
			"Guard the file: it is as confidential as the systems it came from.",
		Example: "  crmsyncd export account --format csv > accounts.csv\n" +
			"  crmsyncd export account --without qbench\n" +
			"  crmsyncd export activity --format jsonl | jq .label",
		Args: wants("OBJECT"),
		RunE: func(cmd *cobra.Command, w []string) error {
			if a.json() {
				format = exportJSONL
			}
			if format != exportCSV && format != exportJSONL {
				return usageError(fmt.Errorf("--format %s is not known: csv or jsonl", format))
			}
			args.Object = w[0]
			return a.export(cmd.Context(), args, format)
		},
	}
	c.Flags().StringVar(&format, "format", exportCSV, "csv or jsonl")
	c.Flags().StringVar(&args.Without, "without", "", "only what this `system` does not hold")
	return c
}

func (a *app) export(ctx context.Context, args daemon.RecordArgs, format string) error {
	s, err := a.look(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if format == exportJSONL {
		_, err := daemon.Ask[daemon.Count](ctx, s.Client, "export", args, daemon.Sink{Item: func(raw json.RawMessage) error {
			_, err := fmt.Fprintln(a.out, string(cleanJSON(raw)))
			return err
		}})
		return err
	}
	cols, err := daemon.Ask[daemon.Columns](ctx, s.Client, "columns", daemon.RecordArgs{Object: args.Object}, daemon.Sink{})
	if err != nil {
		return err
	}
	w := csv.NewWriter(a.out)
	headed := false
	head := func() error {
		if headed {
			return nil
		}
		headed = true
		return w.Write(cells(csvHead(cols)))
	}
	_, err = daemon.Ask[daemon.Count](ctx, s.Client, "export", args, daemon.Sink{Item: items(func(v engine.RecordView) error {
		if err := head(); err != nil {
			return err
		}
		return w.Write(cells(csvRow(v, cols)))
	})})
	if err != nil {
		return err
	}
	if err := head(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	w.Flush()
	return w.Error() // it says that the output was cut
}

func csvHead(cols daemon.Columns) []string {
	head := append([]string{"hub_id", "state"}, cols.IDs...)
	for _, name := range cols.Fields {
		head = append(head, name)
		if slices.Contains(cols.Refs, name) {
			head = append(head, name+"_label")
		}
	}
	return append(head, cols.Links...)
}

func csvRow(v engine.RecordView, cols daemon.Columns) []string {
	row := []string{v.ID, v.State}
	for _, name := range cols.IDs {
		row = append(row, v.IDs[name])
	}
	fields := map[string]engine.FieldView{}
	for _, f := range v.Fields {
		fields[f.Name] = f
	}
	for _, name := range cols.Fields {
		value := fields[name].Value
		if value == "" {
			value = v.IDs[name]
		}
		row = append(row, value)
		if slices.Contains(cols.Refs, name) {
			row = append(row, fields[name].Refers)
		}
	}
	for _, route := range cols.Links {
		row = append(row, linkedAs(v, route))
	}
	return row
}

// linkedAs is the record's id on a route, as far as it is linked there.
func linkedAs(v engine.RecordView, route string) string {
	for _, l := range v.Links {
		if l.System+"/"+l.Object == route && l.State != "closed" {
			return l.Remote
		}
	}
	return ""
}
