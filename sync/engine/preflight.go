package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// checksLast is how long the checks at the start of a run are remembered, so
// that a run with nothing to do makes no call.
const checksLast = 24 * time.Hour

// checked is what is remembered of them.
type checked struct {
	At     time.Time
	Config uint64 // a changed configuration is checked anew
	Access string // so is what another address or client opens
	// Suspended names the rules whose remote field is gone or cannot be written
	// now: they rest, the others go on, and nothing is taken for blank (F19).
	Suspended []string
	// Unoffered are the options, by what a rule rests under, that a line of its
	// value map names and the system does not offer: what needs one is held.
	Unoffered map[string][]string
}

// Finding is one thing that a live check has to say.
type Finding struct {
	System, Object, Field string
	File                  string
	Line                  int
	Message               string
	Mend                  string
	Warning               bool
	Filled, Of            int    // of a fill rate: so many of the records that were read
	denied                bool   // a right is missing, and nothing else
	option                string // that a line of the value map names and the system does not offer
	rule                  string // the line that names it
	rests                 string // the name under which the rule rests; empty where it cannot
}

// String is one line: where, what and how to mend it.
func (f Finding) String() string {
	s := f.File
	if f.Line > 0 {
		s += fmt.Sprintf(":%d", f.Line)
	}
	if s != "" {
		s += ": "
	}
	s += f.Message
	if f.Mend != "" {
		s += " (" + f.Mend + ")"
	}
	return s
}

// preflight compares the routes with the system's schema before a run touches
// anything, once a day.
func (r *run) preflight(ctx context.Context) error {
	routes := r.book.RoutesOf(r.req.System)
	config := routesFingerprint(routes)
	if lately, err := r.checkedLately(config); err != nil || lately {
		return err
	}
	findings, err := r.schemaFindings(ctx, r.sys, routes)
	if err != nil {
		return err
	}
	if f := wrong(findings); f != nil {
		return r.unfitFor(f)
	}
	r.sayResting(findings)
	return r.setChecked(r.req.System, checked{At: r.now(), Config: config, Access: r.access(r.sys), Suspended: restingNames(findings), Unoffered: unofferedOf(findings)})
}

// forgetChecks makes the next run check the system again: it said something
// that does not fit what was found.
func (r *run) forgetChecks() error {
	return r.opt.Store.Update(func(tx *state.Tx) error { return tx.SetMeta(checkedKey(r.req.System), nil) })
}

// mayBeMissed reports whether records can go out without a field: it is no key,
// and nothing waits for it.
func mayBeMissed(r *ledger.Route, rule *fieldmap.Rule) bool {
	if rule.Hub.Required || isContactEmail(rule.Hub) || ledger.IsParent(rule) || slices.Contains(r.CreateNeeds, rule.Hub) {
		return false
	}
	if r.Direction == fieldmap.Pull && (rule.Hub == r.Hub.ID || slices.Contains(r.Filter.Fields(), rule.Remote.Name)) {
		return false
	}
	return !slices.ContainsFunc(r.Match, func(k fieldmap.MatchKey) bool { return k.Remote == rule.Remote.Name })
}

func (r *run) checkedLately(config uint64) (bool, error) {
	c, err := r.lastChecked(r.req.System)
	if err != nil {
		return false, err
	}
	age := r.now().Sub(c.At)
	return c.Config == config && c.Access == r.access(r.sys) && age >= 0 && age < checksLast, nil
}

func routesFingerprint(routes []*ledger.Route) uint64 {
	var fp uint64 = 1
	for _, r := range routes {
		fp = fp*1099511628211 ^ r.Fingerprint
	}
	return fp
}

