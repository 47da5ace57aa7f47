package fieldmap

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"crmsyncd/fieldmap/record"
)

// repairWholeNumber is the one repair there is: ids that a system keeps as
// decimal numbers.
const repairWholeNumber = "whole_number"

// rule makes one field mapping. It returns nil when nothing can be made of it.
func (c *compilation) rule(at place, r *Route, spec FieldSpec) *Rule {
	if strings.TrimSpace(spec.Remote) == "" {
		c.fail(at.at("remote"), "the mapping names no remote field", "")
		return nil
	}
	field := c.field(at.at("hub"), r.Hub, spec.Hub)
	if field == nil {
		return nil
	}
	rule := &Rule{
		Remote: record.Field{Name: spec.Remote, Type: field.Type}, Hub: field,
		Compare:    word[Form](c, at.at("compare"), spec.Compare, formNames()),
		OnUnmapped: word[Unmapped](c, at.at("on_unmapped"), spec.OnUnmapped, unmappedNames()),
		OnEmpty:    word[OnEmpty](c, at.at("on_empty"), spec.OnEmpty, emptyNames()),
		Default:    record.NullValue(),
		Editable:   spec.Editable, Repair: spec.Normalize,
		File: r.File, Line: at.line,
	}
	c.ruleAt[rule] = at
	c.exactID(at.at("compare"), field, rule.Compare)
	c.repair(at.at("normalize"), rule)
	c.write(at.at("write"), r, rule, spec.Write)
	c.values(at.at("values"), r, rule, spec.Values)
	c.fallback(at, r, rule, spec)
	c.duplicateRule(at, r, rule)
	c.allowed(at, r, rule)
	rule.Fingerprint = c.ruleFingerprint(rule)
	return rule
}

func (c *compilation) repair(at place, rule *Rule) {
	switch {
	case rule.Repair == "":
	case rule.Repair != repairWholeNumber:
		c.failName(at, "repair", rule.Repair, []string{repairWholeNumber})
	case rule.Hub.Type != record.ID:
		c.fail(at, fmt.Sprintf("whole_number repairs ids, and %s is of type %s", rule.Hub.Name, rule.Hub.Type), "")
	}
}

// write gives sub-objects their create-only default (D2). A pulled field is
// written only if it is editable.
func (c *compilation) write(at place, r *Route, rule *Rule, name string) {
	if name != "" {
		rule.Write = word[WriteMode](c, at, name, writeNames())
	} else if rule.Hub.Sub {
		rule.Write = CreateOnly
	}
	if r.Direction == Pull && !rule.Editable {
		rule.Write = Never
		if name != "" && name != Never.String() {
			c.fail(at, "write is a word for push routes", "a pulled field is never written; leave it out")
		}
	}
}

func (c *compilation) values(at place, r *Route, rule *Rule, entries map[string][]string) {
	if len(entries) == 0 {
		return
	}
	f := rule.Hub
	if f.Type == record.ID || f.Type == record.Reference {
		c.fail(at, fmt.Sprintf("%s takes no value map", f.Name), "an id is the same text everywhere")
		return
	}
	clean := map[string][]string{}
	for _, remote := range slices.Sorted(maps.Keys(entries)) {
		theirs, err := record.Canonical(record.Text, remote)
		if len(entries[remote]) == 0 {
			c.fail(at, "a value map holds a blank", "blank stays blank by itself")
		}
		if err != nil || !theirs.IsSet() {
			c.fail(at, "a value map holds a blank", "blank stays blank by itself")
			continue
		}
		for _, text := range entries[remote] {
			if hub, ok := c.mapped(at, f, text); ok {
				clean[theirs.Text()] = append(clean[theirs.Text()], hub)
			}
		}
	}
	multi := f.Type == record.MultiSet
	rule.Values = newValueMap(clean, multi)
	if !multi {
		rule.Remote.Type = record.Text
	}
	if r.Direction == Push && rule.Values.Clash() {
		c.fail(at, "two remote values stand for one hub value", "a push cannot tell which one to write")
	}
}

// mapped returns the canonical form of the hub side of a value map.
func (c *compilation) mapped(at place, f *HubField, text string) (string, bool) {
	t := f.Type
	if t == record.MultiSet {
		t = record.Text
	}
	v, err := record.Canonical(t, text)
	switch {
	case err != nil:
		c.fail(at, fmt.Sprintf("%q: %v", text, err), fmt.Sprintf("%s is of type %s", f.Name, f.Type))
	case !v.IsSet():
		c.fail(at, "a value map holds a blank", "blank stays blank by itself")
	case !f.Holds(v):
		c.failName(at, "value", text, f.Values)
	default:
		return v.Text(), true
	}
	return "", false
}

