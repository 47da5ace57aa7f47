package state_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/state"
)

// manyIntents is a batch that takes several parts.
func manyIntents(n int) []state.Intent {
	in := make([]state.Intent, n)
	for i := range in {
		in[i] = state.Intent{Hub: state.HubID(n - i), External: fmt.Sprint("E-", i), At: int64(i)}
		for f := 1; f <= 13; f++ {
			in[i].Sent = append(in[i].Sent, state.LinkField{Field: state.Num(f), Seen: 7, Told: 7, Sent: true})
		}
	}
	return in
}

// openBatches returns the batches that nobody has answered.
func openBatches(t *testing.T, s *state.Store) (batches []uint64, whole []state.Intent) {
	t.Helper()
	view(t, s, func(tx *state.Tx) error {
		return tx.Intents("salesforce", "Account", func(batch uint64, _ state.IntentBatch, in []state.Intent) error {
			batches, whole = append(batches, batch), in
			return nil
		})
	})
	return batches, whole
}

// TestF8_AnsweredIntentsAreClosed: a batch whose answers refer to it is open no
// longer, even where it is damaged, and tells what was sent until it is dropped.
func TestF8_AnsweredIntentsAreClosed(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	sent := manyIntents(200)
	var answered, other, damaged uint64
	update(t, s, func(tx *state.Tx) (err error) {
		for _, batch := range []*uint64{&answered, &other, &damaged} {
			if *batch, err = tx.PutIntents("salesforce", "Account", state.IntentBatch{Flow: state.FlowPush}, sent); err != nil {
				return err
			}
		}
		return nil
	})
	if sent[199].Part < 5 {
		t.Fatalf("200 intents lie in %d parts: that is not what this test is about", sent[199].Part+1)
	}
	sound(t, s)
	update(t, s, func(tx *state.Tx) error {
		state.FlipBit(tx, "intent/salesforce/Account", state.NumberKey(damaged))
		return errors.Join(tx.AnswerIntents("salesforce", "Account", answered), tx.AnswerIntents("salesforce", "Account", damaged))
	})
	s = reopen(t, s)
	batches, whole := openBatches(t, s)
	if diff := cmp.Diff([]uint64{other}, batches) + cmp.Diff(sent, whole, sameValues); diff != "" {
		t.Error(diff)
	}
	view(t, s, func(tx *state.Tx) error {
		ask := func(batch uint64, in state.Intent) ([]state.LinkField, error) {
			return tx.SentIntent("salesforce", "Account", batch, in.Part, in.Hub, []state.LinkField{{Field: 99}})
		}
		for _, in := range sent {
			got, err := ask(answered, in)
			if diff := cmp.Diff(append([]state.LinkField{{Field: 99}}, in.Sent...), got, sameValues); err != nil || diff != "" {
				t.Fatal(err, diff)
			}
		}
		stranger := state.Intent{Hub: 1000}
		for name, c := range map[string]struct {
			batch uint64
			in    state.Intent
		}{"a damaged batch": {damaged, sent[0]}, "an unknown batch": {99, sent[0]}, "an unknown record": {answered, stranger}} {
			if got, err := ask(c.batch, c.in); !errors.Is(err, state.ErrDamaged) || len(got) != 1 {
				t.Errorf("%s says %v, %v", name, got, err)
			}
		}
		return nil
	})
	update(t, s, func(tx *state.Tx) error { return tx.DropAnswered("salesforce", "Account") })
	if batches, whole = openBatches(t, s); len(batches) != 1 || batches[0] != other || len(whole) != 200 {
		t.Errorf("open: %v", batches)
	}
	sound(t, s)
	update(t, s, func(tx *state.Tx) error { return tx.AnswerIntents("salesforce", "Account", other) })
	update(t, s, func(tx *state.Tx) error { return tx.DropAnswered("salesforce", "Account") })
	update(t, s, func(tx *state.Tx) error {
		if tx.HasAnswered("salesforce", "Account") {
			t.Error("something is left")
		}
		batch, err := tx.PutIntents("salesforce", "Account", state.IntentBatch{Flow: state.FlowPush}, sent)
		if batch <= damaged {
			t.Errorf("batch %d has a number that was given before", batch)
		}
		return err
	})
	sound(t, s)
}

// TestF8_ReopenedIntents: where the answers are lost, or it is not known which
// batches have them, every batch is looked up again.
func TestF8_ReopenedIntents(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	update(t, s, func(tx *state.Tx) error {
		batch, err := tx.PutIntents("salesforce", "Account", state.IntentBatch{Flow: state.FlowPush}, manyIntents(40))
		return errors.Join(err, tx.AnswerIntents("salesforce", "Account", batch))
	})
	if batches, _ := openBatches(t, s); batches != nil {
		t.Errorf("answered, and open: %v", batches)
	}
	err := s.Update(func(tx *state.Tx) error {
		state.FlipBit(tx, "answered", []byte("salesforce/Account"))
		return tx.Intents("salesforce", "Account", func(uint64, state.IntentBatch, []state.Intent) error { return errCut })
	})
	if !errors.Is(err, errCut) {
		t.Errorf("not open, though nothing says what is answered: %v", err)
	}
	update(t, s, func(tx *state.Tx) error { return tx.ReopenIntents("salesforce", "Account") })
	batches, whole := openBatches(t, s)
	if diff := cmp.Diff(len(manyIntents(40)), len(whole)); len(batches) != 1 || diff != "" {
		t.Error(batches, diff)
	}
	update(t, s, func(tx *state.Tx) error { return tx.CloseIntents("salesforce", "Account", batches[0]) })
	if batches, _ := openBatches(t, s); batches != nil {
		t.Errorf("closed, and open: %v", batches)
	}
	sound(t, s)
}

// TestF8_AMissingPartIsDamage: a batch that is not all there is damaged for its
// readers and for state verify, and never a smaller batch.
func TestF8_AMissingPartIsDamage(t *testing.T) {
	for name, key := range map[string][]byte{
		"first": state.NumberKey(1), "second": append(state.NumberKey(1), 0, 1), "last": append(state.NumberKey(1), 0, 5),
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, filepath.Join(memoryDir(t), "state.db"))
			update(t, s, func(tx *state.Tx) error {
				in := manyIntents(40)
				_, err := tx.PutIntents("salesforce", "Account", state.IntentBatch{Flow: state.FlowPush}, in)
				if in[39].Part != 5 {
					t.Fatalf("%d parts, want 6", in[39].Part+1)
				}
				return errors.Join(err, state.Remove(tx, "intent/salesforce/Account", key))
			})
			for _, behind := range []bool{false, true} {
				if behind {
					update(t, s, func(tx *state.Tx) error {
						_, err := tx.PutIntents("salesforce", "Account", state.IntentBatch{Flow: state.FlowPush}, manyIntents(1))
						return err
					})
				}
				err := s.View(func(tx *state.Tx) error {
					return tx.Intents("salesforce", "Account", func(batch uint64, _ state.IntentBatch, _ []state.Intent) error {
						if batch == 1 {
							t.Error("a part of a batch was taken for all of it")
						}
						return nil
					})
				})
				if !errors.Is(err, state.ErrDamaged) {
					t.Errorf("the reader says %v", err)
				}
			}
			if found, err := s.Verify(t.Context(), nil); err != nil || len(found) == 0 {
				t.Errorf("verify says %v, %v", found, err)
			}
		})
	}
}
