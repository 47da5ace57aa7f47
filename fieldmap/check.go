package fieldmap

import (
	"fmt"
	"slices"
	"strings"

	"crmsyncd/fieldmap/record"
)

// owners settles whose word wins for each field.
func (c *compilation) owners() {
	for _, object := range ObjectNames() {
		h := c.m.Hub[object]
		for _, f := range h.Fields {
			c.owner(h, f, c.pullers(f))
		}
	}
}

// pullers returns the systems that fill a field, in order.
func (c *compilation) pullers(f *HubField) []string {
	var out []string
	for _, r := range c.m.Routes {
		if r.Direction == Pull && r.rule(f) != nil && !slices.Contains(out, r.System) {
			out = append(out, r.System)
		}
	}
	return out
}

func (r *Route) rule(f *HubField) *Rule {
	for _, rule := range r.Fields {
		if rule.Hub == f {
			return rule
		}
	}
	return nil
}

// owner is wins:, else the only puller, else the system of record if it pulls
// the field.
func (c *compilation) owner(h *HubObject, f *HubField, pullers []string) {
	at, named := c.hubAts[f]
	if !named {
		at = c.hubAt.at("objects.%s", h.Name)
	}
	wins := c.wins[f]
	switch {
	case f.Computed != nil && wins != "":
		c.fail(at.at("wins"), fmt.Sprintf("%s is computed, so nobody else can win", f.Name), "leave wins out")
		return
	case wins == "newer" || wins == "hold":
		f.Policy = wins
	case wins != "":
		c.ownerNamed(at.at("wins"), f, wins, pullers)
		return
	}
	switch {
	case len(pullers) == 1:
		f.Owner = pullers[0]
	case slices.Contains(pullers, h.SystemOfRecord):
		f.Owner = h.SystemOfRecord
	case h.SystemOfRecord == "": // which is reported once, for the object
	case len(pullers) > 1 && f.Policy == "":
		c.fail(at, fmt.Sprintf("%s.%s has no owner: %s fill it and none is the system of record",
			h.Name, f.Name, strings.Join(pullers, " and ")), "add wins: to the field")
	}
}

func (c *compilation) ownerNamed(at place, f *HubField, wins string, pullers []string) {
	if _, ok := c.opt.Systems[wins]; !ok {
		names := []string{"newer", "hold"}
		for name := range c.opt.Systems {
			names = append(names, name)
		}
		slices.Sort(names)
		c.failName(at, "owner", wins, names)
		return
	}
	if len(pullers) > 0 && !slices.Contains(pullers, wins) {
		c.fail(at, fmt.Sprintf("%s owns %s but no route pulls it from there", wins, f.Name),
			"filled by "+strings.Join(pullers, ", "))
		return
	}
	if len(pullers) > 0 {
		f.Owner = wins
	}
}

// checkRoute looks at one route in the light of all others.
func (c *compilation) checkRoute(r *Route) {
	at := c.at[r]
	if r.Direction == Pull && slices.Contains(c.hub.Objects[r.Hub.Name].PushOnly, r.System) {
		c.fail(at.at("direction"), fmt.Sprintf("%s is push_only for %s in hub.yaml and cannot be pulled",
			r.System, r.Hub.Name), "") // D16
	}
	for _, rule := range r.Fields {
		if rule.Editable && len(r.rules(rule.Remote.Name)) > 1 {
			c.fail(c.ruleAt[rule].at("editable"),
				fmt.Sprintf("%s feeds two hub fields, so neither can be editable", rule.Remote.Name), "") // R76
		}
	}
	c.checkMapped(at, r)
	c.checkReferences(r)
	c.checkFilter(r)
	if r.Direction == Push {
		c.checkPush(at, r)
	} else if len(r.Match) == 0 && r.System != r.Hub.SystemOfRecord {
		c.warn(at.at("match"), "without a match key no record meets one that the hub has already", "add match:")
	}
}

// checkMapped asks for the fields without which an object means nothing: on
// every push, and on the pull from the system of record.
func (c *compilation) checkMapped(at place, r *Route) {
	source := r.Direction == Pull && r.System == r.Hub.SystemOfRecord
	if r.Direction == Pull && !source {
		return
	}
	at = at.at("fields")
	has := func(name string) bool { return r.rule(r.Hub.Field(name)) != nil }
	switch r.Hub.Name {
	case Account:
		if !has(Name) {
			c.fail(at, "no field is mapped to name", "accounts are triggered by their name") // R24, R138
		}
		if source && !has(AccountID) {
			c.fail(at, "no field is mapped to account_id", "the system of record gives every account its id") // R23
		}
		if source && !has(JoinDate) {
			c.warn(at, "no field is mapped to join_date", "the system's creation date can fill it") // R25, D17
		}
	case Contact:
		if !has(Mail) {
			c.fail(at, "no field is mapped to email", "contacts are triggered by their e-mail") // R145
		}
		if !has(Account) {
			c.fail(at, "no field is mapped to account", "a contact must be tied to its account") // R55, R146
		}
	}
}

