package fieldmap

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Options are what a mapping needs to know of the rest of the configuration.
type Options struct {
	Systems map[string]SystemInfo
	Zone    *time.Location // what "today" means; nil is UTC
	HubFile string         // the name of the hub's file in problems; hub.yaml by default
}

// SystemInfo is what a mapping needs to know of a system.
type SystemInfo struct{ Provider string }

// compilation is one run of Compile.
type compilation struct {
	hub      HubSpec
	opt      Options
	m        *Mapping
	problems []Problem

	subs   map[string]subSchema // by hub object
	worked map[*HubField]ComputedSpec
	wins   map[*HubField]string // what the admin wrote
	at     map[*Route]place
	ruleAt map[*Rule]place
	hubAts map[*HubField]place // of fields that hub.yaml names
	hubAt  place
}

// Compile checks the configuration and makes the mapping that the engine works
// with. It reports all problems at once; the mapping is to be used only if
// none of them is an error.
func Compile(hub HubSpec, routes []RouteSpec, opt Options) (*Mapping, []Problem) {
	c := &compilation{
		hub: hub, opt: opt,
		m:    &Mapping{Hub: map[string]*HubObject{}, CRM: hub.CRM, Billing: hub.Billing, Support: hub.Support},
		subs: map[string]subSchema{}, wins: map[*HubField]string{}, worked: map[*HubField]ComputedSpec{},
		at:     map[*Route]place{},
		ruleAt: map[*Rule]place{}, hubAts: map[*HubField]place{},
		hubAt: place{file: cmp.Or(opt.HubFile, "hub.yaml")},
	}
	if c.opt.Zone == nil {
		c.opt.Zone = time.UTC
	}
	c.compileHub()
	for _, spec := range routes {
		c.system(spec)
	}
	c.sortRoutes()
	c.owners()
	for _, r := range c.m.Routes {
		c.finish(r)
	}
	c.checkComputed()
	c.checkObjects()
	return c.m, c.problems
}

// Failed reports whether any of the problems is an error.
func Failed(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return !p.Warning })
}

func (c *compilation) system(spec RouteSpec) {
	at := place{path: "system"}
	if len(spec.Objects) > 0 {
		at.file, at.line = spec.Objects[0].File, spec.Objects[0].Line
	}
	c.checkSystem(at, spec.System)
	for i, object := range spec.Objects {
		at := place{file: object.File, line: object.Line, path: fmt.Sprintf("objects[%d]", i)}
		if r := c.route(at, spec.System, object); r != nil {
			c.m.Routes = append(c.m.Routes, r)
			c.at[r] = at
		}
	}
}

// checkSystem reports a system that the configuration does not have.
func (c *compilation) checkSystem(at place, name string) bool {
	if _, ok := c.opt.Systems[name]; ok {
		return true
	}
	c.failName(at, "system", name, slices.Sorted(maps.Keys(c.opt.Systems)))
	return false
}

func (c *compilation) sortRoutes() {
	slices.SortStableFunc(c.m.Routes, func(a, b *Route) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(rank(a), rank(b)))
	})
}

func rank(r *Route) int { return slices.Index(ObjectNames(), r.Hub.Name) }

// finish does what needs the owners and the other routes.
func (c *compilation) finish(r *Route) {
	for _, rule := range r.Fields {
		rule.Owned = rule.Hub.Owner == r.System
	}
	c.checkRoute(r)
	r.Fingerprint = c.routeFingerprint(r)
	r.read = r.readFields()
}
