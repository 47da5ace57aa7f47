package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"

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
	c := &cobra.Command{
		Use:   "export OBJECT",
		Short: "Write every hub record of an object as CSV or lines of JSON",
		Long: "export writes what the hub holds, record by record, to the output.\n" +
			"Guard the file: it is as confidential as the systems it came from.",
		Example: "  crmsyncd export account --format csv > accounts.csv\n  crmsyncd export contact --format jsonl | jq .label",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, w []string) error {
			if a.json() {
				format = exportJSONL
			}
			if format != exportCSV && format != exportJSONL {
				return usageError(fmt.Errorf("--format %s is not known: csv or jsonl", format))
			}
			return a.export(cmd.Context(), w[0], format)
		},
	}
	c.Flags().StringVar(&format, "format", exportCSV, "csv or jsonl")
	return c
}

func (a *app) export(ctx context.Context, object, format string) error {
	s, err := a.open(ctx, false, nil)
	if err != nil {
		return err
	}
	defer s.close()
	args := daemon.RecordArgs{Object: object}
	if format == exportJSONL {
		_, err := daemon.Ask[daemon.Count](ctx, s.Client, "export", args, daemon.Sink{Item: func(raw json.RawMessage) error {
			_, err := fmt.Fprintln(a.out, string(raw))
			return err
		}})
		return err
	}
	cols, err := daemon.Ask[daemon.Columns](ctx, s.Client, "columns", args, daemon.Sink{})
	if err != nil {
		return err
	}
	w := csv.NewWriter(a.out)
	head := append([]string{"hub_id", "state"}, append(append([]string{}, cols.IDs...), cols.Fields...)...)
	if err := w.Write(head); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	_, err = daemon.Ask[daemon.Count](ctx, s.Client, "export", args, daemon.Sink{Item: func(raw json.RawMessage) error {
		var v engine.RecordView
		if err := json.Unmarshal(raw, &v); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		return w.Write(csvRow(v, cols))
	}})
	if err != nil {
		return err
	}
	w.Flush()
	return w.Error() //nolint:wrapcheck // a broken pipe says enough
}

func csvRow(v engine.RecordView, cols daemon.Columns) []string {
	row := []string{v.ID, v.State}
	for _, name := range cols.IDs {
		row = append(row, v.IDs[name])
	}
	values := map[string]string{}
	for _, f := range v.Fields {
		values[f.Name] = f.Value
	}
	for _, name := range cols.Fields {
		value := values[name]
		if value == "" {
			value = v.IDs[name]
		}
		row = append(row, value)
	}
	return row
}
