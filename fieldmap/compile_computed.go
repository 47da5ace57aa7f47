package fieldmap

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"crmsyncd/fieldmap/record"
)

// The two words of when_none; anything else is a value.
const (
	noneClears = "clear"
	noneKeeps  = "keep"
)

const pickPattern = `^\s*([a-z]+)\(\s*([A-Za-z0-9_.]*)\s*\)\s*$`

// computeds makes the computed fields, in order. It comes after all objects of
// the hub: each field looks at another object's.
func (c *compilation) computeds() {
	for _, name := range ObjectNames() {
		for _, f := range c.m.Hub[name].Fields {
			if spec, ok := c.worked[f]; ok {
				f.Computed = c.computedField(c.hubAts[f].at("computed"), f, spec)
			}
		}
	}
}

// computedField returns the rule of one field, also where something is wrong
// with it, so that others can tell that the field is computed; it is never
// without From.
func (c *compilation) computedField(at place, f *HubField, spec ComputedSpec) *Computed {
	out := &Computed{field: f, From: c.m.Hub[spec.From], fallback: record.NullValue()}
	c.computable(at, f)
	if out.From == nil {
		c.failName(at.at("from"), "hub object", spec.From, ObjectNames())
		out.From = c.m.Hub[f.Object]
		return out
	}
	if out.Via = via(out.From, f.Object); out.Via == nil {
		c.fail(at.at("from"), fmt.Sprintf("%s has no reference to %s", out.From.Name, f.Object),
			"a field is computed from the records that refer to its own")
	}
	c.whenNone(at.at("when_none"), out, spec.WhenNone)
	c.computedWhere(at.at("where"), out, spec.Where)
	c.computedPick(at.at("pick"), out, spec.Pick)
	c.computedSort(at.at("sort"), out, spec.Sort)
	c.computedFields(at, out)
	out.Fingerprint = c.computedFingerprint(out, spec)
	return out
}

// computable refuses fields that must come from a system.
func (c *compilation) computable(at place, f *HubField) {
	_, daemon := c.hub.filledByDaemon(f.Name)
	switch {
	case f.Identity || f.Name == Name && f.Object == Account:
		c.fail(at, f.Name+" tells records apart and cannot be computed", "")
	case daemon:
		c.fail(at, f.Name+" is filled by the daemon and cannot be computed", "")
	case f.Type == record.Reference || f.Type == record.MultiSet:
		c.fail(at, fmt.Sprintf("%s is of type %s and cannot be computed", f.Name, f.Type), "")
	}
}

// via is the field through which records of one object refer to another.
func via(from *HubObject, to string) *HubField {
	var found *HubField
	for _, f := range from.Fields {
		if f.Type == record.Reference && f.RefTo == to && (found == nil || f.Name == to) {
			found = f
		}
	}
	return found
}

func (c *compilation) whenNone(at place, out *Computed, text string) {
	switch strings.TrimSpace(text) {
	case "":
		c.fail(at, fmt.Sprintf("it is not said what %s becomes when no %s qualifies", out.field.Name, out.From.Name),
			"add when_none: clear, when_none: keep, or when_none: with the value to take") // R75
	case noneClears:
	case noneKeeps:
		out.keep, out.fallback = true, record.Value{}
	default:
		v, err := record.Canonical(out.field.Type, text)
		switch {
		case err != nil:
			c.fail(at, fmt.Sprintf("%q is neither clear nor keep nor a value of %s: %v", text, out.field.Name, err),
				fmt.Sprintf("%s is of type %s", out.field.Name, out.field.Type))
		case !out.field.Holds(v):
			c.failName(at, "value", text, append([]string{noneClears, noneKeeps}, out.field.Values...))
		default:
			out.fallback = v
		}
	}
}

// computedWhere wants today compared with dates alone: only then are the days
// known on which the answer turns (R73).
func (c *compilation) computedWhere(at place, out *Computed, source string) {
	if strings.TrimSpace(source) == "" {
		return
	}
	fields := FilterFields{Types: map[string]record.Type{}}
	for _, f := range out.From.Fields {
		fields.Types[f.Name] = f.Type
	}
	filter, faults := CompileFilter(source, fields)
	for _, fault := range faults {
		c.fail(at, fault.Message, fault.Hint)
	}
	if len(filter.Systems()) > 0 {
		c.fail(at, "exists_in is for the filters of routes", "leave it out")
	}
	if filter != nil && filter.today.loose {
		c.fail(at, "today is used otherwise than to be compared with a date",
			`compare it with one date field or a date, as in end_date >= today`)
	}
	out.where = filter
}