// fallback reads what happens to a value that the map does not hold. On a pull
// the default is one of the hub's values, on a push one of theirs.
func (c *compilation) fallback(at place, r *Route, rule *Rule, spec FieldSpec) {
	if rule.OnUnmapped != UnmappedDefault {
		if spec.Default != "" {
			c.fail(at.at("default"), "a default is used only with on_unmapped: default", "")
		}
	} else if spec.Default == "" {
		c.fail(at.at("on_unmapped"), "on_unmapped: default has no default", "add default: VALUE")
	} else {
		c.defaultValue(at.at("default"), r, rule, spec.Default)
	}
	listed := len(rule.Hub.Values) > 0 && r.Direction == Pull
	if spec.OnUnmapped != "" && rule.Values == nil && !listed {
		c.fail(at.at("on_unmapped"), "on_unmapped needs values or a picklist", "")
	}
}

func (c *compilation) defaultValue(at place, r *Route, rule *Rule, text string) {
	t := rule.Remote.Type
	if r.Direction == Pull {
		t = rule.Hub.Type
	}
	v, err := record.Canonical(t, text)
	if err != nil {
		c.fail(at, fmt.Sprintf("%q: %v", text, err), fmt.Sprintf("%s is of type %s", rule.Hub.Name, t))
		return
	}
	if r.Direction == Pull && !rule.Hub.Holds(v) {
		c.failName(at, "value", text, rule.Hub.Values)
		return
	}
	rule.Default = v
}

func (c *compilation) duplicateRule(at place, r *Route, rule *Rule) {
	for _, other := range r.Fields {
		switch {
		case r.Direction == Pull && other.Hub == rule.Hub:
			c.fail(at, fmt.Sprintf("two remote fields fill %s", rule.Hub.Name), "one of them would undo the other")
		case r.Direction == Push && other.Remote.Name == rule.Remote.Name:
			c.fail(at, fmt.Sprintf("two mappings write %s", rule.Remote.Name), "one of them would undo the other")
		}
	}
}

// allowed refuses what no route may do with the field.
func (c *compilation) allowed(at place, r *Route, rule *Rule) {
	f := rule.Hub
	if f.Usage && (r.Direction == Push || rule.Editable) {
		c.fail(at, fmt.Sprintf("%s is usage data, which no route may push", f.Name), "") // R86, R98
	}
	if _, daemon := c.hub.filledByDaemon(f.Name); daemon && r.Direction == Pull {
		c.fail(at, fmt.Sprintf("%s is filled by the daemon and cannot be pulled", f.Name),
			"name the system as crm, billing or support in hub.yaml") // D17
	}
	if f.Computed != nil && r.Direction == Pull && !rule.Editable {
		c.fail(at, fmt.Sprintf("%s is computed and cannot be pulled as well", f.Name),
			"leave out this mapping, or computed: in hub.yaml")
	}
	if rule.Editable {
		c.editable(at.at("editable"), r, rule)
	}
}

// editable refuses what could not be written back one to one (R76, B5).
func (c *compilation) editable(at place, r *Route, rule *Rule) {
	f := rule.Hub
	switch {
	case r.Direction == Push:
		c.fail(at, "editable is a word for pulled fields", "a push route uses write")
	case f.Computed != nil:
		c.fail(at, fmt.Sprintf("%s is computed from %s records and can never be editable", f.Name, f.Computed.From.Name),
			"only a field that stands for one remote field has a way back") // R76
	case f.Object == Opportunity || f.Object == User:
		c.fail(at, fmt.Sprintf("%s is never written back", f.Object), "leave editable out") // R109, R115
	case rule.Repair != "":
		c.fail(at, "a repaired field has no way back", "leave editable or normalize out")
	case f.Sub && rule.Write == CreateOnly:
		c.fail(at, "an address or phone is written at creation only", "add write: on_change to this field")
	case f.Core && f.Object != Task:
		c.fail(at, fmt.Sprintf("%s is a core field and cannot be editable", f.Name), "use a custom field")
	case rule.Values != nil && !rule.Values.OneToOne():
		c.fail(at, "a value map that is not one to one has no way back", "")
	default:
		c.warn(at, "editable is taken note of, but this version writes nothing back: the field is only read", "")
	}
}
