package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"crmsyncd/providers/closeio/closeiosim"
)

// closeOrg is the Close organization as people edit it: values are texts, and
// custom fields go by custom. and their name.
type closeOrg struct{ *closeiosim.Sim }

// Insert makes a record.
func (c closeOrg) Insert(object string, fields map[string]string) (string, error) {
	in, err := typed(fields)
	if err != nil {
		return "", err
	}
	return c.Sim.Insert(object, in) // it says what it refuses
}

// Edit changes fields of a record; an empty text clears.
func (c closeOrg) Edit(object, id string, fields map[string]string) error {
	if err := c.known(object, id); err != nil {
		return err
	}
	in, err := typed(fields)
	if err != nil {
		return err
	}
	return c.Sim.Edit(id, in) // it says what it refuses
}

// EditQuietly changes fields of a record and leaves no trace.
func (c closeOrg) EditQuietly(object, id string, fields map[string]string) error {
	if err := c.known(object, id); err != nil {
		return err
	}
	in, err := typed(fields)
	if err != nil {
		return err
	}
	return c.Sim.EditQuietly(id, in) // it says what it refuses
}

// Delete deletes a record, and with a lead all that belongs to it.
func (c closeOrg) Delete(object, id string) error {
	if err := c.known(object, id); err != nil {
		return err
	}
	c.Sim.Delete(id)
	return nil
}

func (c closeOrg) known(object, id string) error {
	if c.Record(object, id) == nil {
		return fmt.Errorf("there is no %s %s", object, id)
	}
	return nil
}

// Record is what a record holds; nil if there is none.
func (c closeOrg) Record(object, id string) map[string]string {
	prefix := map[string]string{"lead": "lead_", "contact": "cont_", "opportunity": "oppo_", "task": ""}
	if p, known := prefix[object]; !known || !strings.HasPrefix(id, p) {
		return nil
	}
	raw := c.Sim.Record(id)
	if raw == nil {
		return nil
	}
	out := make(map[string]string, len(raw))
	for name, v := range raw {
		var text string
		switch {
		case string(v) == "null":
		case json.Unmarshal(v, &text) == nil:
			out[name] = text
		default:
			out[name] = string(v)
		}
	}
	return out
}

// typed gives texts the types that Close insists on.
func typed(fields map[string]string) (closeiosim.Fields, error) {
	out := closeiosim.Fields{}
	for name, text := range fields {
		switch name {
		case "is_complete", "value", "confidence":
			var v any
			if err := json.Unmarshal([]byte(text), &v); err != nil {
				return nil, fmt.Errorf("%s cannot be %q", name, text)
			}
			out[name] = v
		case "email":
			out["emails"] = []map[string]string{{"type": "office", "email": text}}
		case "phone":
			out["phones"] = []map[string]string{{"type": "office", "phone": text}}
		default:
			out[name] = text
		}
		if text == "" {
			out[name] = nil
		}
	}
	return out, nil
}
