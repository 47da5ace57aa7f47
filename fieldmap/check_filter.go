package fieldmap

import (
	"fmt"
	"slices"
)

// checkFilter looks at what a filter asks beyond the record itself.
func (c *compilation) checkFilter(r *Route) {
	at := c.at[r].at("filter")
	for _, system := range r.Filter.Systems() {
		c.checkExists(at, r, system)
	}
	switch {
	case !r.Filter.UsesToday():
	case r.Direction == Pull:
		c.warn(at, "the filter looks at today, so records enter and leave with the calendar",
			fmt.Sprintf("%s is read in full every day", r.Key()))
	default:
		c.warn(at, "the filter looks at today, so records enter and leave with the calendar",
			"one that nothing else changes is met by the next full run")
	}
}

// checkExists refuses a question whose answer would be ours and not the
// system's, or nobody's (R28, R29).
func (c *compilation) checkExists(at place, r *Route, system string) {
	if !c.checkSystem(at, system) {
		return
	}
	what := fmt.Sprintf("exists_in(%q)", system)
	if system == r.System {
		c.fail(at, what+" asks the system that the record comes from or goes to", "ask for another one")
		return
	}
	var asks *Route
	for _, o := range c.m.Routes {
		switch {
		case o.System != system || o.Hub != r.Hub:
		case o.Direction == Push && !o.MatchOnly:
			c.fail(at, fmt.Sprintf("%s would be true of every %s that we make there ourselves", what, r.Hub.Name),
				fmt.Sprintf("pull %s from %s, or add mode: match_only to %s", plural(r.Hub.Name), system, o.Key()))
			return
		case o.Direction == Pull:
			asks = o
		}
	}
	switch {
	case asks == nil:
		c.fail(at, fmt.Sprintf("%s can never be true: no route reads %s from %s", what, plural(r.Hub.Name), system),
			fmt.Sprintf("add a pull route of %s onto %s", system, r.Hub.Name))
	case r.Direction == Pull && slices.Contains(asks.Filter.Systems(), r.System):
		c.fail(at, fmt.Sprintf("%s and %s wait for each other, so no %s ever enters", r.Key(), asks.Key(), r.Hub.Name),
			"leave exists_in out of one of the two filters")
	}
}
