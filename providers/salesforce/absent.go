package salesforce

import (
	"context"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/outcome"
)

// absent says of ids that no record was shown for how that is known.
func (c *Client) absent(ctx context.Context, op, object string, ids []string) ([]*providers.Error, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	told, err := c.bin(ctx, op, object, ids)
	if err != nil {
		return nil, err
	}
	errs := make([]*providers.Error, len(ids))
	for i, id := range ids {
		if errs[i] = told[id]; errs[i] != nil {
			continue
		}
		errs[i] = &providers.Error{
			Op: op, Ref: ref(object, id), Kind: providers.Missing, Gone: providers.NotVisible, Message: "not shown",
			Hint: "it was deleted longer ago than the bin keeps, or the integration user may not see it",
		}
	}
	return errs, nil
}

// bin looks which of these ids the recycle bin holds: what was deleted, and the
// losers of merges, which name their winner.
func (c *Client) bin(ctx context.Context, op, object string, ids []string) (map[string]*providers.Error, error) {
	fields := []record.Field{{Name: "IsDeleted", Type: record.Bool}}
	if mergeable(object) {
		fields = append(fields, record.Field{Name: "MasterRecordId", Type: record.Reference})
	}
	soql, err := conditions(op, selectFrom(object, fields), record.Field{Name: "Id", Type: record.Reference}, idValues(ids))
	if err != nil {
		return nil, err
	}
	told := make(map[string]*providers.Error, len(ids))
	for _, q := range soql {
		recs, err := c.all(ctx, call{op: op, kind: kindGet}, "queryAll", q, fields)
		if e := outcome.AsError(err); e != nil && e.Code == "INVALID_FIELD" {
			return nil, nil //nolint:nilnil // an object such as User, whose records are never deleted
		}
		if err != nil {
			return nil, err
		}
		for _, r := range recs {
			if string(r.Raw[0]) != "true" {
				continue
			}
			e := &providers.Error{
				Op: op, Ref: ref(object, r.ID), Kind: providers.Missing, Gone: providers.Told, Code: "ENTITY_IS_DELETED", Message: "deleted",
			}
			if len(r.Raw) > 1 {
				if winner, ok := idOf(r.Raw[1]); ok && winner != r.ID {
					e.Successor, e.Message = winner, "merged into another record"
				}
			}
			told[r.ID] = e
		}
	}
	return told, nil
}
