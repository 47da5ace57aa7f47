package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// A field that is gone from a system, hidden from the credential or not writable
// for it rests: nothing is taken from it or written to it, and the others go on
// (F19). Only one rests that was there before, or that lacks nothing but a right:
// a mapping to a field that never existed is an error (R66). While something
// rests every run asks again and says so, and what is back joins in that run.

// suspendedName is what a rule rests under whose remote field is gone.
func suspendedName(object string, rule *fieldmap.Rule) string {
	return object + "/" + ledger.RuleName(rule)
}

// unwritableName is what a rule rests under whose remote field can be read and
// not written: a pull of the same line goes on.
func unwritableName(object string, rule *fieldmap.Rule) string {
	return "write " + suspendedName(object, rule)
}

// suspended returns the rules of a route whose remote field rested when the
// system was last checked.
func suspended(tx *state.Tx, r *ledger.Route) map[int]bool {
	var c checked
	if err := json.Unmarshal(tx.Meta(checkedKey(r.System)), &c); err != nil || len(c.Suspended) == 0 {
		return nil
	}
	out := map[int]bool{}
	for i, rule := range r.Fields {
		if slices.Contains(c.Suspended, suspendedName(r.Object, rule)) ||
			r.Direction == fieldmap.Push && slices.Contains(c.Suspended, unwritableName(r.Object, rule)) {
			out[i] = true
		}
	}
	return out
}

// restingFields are the remote fields of a route that rest, as object.field.
func restingFields(tx *state.Tx, r *ledger.Route) (names []string) {
	for i := range suspended(tx, r) {
		names = append(names, r.Object+"."+r.Fields[i].Remote.Name)
	}
	return names
}