func (c *compilation) computedPick(at place, out *Computed, text string) {
	parts := regexp.MustCompile(pickPattern).FindStringSubmatch(text)
	if parts == nil {
		c.fail(at, fmt.Sprintf("pick %q is not understood", text),
			"one of max(field), min(field), first(field), last(field), sum(field), count()")
		return
	}
	i := slices.Index(pickNames(), parts[1])
	if i < 0 {
		c.failName(at, "pick", parts[1], pickNames())
		return
	}
	out.pick = pick(i)
	switch {
	case out.pick == pickCount && parts[2] == "":
		c.fits(at, out, record.Int)
		return
	case out.pick == pickCount:
		c.fail(at, "count counts records and takes no field", "write count()")
		return
	case parts[2] == "":
		c.fail(at, parts[1]+" takes a field", "as in "+parts[1]+"(end_date)")
		return
	}
	if out.picked = c.field(at, out.From, parts[2]); out.picked == nil {
		return
	}
	if !pickable(out.pick, out.picked.Type) {
		c.fail(at, fmt.Sprintf("%s is of type %s, of which there is no %s", out.picked.Name, out.picked.Type, parts[1]), "")
		return
	}
	c.fits(at, out, out.picked.Type)
}

func pickable(p pick, t record.Type) bool {
	number := t == record.Int || t == record.Decimal
	switch p {
	case pickSum:
		return number
	case pickMax, pickMin:
		return number || t == record.Date || t == record.Datetime
	}
	return t != record.Reference && t != record.MultiSet
}

// fits asks for a result that the field can hold.
func (c *compilation) fits(at place, out *Computed, t record.Type) {
	f := out.field
	ok := t == f.Type || t == record.Int && f.Type == record.Decimal ||
		f.Type == record.Text && (t == record.Picklist || t == record.ID)
	if ok && f.Type == record.Picklist {
		for _, value := range out.picked.Values {
			ok = ok && f.Holds(record.Of(value))
		}
	}
	if !ok {
		c.fail(at, fmt.Sprintf("the result is of type %s, and %s is of type %s", t, f.Name, f.Type),
			"the two must be the same, for picklists also their values")
	}
}

func (c *compilation) computedSort(at place, out *Computed, text string) {
	ordered := out.pick == pickFirst || out.pick == pickLast
	switch {
	case text == "" && ordered && out.picked != nil:
		c.fail(at, pickNames()[out.pick]+" needs an order", "add sort: with a field, -field for the greatest first")
	case text == "":
	case !ordered:
		c.fail(at, "an order is for first and last; "+pickNames()[out.pick]+" has no use for one", "leave sort out")
	default:
		name, down := strings.CutPrefix(text, "-")
		out.down = down
		if out.sort = c.field(at, out.From, name); out.sort != nil && !pickable(pickFirst, out.sort.Type) {
			c.fail(at, fmt.Sprintf("%s is of type %s, which has no order", name, out.sort.Type), "")
		}
	}
}

// computedFields collects what is looked at. A field worked out of usage data
// is usage data (R86, R98).
func (c *compilation) computedFields(at place, out *Computed) {
	for _, f := range out.From.Fields {
		if f != out.picked && f != out.sort && !slices.Contains(out.where.Fields(), f.Name) {
			continue
		}
		out.fields = append(out.fields, f)
		if _, computed := c.worked[f]; computed {
			c.fail(at, fmt.Sprintf("%s looks at %s.%s, which is computed itself", out.field.Name, f.Object, f.Name),
				"look at fields that a system fills")
		}
		out.field.Usage = out.field.Usage || f.Usage
	}
}

func (c *compilation) computedFingerprint(out *Computed, spec ComputedSpec) uint64 {
	var f fingerprint
	f.add("computed", out.field.Type.String(), strconv.Itoa(out.field.Scale), out.From.Name)
	f.add(spec.Where, spec.Sort, spec.Pick, spec.WhenNone, c.opt.Zone.String())
	for _, field := range out.fields {
		f.add(field.Name, field.Type.String())
	}
	return f.sum()
}

// checkComputed looks for computed fields that can never have a value.
func (c *compilation) checkComputed() {
	for _, name := range ObjectNames() {
		for _, f := range c.m.Computed(name) {
			at := c.hubAts[f].at("computed")
			for _, looked := range append(slices.Clone(f.Computed.fields), f.Computed.Via) {
				if looked != nil && !c.filled(looked) {
					c.warn(at, fmt.Sprintf("%s looks at %s.%s, which no route fills", f.Name, looked.Object, looked.Name),
						"map it in the route of the system that has it")
				}
			}
		}
	}
}
