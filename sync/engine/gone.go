package engine

import (
	"fmt"
	"time"

	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// Gone needs proof. A record that a read by id does not bring may have been
// deleted, or be out of the user's sight. Its system is believed that it was
// deleted (bin, event, archive); an answer that there is no such record counts
// while other records of the object are seen in the same run. Anything else is
// not visible: the record is held, and its link stays open.

// absence is a linked record that a read by id did not bring.
type absence struct {
	remote string
	gone   providers.Gone
}

// Why a row of a plan is one of a removal.
const (
	rowDeleted    = "deleted there"
	rowNotVisible = "not visible there"
	rowGone       = "gone from the system"
)

// binKeeps is how long a deleted record may come back under its own id. HubSpot
// keeps it for 90 days, which is longest; Salesforce for 15.
//
// https://knowledge.hubspot.com/records/restore-deleted-records and
// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_getdeleted.htm, last
// checked 2026-11-30.
const binKeeps = 90 * 24 * time.Hour

// absentAfter is after how many full runs a person may want to close the link
// of a record that is not visible.
const absentAfter = 2

// noteAbsent remembers that a read by id did not bring a linked record. What
// depends on it waits from then on.
func (r *run) noteAbsent(route *ledger.Route, hub state.HubID, a absence) {
	if r.absent == nil {
		r.absent = map[*ledger.Route]map[state.HubID]absence{}
	}
	if r.absent[route] == nil {
		r.absent[route] = map[state.HubID]absence{}
	}
	r.absent[route][hub] = a
}

// noteMet counts records of an object that were seen in this run.
func (r *run) noteMet(route *ledger.Route, n int) {
	if r.met == nil {
		r.met = map[*ledger.Route]int{}
	}
	r.met[route] += n
}

// proven reports whether an absence is proof enough that the record is gone.
func (r *run) proven(route *ledger.Route, how providers.Gone) bool {
	return how == providers.Told || how == providers.Answered && r.met[route] > 0
}

// hidden reports whether a linked record is not visible, or was found absent in
// this run: nothing is written to it, and nothing that names it.
func (r *run) hidden(tx *state.Tx, route *ledger.Route, hub state.HubID) bool {
	return r.hiddenBy(route, hub, route.Holds(tx, hub, ""))
}

// hiddenBy is hidden for who has the record's holds.
func (r *run) hiddenBy(route *ledger.Route, hub state.HubID, holds []state.Hold) bool {
	_, absent := r.absent[route][hub]
	_, held := notVisible(holds)
	return absent || held
}

// notVisible returns the hold of a record that is not visible.
func notVisible(holds []state.Hold) (state.Hold, bool) {
	for _, h := range holds {
		if h.Field == "" && h.Reason == ledger.HoldNotVisible {
			return h, true
		}
	}
	return state.Hold{}, false
}

// holdHidden holds a record that is not visible, under h's key. It keeps since
// when that is, and counts the full runs.
func (r *run) holdHidden(tx *state.Tx, h state.Hold, remote string) error {
	old, known := tx.Hold(h.Key())
	switch again := known && old.Reason == ledger.HoldNotVisible; {
	case again:
		h.Since, h.Attempts, h.Dropped = old.Since, old.Attempts, old.Dropped
	case known:
		if err := tx.DeleteHold(h.Key()); err != nil { // it holds since another time
			return fmt.Errorf("end hold %s: %w", h.Key(), err)
		}
	}
	if r.req.Full && (!known || old.Reason != ledger.HoldNotVisible || old.Run != r.rec.ID) {
		h.Attempts++
	}
	h.Reason = ledger.HoldNotVisible
	runs := "runs"
	if h.Attempts == 1 {
		runs = "run"
	}
	h.Detail = fmt.Sprintf("%s %s is not shown to us since %s, in %d full %s", h.Object, remote, h.Since.UTC().Format(time.DateOnly), h.Attempts, runs)
	r.count("held", 1)
	return tx.PutHold(h)
}