// Check asks one system everything that `check --live` prints.
func (e *Engine) Check(ctx context.Context, system string) (providers.Identity, []Finding, error) {
	sys := e.opt.Systems[system]
	if sys == nil {
		return providers.Identity{}, nil, fmt.Errorf("no system is named %q", system)
	}
	id, err := e.prove(ctx, sys, proving{asks: true, learns: true})
	if err != nil {
		return id, nil, err
	}
	routes := e.book.RoutesOf(system)
	findings, err := e.schemaFindings(ctx, sys, routes)
	if err != nil {
		return id, nil, err
	}
	if err := e.joinAgain(system, findings); err != nil {
		return id, nil, err
	}
	for _, r := range routes {
		rates, err := e.fillRates(ctx, sys, r)
		if err != nil {
			return id, findings, err
		}
		findings = append(findings, rates...)
	}
	return id, findings, nil
}

// schemaFindings compares every route with the system's schema as it is now.
func (e *Engine) schemaFindings(ctx context.Context, sys *System, routes []*ledger.Route) ([]Finding, error) {
	if sys.Describer == nil {
		return nil, nil
	}
	var out []Finding
	for _, r := range routes {
		schema, err := sys.Describer.Describe(ctx, r.Object)
		if err != nil {
			return nil, fmt.Errorf("describe %s: %w", r.Key(), err)
		}
		found := routeFindings(r, schema)
		if r.Direction == fieldmap.Push && sys.Chooser == nil {
			found = append(found, keyProblems(r, schema)...)
		}
		if err := e.explainRenames(r, schema, found); err != nil {
			return nil, err
		}
		if err := e.noteFits(r, found); err != nil {
			return nil, err
		}
		out = append(out, found...)
		if err := e.picklistsChanged(r, schema); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// explainRenames says of a field that is gone what it is called now, where the
// system gives fields ids of their own, and remembers the ids of those that are
// there.
func (e *Engine) explainRenames(r *ledger.Route, schema providers.Schema, found []Finding) error {
	key := "fields:" + r.Key()
	note, err := ledger.Note(e.opt.Store, key, e.log)
	if err != nil {
		return err
	}
	known := map[string]string{}             // name → the system's id of the field
	_ = json.Unmarshal([]byte(note), &known) // not readable: nothing can be explained
	names := map[string]string{}
	for name, f := range schema.Fields {
		if f.ID != "" {
			names[f.ID] = name
		}
	}
	for i, f := range found {
		if id := known[f.Field]; id != "" && names[id] != "" && names[id] != f.Field {
			found[i].Message += fmt.Sprintf(": it is called %q now", names[id])
			found[i].Mend = fmt.Sprintf("write %q in %s", names[id], r.File)
		}
	}
	changed := false
	for _, f := range r.ReadFields() {
		if id := schema.Fields[f.Name].ID; id != "" && known[f.Name] != id {
			known[f.Name], changed = id, true
		}
	}
	if !changed {
		return nil
	}
	text, err := json.Marshal(known)
	if err != nil {
		return err
	}
	return e.opt.Store.Update(func(tx *state.Tx) error { return tx.SetMeta(key, text) })
}

// picklistsChanged lets the records held on a route be tried again when the
// system's schema is not the one it was.
func (e *Engine) picklistsChanged(r *ledger.Route, schema providers.Schema) error {
	if r.Direction != fieldmap.Push {
		return nil
	}
	now := schemaDigest(e.book.Key, r, schema)
	key := "schema:" + r.Key()
	return e.opt.Store.Update(func(tx *state.Tx) error {
		before := string(tx.Meta(key))
		if before == now {
			return nil
		}
		if before != "" {
			if err := touchHeld(tx, r, func(h state.Hold) bool { return h.Reason == ledger.HoldRejected || h.Reason == ledger.HoldUnmapped }); err != nil {
				return err
			}
		}
		return tx.SetMeta(key, []byte(now))
	})
}

func schemaDigest(k record.Key, r *ledger.Route, schema providers.Schema) string {
	var b strings.Builder
	for _, rule := range r.Fields {
		f := schema.Fields[rule.Remote.Name]
		fmt.Fprintf(&b, "%s %s %d %v %v %q\n", f.Name, f.Type, f.Length, f.Createable, f.Updateable, f.Picklist)
	}
	return fmt.Sprintf("%x", uint64(k.Bytes([]byte(b.String()))))
}

// routeFindings says what of a route does not fit the system's schema.
func routeFindings(r *ledger.Route, schema providers.Schema) []Finding {
	var out []Finding
	say := func(field string, line int, warning bool, message, mend string) {
		out = append(out, Finding{
			System: r.System, Object: r.Object, Field: field, File: r.File, Line: line,
			Message: message, Mend: mend, Warning: warning,
		})
	}
	for _, rule := range r.Fields {
		f, ok := lookup(schema, rule.Remote.Name)
		if !ok {
			message := fmt.Sprintf("%s has no field %q, or the credential may not see it", r.Key(), rule.Remote.Name)
			say(rule.Remote.Name, rule.Line, schema.Partial, message, missingMend(r, rule, schema))
			if !schema.Partial && mayBeMissed(r, rule) {
				out[len(out)-1].rests = suspendedName(r.Object, rule)
			}
			continue
		}
		for _, p := range ruleProblems(r, rule, f) {
			say(rule.Remote.Name, rule.Line, p.warning, p.message, p.mend)
			out[len(out)-1].option, out[len(out)-1].rule = p.option, suspendedName(r.Object, rule)
			if p.unwritable && mayBeMissed(r, rule) {
				out[len(out)-1].rests, out[len(out)-1].denied = unwritableName(r.Object, rule), p.denied
			}
		}
	}
	if r.Direction == fieldmap.Push {
		externalProblems(r, schema, say)
	}
	return out
}

func lookup(s providers.Schema, name string) (providers.SchemaField, bool) {
	if f, ok := s.Fields[name]; ok {
		return f, true
	}
	for n, f := range s.Fields {
		if strings.EqualFold(n, name) {
			return f, true
		}
	}
	return providers.SchemaField{}, false
}

func missingMend(r *ledger.Route, rule *fieldmap.Rule, schema providers.Schema) string {
	if schema.Partial {
		return "no record of the sample carries it: add the field in " + r.System + ", or take the line out"
	}
	return "make the field, grant the right to see it, or mend the name in " + rule.File
}

type problem struct {
	message, mend string
	warning       bool
	unwritable    bool   // the field cannot be written, and others can
	denied        bool   // for want of a right alone
	option        string // that the system does not offer
}

// ruleProblems says what is wrong between one rule and one field of a schema.
func ruleProblems(r *ledger.Route, rule *fieldmap.Rule, f providers.SchemaField) []problem {
	var out []problem
	name := r.Object + "." + f.Name
	if r.Direction != fieldmap.Push {
		return nil
	}
	if rule.Write != fieldmap.Never {
		switch {
		case f.Readonly != "":
			out = append(out, problem{message: name + " can never be written: " + f.Readonly, mend: "map another field, or say `write: never`", unwritable: true})
		case !f.Createable:
			out = append(out, problem{message: name + " is not writable for this credential", mend: "grant edit access to the field", unwritable: true, denied: true})
		case !f.Updateable && rule.Write != fieldmap.CreateOnly:
			out = append(out, problem{message: name + " can be set at creation only", mend: "say `write: create_only`", unwritable: true})
		}
	}
	if f.Types != nil && !slices.Contains(f.Types, rule.Remote.Type) {
		out = append(out, problem{
			message: fmt.Sprintf("%s is of type %s, which cannot hold a %s", name, f.Type, rule.Remote.Type), mend: "map a field of a fitting type",
		})
	}
	if need := needLength(rule); f.Length > 0 && f.Length < need {
		out = append(out, problem{
			message: fmt.Sprintf("%s holds %d characters; %s may need %d", name, f.Length, rule.Hub.Name, need),
			mend:    "make the field longer", warning: f.Length >= shortText,
		})
	}
	return append(out, optionProblems(name, rule, f)...)
}

// optionProblems warns of options that a value map names and the field does not
// offer, each once.
func optionProblems(name string, rule *fieldmap.Rule, f providers.SchemaField) (out []problem) {
	if !f.Restricted || rule.Values == nil {
		return nil
	}
	last := ""
	for _, entry := range rule.Values.Entries() { // in order of their values
		v := entry[0]
		if v == last || slices.Contains(f.Picklist, v) {
			continue
		}
		last = v
		out = append(out, problem{
			message: fmt.Sprintf("%s does not offer %q, which the value map names: a record that needs it is held", name, v),
			mend:    "add the value there, or mend the map", warning: true, option: v,
		})
	}
	return out
}

// shortText is the length below which a text field surely cuts what is common.
const shortText = 18

// needLength is how long a field must be at least to hold the common values of
// a hub field.
func needLength(rule *fieldmap.Rule) int {
	switch {
	case rule.Hub.Type == record.ID, rule.Hub.Type == record.Reference:
		return shortText
	case rule.Hub.Name == "name", isContactEmail(rule.Hub):
		return 80
	}
	return 0
}

// keyProblems says which match keys of a push route the system cannot be asked
// by. Of one whose schema tells that of no field, nothing is known.
func keyProblems(r *ledger.Route, schema providers.Schema) (out []Finding) {
	tells := false
	for _, f := range schema.Fields {
		tells = tells || f.FindBy
	}
	if !tells {
		return nil
	}
	for _, k := range r.Match {
		f, ok := lookup(schema, k.Remote)
		if ok && f.FindBy || k.Remote == r.ExternalID {
			continue
		}
		found := Finding{System: r.System, Object: r.Object, Field: k.Remote, File: r.File, Line: r.Line}
		switch mapped := slices.ContainsFunc(r.Fields, func(rule *fieldmap.Rule) bool { return rule.Remote.Name == k.Remote }); {
		case ok:
			found.Message = fmt.Sprintf("%s cannot look records up by %s.%s (%s), which is a match key", r.System, r.Object, k.Remote, f.Type)
			found.Mend = "take the line out of match:, or name a field that can be filtered by"
		case mapped:
			continue // its line says so
		default:
			found.Message = fmt.Sprintf("%s has no field %q, which is a match key, or the credential may not see it", r.Key(), k.Remote)
			found.Mend = "make the field, grant the right to see it, or mend the name in " + r.File
		}
		out = append(out, found)
	}
	return out
}

// externalProblems says what is wrong with the field that carries our id.
func externalProblems(r *ledger.Route, schema providers.Schema, say func(string, int, bool, string, string)) {
	if r.ExternalID == "" {
		return
	}
	f, ok := lookup(schema, r.ExternalID)
	name := r.Object + "." + r.ExternalID
	if !ok {
		say(r.ExternalID, r.Line, false, r.System+" has no field "+name, "make a unique text field for our id there, case-sensitive where there is the choice")
		return
	}
	switch {
	case !f.Unique || !f.ExternalID:
		say(f.Name, r.Line, false, name+" is not a unique external id, so a repeated create could not be refused",
			"turn External ID and Unique on for the field")
	case f.Length > 0 && f.Length < shortText:
		say(f.Name, r.Line, false, fmt.Sprintf("%s holds %d characters, which is too short for an id", name, f.Length), "make the field longer")
	case !f.Createable || !f.Updateable:
		say(f.Name, r.Line, false, name+" is not writable for this credential", "grant edit access to the field")
	case !f.CaseExact:
		say(f.Name, r.Line, false, name+" treats ABC and abc as the same; an account_id must match exactly",
			"choose the case-sensitive option of Unique")
	case f.Types != nil && !slices.Contains(f.Types, record.ID):
		say(f.Name, r.Line, false, fmt.Sprintf("%s is of type %s; an id is text from end to end", name, f.Type), "make it a text field")
	}
}
