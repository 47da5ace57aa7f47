package engine_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"crmsyncd/state"
	"crmsyncd/sync/engine"
)

// spoil flips a bit of a stored row of this bucket that holds these bytes, and
// of no other row.
func (w *world) spoil(bucket, what string) {
	w.t.Helper()
	path := w.store.Path()
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	for at := 0; ; at++ {
		i := bytes.Index(sound[at:], []byte(what))
		if i < 0 {
			w.t.Fatalf("%s holds no row with %q", bucket, what)
		}
		at += i
		spoiled := bytes.Clone(sound)
		spoiled[at] ^= 1
		if w.damages(spoiled, bucket) {
			if err := os.WriteFile(path, spoiled, 0o600); err != nil {
				w.t.Fatal(err)
			}
			w.open()
			return
		}
	}
}

// answeredAndCut makes three accounts in a large stage that dies before its
// answers are merged.
func answeredAndCut(t *testing.T) *world {
	w := newWorld(t, func(w *world) {
		w.spool = 1
		w.wrap = func(s *engine.System) {
			if s.Name == "salesforce" {
				s.Writer = &afterCreate{s.Writer, func() { w.cutAt = w.commits + 2 }}
			}
		}
	})
	for i := range 3 {
		w.qb.AddCustomer(customer(fmt.Sprintf("Acme %d", i)))
	}
	w.tick()
	w.pull()
	_, _ = w.tryPush()
	w.cutAt, w.wrap = 0, nil
	w.restart()
	w.wantCount("Account", 3)
	if n := w.openLinks("Account"); n != 0 {
		t.Fatalf("%d answers were merged already", n)
	}
	return w
}

// wantMadeOnce checks that each record is there once, linked, as made by us, and
// that there is nothing left to do.
func (w *world) wantMadeOnce() {
	w.t.Helper()
	w.wantCount("Account", 3)
	w.wantHeld("")
	made := 0
	for _, l := range w.links("Account") {
		if l.State == state.LinkOpen && l.Origin == state.OriginMade {
			made++
		}
	}
	if made != 3 {
		w.t.Errorf("%d links know that we made their record, want 3", made)
	}
	w.sf.ResetCalls()
	w.sync()
	if n := w.sf.Calls().Total(); n != 0 {
		w.t.Errorf("a further run made calls: %s", w.sf.Calls())
	}
	if found, err := w.store.Verify(w.t.Context(), nil); err != nil || len(found) > 0 {
		w.t.Errorf("verify: %v %v", found, err)
	}
}

// F8, D20: the answers to a batch of creates name their intents. Where those are
// damaged, the links know no digest: their records are read before anything is
// written, and create-only fields stay as they are there.
func TestF8_DamagedIntentsOfAnswers(t *testing.T) {
	w := answeredAndCut(t)
	id := w.account("Acme 1")["Id"]
	_ = w.sf.SetField("Account", id, "BillingCity", "By Hand")
	w.spoil("intent/salesforce/Account", fmt.Sprint(w.qb.CustomerIDs()[0]))
	w.sync()
	w.sync()
	w.wantMadeOnce()
	for _, l := range w.links("Account") {
		if len(l.Fields) < 10 {
			t.Errorf("a link knows %d fields: its record was not read", len(l.Fields))
		}
	}
	if city := w.account("Acme 1")["BillingCity"]; city != "By Hand" {
		t.Errorf("BillingCity %q: a create-only field was written again", city)
	}
}

// F8, F9: answers that are damaged in the spool are not the end of their
// records: the batch is looked up by our id, and its records are linked with
// what was sent.
func TestF8_DamagedAnswers(t *testing.T) {
	w := answeredAndCut(t)
	id := w.account("Acme 1")["Id"]
	_ = w.sf.SetField("Account", id, "Description", "By hand")
	w.spoil("spool/push%2Fsalesforce%2FAccount", id)
	w.sync()
	w.sync()
	w.wantMadeOnce()
	if got := w.account("Acme 1")["Description"]; got != "By hand" {
		t.Errorf("Description %q: what a person typed was written over", got)
	}
}

// F8: of a batch that is looked up again because answers were lost, the records
// whose answers were not lost keep what their links know by then.
func TestF8_LookedUpAgainBesideMergedAnswers(t *testing.T) {
	w := answeredAndCut(t)
	w.sync()
	w.wantMadeOnce()
	links := w.links("Account")
	if err := w.store.Update(func(tx *state.Tx) error {
		var in []state.Intent
		for _, l := range links {
			in = append(in, state.Intent{Hub: l.Hub, External: fmt.Sprint(w.qb.CustomerIDs()[len(in)]), At: l.Wrote - 1, Sent: []state.LinkField{{Field: l.Fields[0].Field, Seen: 7, Told: 7}}})
		}
		_, err := tx.PutIntents("salesforce", "Account", state.IntentBatch{Flow: state.FlowPush}, in)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	w.sf.ResetAudit()
	w.sync()
	if n := len(w.sf.Audit()); n != 0 {
		t.Errorf("%d writes: the links went back to what was sent first", n)
	}
	w.wantMadeOnce()
}
