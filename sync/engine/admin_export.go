package engine

import (
	"fmt"
	"slices"
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// Activity is what people call the closed tasks. It is a view and no object:
// a task that is reopened leaves it and stays the same record (D10).
const Activity = "activity"

// asked returns the hub object that a person names, and which of its records
// are meant.
func (e *Engine) asked(object string) (*fieldmap.HubObject, func(*state.HubRecord) bool, error) {
	all := func(*state.HubRecord) bool { return true }
	if o := e.opt.Mapping.Hub[object]; o != nil {
		return o, all, nil
	}
	o := e.opt.Mapping.Hub["task"]
	if object != Activity || o == nil {
		return nil, nil, e.noObject(object)
	}
	status := o.Field("status")
	if status == nil {
		return o, func(*state.HubRecord) bool { return false }, nil
	}
	num := e.book.Nums(o)[status.Index]
	return o, func(rec *state.HubRecord) bool { return rec.Get(num).Text() == "closed" }, nil
}

// noObject names the objects that can be asked for, when they are not.
func (e *Engine) noObject(object string) error {
	var names []string
	for name := range e.opt.Mapping.Hub {
		names = append(names, name)
	}
	if e.opt.Mapping.Hub["task"] != nil {
		names = append(names, Activity)
	}
	slices.Sort(names)
	return fmt.Errorf("%w: %q; it has %s", ErrNoObject, object, strings.Join(names, ", "))
}

// ExportWithout calls fn for each record of an object that stands for itself, in
// the order of hub ids; with a system, for those in scope that it does not hold:
// without a link there that is not closed. So an admin sees which accounts the
// system of record lacks (R21, D14).
func (e *Engine) ExportWithout(object, system string, fn func(RecordView) error) error {
	o, shows, err := e.asked(object)
	if err != nil {
		return err
	}
	if system != "" && !slices.ContainsFunc(e.book.RoutesOf(system), func(r *ledger.Route) bool { return r.Hub == o }) {
		return fmt.Errorf("%w: nothing of %s is a %s", ErrNoRoute, system, o.Name)
	}
	return e.eachRecord(o.Name, func(tx *state.Tx, rec *state.HubRecord) error {
		inScope := rec.State == state.HubActive
		if (!inScope && rec.State != state.HubOut) || !shows(rec) {
			return nil
		}
		if system != "" && (!inScope || e.remoteIn(tx, system, o.Name, rec.ID) != "") {
			return nil
		}
		v, err := e.view(tx, o, rec)
		if err != nil {
			return err
		}
		return fn(v)
	})
}

// Columns returns the names of an object's fields in the hub's order, and of
// the ids that links tell.
func (e *Engine) Columns(object string) (ids, fields []string, err error) {
	o, _, err := e.asked(object)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range o.Fields {
		fields = append(fields, f.Name)
	}
	for _, d := range e.derivedIDs(o.Name) {
		if o.ByName[d.name] == nil {
			ids = append(ids, d.name)
		}
	}
	return ids, fields, nil
}

// Ties returns the fields of an object that name other records, and the routes
// on which it may be linked, such as close/lead.
func (e *Engine) Ties(object string) (refs, routes []string) {
	o, _, err := e.asked(object)
	if err != nil {
		return nil, nil
	}
	for _, f := range o.Fields {
		if f.Type == record.Reference {
			refs = append(refs, f.Name)
		}
	}
	for _, r := range e.book.Routes {
		if r.Hub == o && !slices.Contains(routes, r.Key()) {
			routes = append(routes, r.Key())
		}
	}
	return refs, routes
}
