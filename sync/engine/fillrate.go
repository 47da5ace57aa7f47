package engine

import (
	"context"
	"fmt"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/sync/ledger"
)

// fillSample is how many records a fill rate is taken over, and fillWarn the
// rate below which a required or key field is warned about (D11).
const (
	fillSample = 200
	fillWarn   = 80
)

// fillRates says how well the mapped fields of a pulled object are filled.
func (e *Engine) fillRates(ctx context.Context, sys *System, r *ledger.Route) ([]Finding, error) {
	if r.Direction != fieldmap.Pull || sys.Reader == nil {
		return nil, nil
	}
	fields := r.ReadFields()
	filled := make([]int, len(fields))
	total := 0
	for page, err := range sys.Reader.Read(ctx, providers.Query{Object: r.Object, Fields: fields, Full: true}) {
		if err != nil {
			return nil, fmt.Errorf("sample %s: %w", r.Key(), err)
		}
		for i := range page.Records {
			total++
			countFilled(sys, r.Object, fields, &page.Records[i], filled)
		}
		if total >= fillSample {
			break
		}
	}
	return fillFindings(r, filled, total), nil
}

func countFilled(sys *System, object string, fields []record.Field, rec *record.Record, filled []int) {
	for i, f := range fields {
		if v, err := sys.Provider.Convert(object, f, rec.Raw[i]); err != nil || v.IsSet() {
			filled[i]++
		}
	}
}

func fillFindings(r *ledger.Route, filled []int, total int) []Finding {
	if total == 0 {
		return nil
	}
	var out []Finding
	for i, rule := range r.Fields {
		rate := filled[i] * 100 / total
		f := Finding{
			System: r.System, Object: r.Object, Field: rule.Remote.Name, File: r.File, Line: rule.Line, Warning: true, Filled: filled[i], Of: total,
			Message: fmt.Sprintf("%s.%s is filled in %d %% of %d records", r.Object, rule.Remote.Name, rate, total),
		}
		if rate < fillWarn && (rule.Hub.Required || rule.Hub.Key) {
			f.Mend = "fill it in " + r.System + ": " + rule.Hub.Name + " is needed to find or make records"
		}
		out = append(out, f)
	}
	return out
}
