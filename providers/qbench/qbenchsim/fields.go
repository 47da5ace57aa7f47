package qbenchsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Fields are the values of a record by key: text, numbers, nil, an Address, a
// list of tags, or anything else that encodes to JSON. The key customer_ids of
// a contact takes the ids of its customers. The key date_created takes a
// time.Time, shown as Options.Dates says, or text that is shown as it is.
// Absent takes a key away.
type Fields map[string]any

// Address is an address in the object form.
type Address struct {
	Street     string `json:"street"`
	Street2    string `json:"street_2"`
	City       string `json:"city"`
	State      string `json:"state"`
	PostalCode string `json:"postal_code"`
	Country    string `json:"country"`
}

// Absent is the value of a key that a record does not have, not even as null.
type Absent struct{}

const (
	customerIDs = "customer_ids"
	dateCreated = "date_created"
)

// customerKeys are the documented v1 keys. Every record shows them, null if unset.
func customerKeys() []string {
	return []string{"customer_name", "address", "phone", "fax", "comments", "tags"}
}

// contactKeys are the documented v1 keys. Every record shows them, null if unset.
func contactKeys() []string {
	return []string{"first_name", "last_name", "email_address", "phone", "mobile", "fax", "address", "tags"}
}

// encode writes f as the inside of a JSON object: keys first, then the others
// by name. It fails only on a value that has no JSON form.
func encode(keys []string, f Fields) ([]byte, error) {
	b := make([]byte, 0, 256)
	put := func(k string, v any) error {
		if _, gone := v.(Absent); gone {
			return nil
		}
		if len(b) > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendValue(append(appendText(b, k), ':'), v); err != nil {
			return fmt.Errorf("encode %s: %w", k, err)
		}
		return nil
	}
	for _, k := range keys {
		v, ok := f[k]
		if k == "tags" && !ok {
			v = []string{}
		}
		if err := put(k, v); err != nil {
			return nil, err
		}
	}
	for _, k := range additional(keys, f) {
		if err := put(k, f[k]); err != nil {
			return nil, err
		}
	}
	return slices.Clip(b), nil
}

// additional lists the keys of f that are neither documented nor reserved.
func additional(keys []string, f Fields) []string {
	more := make([]string, 0, len(f))
	for k := range f {
		if !slices.Contains(keys, k) && !reserved(k) {
			more = append(more, k)
		}
	}
	slices.Sort(more)
	return more
}

// appendValue writes v as JSON. The usual kinds are written at once, for a
// benchmark loads millions of records.
func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case string:
		return appendText(b, v), nil
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	}
	raw, err := json.Marshal(v)
	return append(b, raw...), err
}

// appendText writes s as a JSON string.
func appendText(b []byte, s string) []byte {
	if plain(s) {
		return append(append(append(b, '"'), s...), '"')
	}
	raw, err := json.Marshal(s)
	if err != nil {
		panic("qbenchsim: a string cannot be encoded: " + err.Error())
	}
	return append(b, raw...)
}

// plain tells a string that JSON writes as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// reserved tells the keys that the server fills itself.
func reserved(key string) bool {
	switch key {
	case "id", customerIDs, "last_updated", dateCreated:
		return true
	}
	return false
}

// decode reads the inside of a JSON object back; numbers stay as written.
func decode(body []byte) Fields {
	dec := json.NewDecoder(bytes.NewReader(slices.Concat([]byte("{"), body, []byte("}"))))
	dec.UseNumber()
	f := Fields{}
	if err := dec.Decode(&f); err != nil {
		panic("qbenchsim: a stored record is not JSON: " + err.Error())
	}
	return f
}

// without returns body with some keys taken out.
func without(body []byte, keys []string) []byte {
	f := decode(body)
	var first []string
	for _, k := range slices.Concat(customerKeys(), contactKeys()) {
		if _, ok := f[k]; ok && !slices.Contains(keys, k) && !slices.Contains(first, k) {
			first = append(first, k)
		}
	}
	for _, k := range keys {
		delete(f, k)
	}
	out, err := encode(first, f)
	if err != nil {
		panic("qbenchsim: a stored record cannot be encoded: " + err.Error())
	}
	return out
}

// takeIDs reads the customer_ids of f.
func takeIDs(f Fields) (ids []int64, given bool, err error) {
	v, given := f[customerIDs]
	if !given || v == nil {
		return nil, given, nil
	}
	switch list := v.(type) {
	case []int64:
		return slices.Clone(list), true, nil
	case []any:
		for _, item := range list {
			id, err := strconv.ParseInt(fmt.Sprint(item), 10, 64)
			if err != nil {
				return nil, true, fmt.Errorf("customer_ids: %v is not an id", item)
			}
			ids = append(ids, id)
		}
		return ids, true, nil
	}
	return nil, true, fmt.Errorf("customer_ids must be a list of ids")
}
