package salesforce

import (
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

// Convert turns a field as Salesforce sent it into its canonical value.
// Salesforce sends every field that was asked for, a blank one as null, so an
// absent one is missing.
func (c *Client) Convert(object string, f record.Field, raw []byte) (record.Value, error) {
	v, err := convert(f, raw)
	if err != nil {
		return record.Value{}, &providers.Error{
			Op: "convert " + object + "." + f.Name, Kind: providers.Rejected, Fields: []string{f.Name}, Err: err,
		}
	}
	return v, nil
}

func convert(f record.Field, raw []byte) (record.Value, error) {
	v, err := record.CanonicalJSON(f.Type, raw)
	if err != nil || !v.IsSet() || f.Type != record.Reference && !isIDField(f.Name) {
		return v, err
	}
	if id, ok := ID18(v.Text()); ok {
		return record.Of(id), nil
	}
	return v, nil
}

// isIDField reports whether a field of this name holds a Salesforce id
// whatever type the hub gives it: Id itself and the standard references. The
// text of any other field, such as an external id, stays as it is (R6).
func isIDField(name string) bool {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	return strings.EqualFold(name, "Id") || strings.HasSuffix(name, "Id") && !strings.Contains(name, "__")
}