// Resting returns the remote fields of a system, of all where it is empty, that
// rest: gone, hidden or not writable. They are named as system/object.field.
func (e *Engine) Resting(system string) ([]string, error) {
	var out []string
	err := e.opt.Store.View(func(tx *state.Tx) error {
		for _, r := range e.book.Routes {
			if system != "" && r.System != system {
				continue
			}
			for _, name := range restingFields(tx, r) {
				out = append(out, r.System+"/"+name)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look what rests: %w", err)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// checkedKey is the name in the state of what the checks of a system found.
func checkedKey(system string) string { return "check:" + system }

func (e *Engine) lastChecked(system string) (c checked, err error) {
	note, err := ledger.Note(e.opt.Store, checkedKey(system), e.log)
	if err == nil {
		_ = json.Unmarshal([]byte(note), &c) // what cannot be read was not checked
	}
	return c, err
}

// setRests keeps what rests and which options are missed since the last check.
// It reports whether that is something else than before.
func (e *Engine) setRests(system string, c checked, rests []string, options map[string][]string) (bool, error) {
	if slices.Equal(rests, c.Suspended) && maps.EqualFunc(options, c.Unoffered, slices.Equal) {
		return false, nil
	}
	c.Suspended, c.Unoffered = rests, options
	return true, e.setChecked(system, c)
}

func (e *Engine) setChecked(system string, c checked) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("remember the checks of %s: %w", system, err)
	}
	return e.opt.Store.Update(func(tx *state.Tx) error { return tx.SetMeta(checkedKey(system), text) })
}

// wrong returns the first finding that stops a run, nil where none does.
func wrong(findings []Finding) *Finding {
	for i, f := range findings {
		if !f.Warning && f.rests == "" {
			return &findings[i]
		}
	}
	return nil
}

// restingNames are the names under which rules rest, each once and in order.
func restingNames(findings []Finding) (names []string) {
	for _, f := range findings {
		if f.rests != "" {
			names = append(names, f.rests)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// lookAgain asks for the schema of the objects of which a field rests, and says
// what still does. A field that is back joins in this run.
func (r *run) lookAgain(ctx context.Context) error {
	c, err := r.lastChecked(r.req.System)
	if err != nil {
		return err
	}
	all := r.book.RoutesOf(r.req.System)
	if len(c.Suspended)+len(c.Unoffered) == 0 || c.Config != routesFingerprint(all) {
		return nil // nothing rests, or everything is checked anew
	}
	var routes []*ledger.Route
	err = r.opt.Store.View(func(tx *state.Tx) error {
		for _, route := range all {
			if len(suspended(tx, route)) > 0 || needsOption(tx, route) {
				routes = append(routes, route)
			}
		}
		return nil
	})
	if err != nil || len(routes) == 0 {
		return err
	}
	findings, err := r.schemaFindings(ctx, r.sys, routes)
	switch {
	case err != nil && reachesSystem(err):
		return err
	case err != nil || wrong(findings) != nil:
		return r.forgetChecks() // the object's own check says what is wrong
	}
	r.sayResting(findings)
	return r.keepResting(c, routes, findings)
}

// keepResting remembers what rests after some routes were looked at again.
func (r *run) keepResting(c checked, routes []*ledger.Route, findings []Finding) error {
	options := unofferedOf(findings)
	for name, kept := range c.Unoffered {
		if !slices.ContainsFunc(routes, func(route *ledger.Route) bool { return strings.HasPrefix(name, route.Object+"/") }) {
			if options == nil {
				options = map[string][]string{}
			}
			options[name] = kept // it was not asked about
		}
	}
	_, err := r.setRests(r.req.System, c, restingNames(findings), options)
	return err
}

// sayResting names what rests, for whoever reads the log.
func (r *run) sayResting(findings []Finding) {
	for _, f := range findings {
		if f.rests != "" {
			r.log.Warn("a field rests: nothing is taken from it or written to it until it is back",
				"system", f.System, "object", f.Object, "field", f.Field, "why", f.Message, "mend", f.Mend)
		}
	}
}

// unfitFor is the error of a run that a finding stops.
func (r *run) unfitFor(f *Finding) error {
	e := providers.Errorf(providers.Broken, "check "+r.req.System, "%s", f)
	e.Hint = "`crmsyncd check --live` lists everything"
	return e
}

// joinAgain ends the rest of fields that a live check found in order, and notes
// the options that it missed. It lets no field rest: that is for a run to say.
func (e *Engine) joinAgain(system string, findings []Finding) error {
	c, err := e.lastChecked(system)
	if err != nil {
		return err
	}
	now := restingNames(findings)
	rest := slices.DeleteFunc(slices.Clone(c.Suspended), func(name string) bool { return !slices.Contains(now, name) })
	_, err = e.setRests(system, c, rest, unofferedOf(findings))
	return err
}

// noteFits remembers which lines of a route once fitted the system, and takes
// the right to rest from those that never did.
func (e *Engine) noteFits(r *ledger.Route, found []Finding) error {
	key := fmt.Sprintf("fits:%d:%s", r.Flow, r.Key())
	var fit []string
	unfit := map[string]bool{}
	for _, f := range found {
		unfit[f.Field] = unfit[f.Field] || !f.Warning
	}
	before := 0
	note, err := ledger.Note(e.opt.Store, key, e.log)
	if err != nil {
		return err
	}
	err = e.opt.Store.View(func(tx *state.Tx) error {
		_ = json.Unmarshal([]byte(note), &fit) // what cannot be read is noted anew
		before = len(fit)
		for i, rule := range r.Fields {
			name := ledger.RuleName(rule)
			if !slices.Contains(fit, name) && (!unfit[rule.Remote.Name] || e.metBefore(tx, r, i)) {
				fit = append(fit, name)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range found {
		f := &found[i]
		fits := slices.ContainsFunc(r.Fields, func(rule *fieldmap.Rule) bool {
			return rule.Remote.Name == f.Field && slices.Contains(fit, ledger.RuleName(rule))
		})
		if !fits && !f.denied {
			f.rests = ""
		}
	}
	if len(fit) == before {
		return nil
	}
	text, err := json.Marshal(fit)
	if err != nil {
		return fmt.Errorf("remember what fits %s: %w", r.Key(), err)
	}
	return e.opt.Store.Update(func(tx *state.Tx) error { return tx.SetMeta(key, text) })
}

// metSample bounds how many links are asked whether a line was ever read or
// written.
const metSample = 200

// metBefore reports whether a line was settled with by a state that keeps no
// note of what fitted: by its position, or by one of its first links.
func (e *Engine) metBefore(tx *state.Tx, r *ledger.Route, i int) bool {
	pos, ok, err := r.Position(tx)
	if _, has := pos.Fields[ledger.RuleName(r.Fields[i])]; err == nil && ok && has {
		return true
	}
	met, looked := false, 0
	_ = r.Links(tx).Each(0, func(l *state.Link) error {
		looked++
		lf := r.Field(l, i)
		if met = lf != nil && lf.Seen != 0; met || looked >= metSample {
			return state.ErrStop
		}
		return nil
	})
	return met
}