// checkReferences asks for the route through which a reference is translated.
func (c *compilation) checkReferences(r *Route) {
	for _, rule := range r.Fields {
		if rule.Hub.Type != record.Reference || rule.RefKey != nil {
			continue
		}
		to := func(o *Route) bool { return o.System == r.System && o.Hub.Name == rule.Hub.RefTo }
		if !slices.ContainsFunc(c.m.Routes, to) {
			c.fail(c.ruleAt[rule].at("hub"), fmt.Sprintf("%s refers to %s, and %s has no route for %s",
				rule.Hub.Name, rule.Hub.RefTo, r.System, plural(rule.Hub.RefTo)), "add one, or leave the field out")
		}
	}
}

func (c *compilation) checkPush(at place, r *Route) {
	if len(r.Match) == 0 && r.ExternalID == "" {
		c.fail(at, "a push needs a match key or an external_id", "without one its records cannot be found again") // R49
	} else if r.ExternalID == "" && !r.MatchOnly {
		c.warn(at.at("external_id"), "no external_id",
			"a create whose answer is lost cannot be found again; name a unique field that carries our id") // R50, F8
	}
	if id := r.rules(r.ExternalID); r.ExternalID != "" && len(id) > 0 && id[0].Hub != r.Hub.ID {
		c.fail(at.at("external_id"), fmt.Sprintf("%s carries our id and is also filled from %s",
			r.ExternalID, id[0].Hub.Name), "leave that mapping out")
	}
	for _, rule := range r.Fields {
		c.checkFilled(c.ruleAt[rule].at("hub"), r, rule.Hub)
	}
	if r.MatchOnly {
		return
	}
	at = at.at("create_needs")
	for _, f := range r.CreateNeeds {
		switch {
		case !c.filled(f):
			c.fail(at, fmt.Sprintf("a create needs %s, which no route fills, so nothing can ever be created", f.Name),
				"map it, or list what a create needs")
		case r.rule(f) == nil:
			c.fail(at, fmt.Sprintf("a create needs %s, which this route does not write, so nothing can ever be created",
				f.Name), "map it, or list what a create needs")
		}
	}
}

// rules returns the rules of one remote field.
func (r *Route) rules(remote string) []*Rule {
	var out []*Rule
	for _, rule := range r.Fields {
		if rule.Remote.Name == remote {
			out = append(out, rule)
		}
	}
	return out
}

// filled reports whether anything puts values into a hub field.
func (c *compilation) filled(f *HubField) bool {
	if system, daemon := c.hub.filledByDaemon(f.Name); daemon {
		return system != ""
	}
	return f.Computed != nil || len(c.pullers(f)) > 0
}

// checkFilled looks for pushes that have nothing to say.
func (c *compilation) checkFilled(at place, r *Route, f *HubField) {
	if c.filled(f) {
		return
	}
	message := fmt.Sprintf("%s is pushed, but no route fills it", f.Name)
	if r.Hub.Name == Contact && strings.HasPrefix(f.Name, addresses) {
		c.fail(at, message, "map the contact's address fields in the system that holds them") // R162, R173
		return
	}
	c.warn(at, message, "only values set by hand will flow")
}

// checkObjects looks at the objects that routes use.
func (c *compilation) checkObjects() {
	for _, object := range ObjectNames() {
		h := c.m.Hub[object]
		used, read := false, false
		for _, r := range c.m.Routes {
			used = used || r.Hub == h
			read = read || r.Hub == h && r.Direction == Pull && r.System == h.SystemOfRecord
		}
		at := c.hubAt.at("objects.%s.system_of_record", object)
		switch {
		case !used:
		case h.SystemOfRecord == "":
			c.fail(at, fmt.Sprintf("%s has no system of record", object), "name the system that has all of them") // R19
		case !read:
			c.warn(at, fmt.Sprintf("%s is the system of record of %s, but no route pulls it from there",
				h.SystemOfRecord, object), "nothing will be created")
		}
	}
}
