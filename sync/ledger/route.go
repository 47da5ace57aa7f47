package ledger

import (
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// Route is a route of the mapping with the numbers of what rows keep of it. It holds
// nothing of a transaction, and may be used by many at once.
type Route struct {
	*fieldmap.Route

	Flow state.Flow
	// Nums are the numbers of the hub object's fields by their index, Rules those of
	// the route's rules and Remotes those of their remote fields by theirs.
	Nums, Rules, Remotes []state.Num

	book *Book
}

// Links are the links of the route's object.
func (r *Route) Links(tx *state.Tx) *state.Links { return tx.Links(r.System, r.Object) }

// Position is how far the route is settled, and whether it ever was.
func (r *Route) Position(tx *state.Tx) (state.Position, bool, error) {
	return tx.Position(r.System, r.Object, r.Flow)
}

// SetPosition stores how far the route is settled.
func (r *Route) SetPosition(tx *state.Tx, pos state.Position) error {
	return tx.SetPosition(r.System, r.Object, r.Flow, pos)
}

// Holds are the holds of one record on the route, by its id in the hub, or by its
// remote id where the hub has none.
func (r *Route) Holds(tx *state.Tx, hub state.HubID, remote string) []state.Hold {
	return tx.HoldsOf(r.System, r.Object, r.Flow, hub, remote)
}

// Hold is one of a hub record on the route, since at.
func (r *Route) Hold(hub state.HubID, at time.Time, reason, detail string) state.Hold {
	return state.Hold{System: r.System, Object: r.Object, Flow: r.Flow, Hub: hub, Reason: reason, Detail: detail, Since: at, Last: at}
}

// Value is what a hub record of the route's object has in a field.
func (r *Route) Value(rec *state.HubRecord, f *fieldmap.HubField) record.Value {
	return rec.Get(r.Nums[f.Index])
}

// Field is what a link knows of rule i, nil if nothing. The pointer is valid until
// the link's next Set.
func (r *Route) Field(l *state.Link, i int) *state.LinkField { return l.Field(r.Rules[i]) }

// Stands is what a link knows of the remote field of rule i.
func (r *Route) Stands(l *state.Link, i int) record.There { return l.Stands(r.Remotes[i]) }

// OtherSeen reports whether a value is what another rule of the same remote field
// last settled with, be its line there or gone.
func (r *Route) OtherSeen(l *state.Link, i int, theirs record.Value) bool {
	for j := range l.Fields {
		lf := &l.Fields[j]
		if lf.Field != r.Rules[i] && r.book.remoteOf[lf.Field] == r.Remotes[i] && r.book.IsDigestOf(lf.Seen, theirs) {
			return true
		}
	}
	return false
}

// StandsUnder is Stands with a value that was just read named as this rule names it:
// a rule of another type may have sent or read it.
func (r *Route) StandsUnder(l *state.Link, i int, theirs record.Value) record.There {
	stands := r.Stands(l, i)
	may, _ := stands.All()
	now := r.book.Key.Value(r.Fields[i].Remote.Type, theirs)
	for _, d := range may {
		if d != now && r.book.IsDigestOf(d, theirs) {
			stands.Rename(d, now)
		}
	}
	return stands
}

// OpenLink returns the remote id that a record of the hub is linked with by an open
// link, also by a damaged one, whose id the index tells.
func (r *Route) OpenLink(tx *state.Tx, hub state.HubID) (remote string, ok bool) {
	remote = r.Links(tx).OpenRemote(hub)
	return remote, remote != ""
}
