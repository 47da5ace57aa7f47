package fieldmap

import (
	"fmt"
	"slices"

	"crmsyncd/fieldmap/record"
)

// parentField is the reference of an object to another record of its own kind.
const parentField = "parent"

// parent makes the rule of a field that names the parent by one of its keys:
// some systems know no parents, and hold only the other one's id (R83).
func (c *compilation) parent(at place, r *Route, spec *ParentSpec) {
	if spec == nil {
		return
	}
	at = at.at("parent")
	field := r.Hub.Field(parentField)
	switch {
	case r.Direction == Push:
		c.fail(at, "parent is a word for pull routes", "a push maps the field parent like any other")
		return
	case field == nil:
		c.fail(at, fmt.Sprintf("%s has no parent", r.Hub.Name), "only accounts have one")
		return
	case spec.From == "":
		c.fail(at.at("from"), "parent names no remote field", "the field that holds the parent's id")
		return
	case r.rule(field) != nil:
		c.fail(at, "parent is filled twice, here and by a field mapping", "one of them would undo the other")
		return
	}
	key := r.Hub.ID
	if spec.Key != "" {
		key = c.field(at.at("key"), r.Hub, spec.Key)
	}
	switch {
	case key == nil && spec.Key == "":
		c.fail(at.at("key"), fmt.Sprintf("%s has no id, so the key must be said", r.Hub.Name), "add key:")
		return
	case key == nil:
		return
	case !slices.Contains([]record.Type{record.ID, record.Text}, key.Type) || key.Computed != nil:
		c.fail(at.at("key"), fmt.Sprintf("%s cannot name a record", key.Name), "use a field of type id or text")
		return
	}
	key.Key = true
	rule := &Rule{
		Index: len(r.Fields), Remote: record.Field{Name: spec.From, Type: key.Type}, Hub: field, RefKey: key,
		Write: Never, Default: record.NullValue(), File: r.File, Line: at.line,
	}
	c.ruleAt[rule] = at
	rule.Fingerprint = c.ruleFingerprint(rule)
	r.Fields = append(r.Fields, rule)
}
