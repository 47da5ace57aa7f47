package engine

import (
	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// flowOf is the flow in which a route's records travel.
func flowOf(r *fieldmap.Route) state.Flow {
	if r.Direction == fieldmap.Pull {
		return state.FlowPull
	}
	return state.FlowPush
}

// positionOf is how far a route is settled.
func positionOf(tx *state.Tx, r *fieldmap.Route) (state.Position, bool, error) {
	return tx.Position(r.System, r.Object, flowOf(r))
}

func setPosition(tx *state.Tx, r *fieldmap.Route, pos state.Position) error {
	return tx.SetPosition(r.System, r.Object, flowOf(r), pos)
}

// holdsOf are the holds of one record on a route.
func holdsOf(tx *state.Tx, r *fieldmap.Route, hub state.HubID, remote string) []state.Hold {
	return tx.HoldsOf(r.System, r.Object, flowOf(r), hub, remote)
}

// otherSeen reports whether a value is what another rule of the same remote field
// last settled with, be its line there or gone.
func (e *Engine) otherSeen(l *state.Link, r *fieldmap.Route, i int, theirs record.Value) bool {
	for j := range l.Fields {
		lf := &l.Fields[j]
		if lf.Field != e.names.rules[r][i] && e.names.remoteOf[lf.Field] == e.names.remotes[r][i] && e.isDigestOf(lf.Seen, theirs) {
			return true
		}
	}
	return false
}

// isDigestOf reports whether a digest is that of a value, whatever type the rule
// had that made it.
func (e *Engine) isDigestOf(d record.Digest, v record.Value) bool {
	if d == 0 || !v.Known() {
		return false
	}
	for _, t := range record.Types() {
		if e.key.Value(t, v) == d {
			return true
		}
	}
	return false
}

// standsUnder is what is known to stand in the remote field of a rule, with a
// value that was just read named as this rule names it: a rule of another type
// may have sent or read it.
func (e *Engine) standsUnder(l *state.Link, r *fieldmap.Route, i int, theirs record.Value) record.There {
	stands := l.Stands(e.names.remotes[r][i])
	may, _ := stands.All()
	now := e.key.Value(r.Fields[i].Remote.Type, theirs)
	for _, d := range may {
		if d != now && e.isDigestOf(d, theirs) {
			stands.Rename(d, now)
		}
	}
	return stands
}
