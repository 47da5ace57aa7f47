package state_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// TestDamagedRowsAreNeverNew damages one row of each kind. Every reader says
// so, each in its way, and none takes the record for one it has not seen.
func TestDamagedRowsAreNeverNew(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	fill(t, s, 60)
	hold := state.Hold{System: "salesforce", Object: "Contact", Hub: 50}.Key()
	update(t, s, func(tx *state.Tx) error {
		return errors.Join(
			tx.SetPosition("a", "b", state.FlowPush, state.Position{Number: 1}), tx.SetMeta("org", []byte("00D")), tx.NewRun(&state.Run{}),
			tx.PutPlan(state.Plan{ID: "p"}), tx.AddPlanRows("p", []state.PlanRow{{Hub: 1}}),
			func() error {
				_, err := tx.PutIntents("a", "b", state.IntentBatch{Flow: state.FlowPush}, []state.Intent{{Hub: 1}})
				return err
			}())
	})
	one := state.NumberKey(1)
	for name, c := range map[string]struct {
		bucket string
		key    []byte
		read   func(tx *state.Tx) error
	}{
		"hub": {"hub/account", one, func(tx *state.Tx) error { _, err := tx.Hub("account").Get(1, &state.HubRecord{}); return err }},
		"each": {"hub/account", one, func(tx *state.Tx) error {
			return tx.Hub("account").Each(0, func(*state.HubRecord) error { return nil })
		}},
		"touch": {"hub/account", one, func(tx *state.Tx) error { return tx.Hub("account").Touch(1) }},
		"changes": {"change/account", one, func(tx *state.Tx) error {
			return tx.Hub("account").Changes(0, 9, func(uint64, state.HubID) error { return nil })
		}},
		"links": {"link/salesforce/Account", one, func(tx *state.Tx) error {
			return tx.Links("salesforce", "Account").Each(0, func(*state.Link) error { return nil })
		}},
		"position": {"position", []byte("a/b/push"), func(tx *state.Tx) error { _, _, err := tx.Position("a", "b", state.FlowPush); return err }},
		"intents": {"intent/a/b", one, func(tx *state.Tx) error {
			return tx.Intents("a", "b", func(uint64, state.IntentBatch, []state.Intent) error { return nil })
		}},
		"run":       {"run", one, func(tx *state.Tx) error { tx.Run(1); return nil }},
		"hold":      {"hold", []byte(hold), func(tx *state.Tx) error { tx.Hold(hold); return nil }},
		"holds of":  {"hold", []byte(hold), func(tx *state.Tx) error { tx.HoldsOf("salesforce", "Contact", 0, 50, ""); return nil }},
		"holds for": {"hold", []byte(hold), func(tx *state.Tx) error { tx.HoldsFor("linked"); return nil }},
		"put hold": {"hold", []byte(hold), func(tx *state.Tx) error {
			return tx.PutHold(state.Hold{System: "salesforce", Object: "Contact", Hub: 50})
		}},
		"fact":     {"fact", []byte("org"), func(tx *state.Tx) error { tx.Meta("org"); return nil }},
		"excluded": {"excluded/qbench/customer", []byte("001000050"), func(tx *state.Tx) error { tx.ExcludedRow("qbench", "customer", "001000050"); return nil }},
		"plan":     {"plan", []byte("p"), func(tx *state.Tx) error { tx.Plan("p"); return nil }},
		"plans":    {"plan", []byte("p"), func(tx *state.Tx) error { tx.Plans(); return nil }},
		"plan row": {"planrow/p", one, func(tx *state.Tx) error { tx.PlanRow("p", 1); return nil }},
		"journal": {"journal", one, func(tx *state.Tx) error {
			return tx.EachJournal("", 0, 0, func(state.JournalEntry) error { return nil })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.Update(func(tx *state.Tx) error {
				if err := c.read(tx); err != nil {
					t.Fatalf("before the damage: %v", err)
				}
				return errCut
			})
			if !errors.Is(err, errCut) {
				t.Fatal(err)
			}
			err = s.Update(func(tx *state.Tx) error {
				state.FlipBit(tx, c.bucket, c.key)
				return c.read(tx)
			})
			if !errors.Is(err, state.ErrDamaged) {
				t.Errorf("the reader says %v", err)
			}
		})
	}
	sound(t, s) // each of them was undone
}

// TestDamagedLinkKeepsItsRemote: only the digests are lost, and the next Put
// makes the link whole again.
func TestDamagedLinkKeepsItsRemote(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	fill(t, s, 20)
	update(t, s, func(tx *state.Tx) error {
		state.FlipBit(tx, "link/salesforce/Account", state.NumberKey(7))
		return nil
	})
	update(t, s, func(tx *state.Tx) error {
		links := tx.Links("salesforce", "Account")
		link := state.Link{Fields: []state.LinkField{{Field: 1}}}
		ok, err := links.Get(7, &link)
		if !ok || !errors.Is(err, state.ErrDamaged) {
			t.Errorf("get: %v %v", ok, err)
		}
		if link.Hub != 7 || link.Remote != "001000007" || link.State != state.LinkOpen || len(link.Fields) != 0 {
			t.Errorf("what is left: %+v", link)
		}
		if remote := links.OpenRemote(7); remote != "001000007" {
			t.Errorf("open with %q", remote)
		}
		if err := links.Put(&state.Link{Hub: 9999, Remote: link.Remote}); !errors.Is(err, state.ErrDamaged) {
			t.Errorf("another claim: %v", err)
		}
		return links.Put(&link)
	})
	sound(t, s)
	view(t, s, func(tx *state.Tx) error {
		if links := tx.Links("salesforce", "Account"); links.Open() != 20 || links.Count() != 20 {
			t.Errorf("%d open of %d", links.Open(), links.Count())
		}
		return nil
	})
}

// TestDamagedLinkLeavesTheCounts: what a damaged link counted for is not known,
// and the others are counted again.
func TestDamagedLinkLeavesTheCounts(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	link := func(hub state.HubID, note uint8) *state.Link {
		return &state.Link{
			Hub: hub, Remote: hub.String(), State: state.LinkOpen,
			Fields: []state.LinkField{{Field: 1, Seen: 2, Told: 3, Note: note}},
		}
	}
	update(t, s, func(tx *state.Tx) error {
		links := tx.Links("salesforce", "Account")
		return errors.Join(links.Put(link(1, 9)), links.Put(link(2, 9)))
	})
	update(t, s, func(tx *state.Tx) error {
		state.FlipBit(tx, "link/salesforce/Account", state.NumberKey(2))
		return nil
	})
	update(t, s, func(tx *state.Tx) error { return tx.Links("salesforce", "Account").Put(link(2, 0)) })
	view(t, s, func(tx *state.Tx) error {
		if links := tx.Links("salesforce", "Account"); links.Open() != 2 || links.Tolerated() != 1 {
			t.Errorf("%d open, %d differences; want 2 and 1", links.Open(), links.Tolerated())
		}
		return nil
	})
}

// TestDamagedReverseIndexFindsTheLink: a damaged index row does not make a
// linked remote record look new.
func TestDamagedReverseIndexFindsTheLink(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	fill(t, s, 20)
	update(t, s, func(tx *state.Tx) error {
		state.FlipBit(tx, "remote/salesforce/Account", []byte("001000007"))
		return nil
	})
	view(t, s, func(tx *state.Tx) error {
		if id, ok := tx.Links("salesforce", "Account").ByRemote("001000007"); !ok || id != 7 {
			t.Errorf("by remote: %d %t", id, ok)
		}
		return nil
	})
}

// TestDamagedHubRecordCanBeRewritten: its old change number goes as well.
func TestDamagedHubRecordCanBeRewritten(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	fill(t, s, 20)
	update(t, s, func(tx *state.Tx) error {
		state.FlipBit(tx, "hub/account", state.NumberKey(7))
		rec := state.HubRecord{ID: 7}
		rec.Set(1, record.Of("again"), 1, 1, 1)
		return tx.Hub("account").Put(&rec, nil)
	})
	sound(t, s)
}

// TestLostCountsAreCountedAgain: without its counters the store gives out no id
// a second time.
func TestLostCountsAreCountedAgain(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	fill(t, s, 100)
	update(t, s, func(tx *state.Tx) error {
		return errors.Join(tx.NewRun(&state.Run{}), s.Spool("a").Append(tx, keysOfAllKinds()[:30]))
	})
	update(t, s, func(tx *state.Tx) error { return state.DropCounts(tx) })
	update(t, s, func(tx *state.Tx) error {
		h, links := tx.Hub("account"), tx.Links("salesforce", "Account")
		id, err := h.NextID()
		run := state.Run{}
		if err != nil || id != 101 || tx.Counter() != 100 || tx.NewRun(&run) != nil || run.ID != 2 {
			t.Errorf("next id %d, counter %d, run %d: %v", id, tx.Counter(), run.ID, err)
		}
		if h.Count() != 100 || links.Count() != 100 || links.Open() != 100 || tx.CountHolds("") != 2 || tx.CountExcluded("qbench", "customer") != 2 || s.Spool("a").Len(tx) != 30 {
			t.Error("a count is off")
		}
		return tx.Journal([]state.JournalEntry{{Run: 1}})
	})
	last := uint64(0)
	view(t, s, func(tx *state.Tx) error {
		return tx.EachJournal("", 0, 0, func(e state.JournalEntry) error {
			if e.Seq <= last {
				t.Errorf("journal entry %d after %d", e.Seq, last)
			}
			last = e.Seq
			return nil
		})
	})
	sound(t, s)
}

// TestVerifyFindsWhatDisagrees: rows whose checksums are right but which do not
// fit together.
func TestVerifyFindsWhatDisagrees(t *testing.T) {
	for name, spoil := range map[string]func(tx *state.Tx) error{
		"change index without record": func(tx *state.Tx) error { return state.Remove(tx, "hub/account", state.NumberKey(3)) },
		"record without change index": func(tx *state.Tx) error { return state.Remove(tx, "change/account", state.NumberKey(3)) },
		"link without reverse index":  func(tx *state.Tx) error { return state.Remove(tx, "remote/salesforce/Account", []byte("001000003")) },
		"reverse index with another digest": func(tx *state.Tx) error {
			return state.PutRemote(tx, "remote/salesforce/Account", "001000003", 3, 99, state.LinkOpen)
		},
		"reverse index with another state": func(tx *state.Tx) error {
			_, raw, _, _ := tx.Links("salesforce", "Account").Peek("001000003")
			return state.PutRemote(tx, "remote/salesforce/Account", "001000003", 3, raw, state.LinkClosed)
		},
		"reverse index without link": func(tx *state.Tx) error { return state.Remove(tx, "link/salesforce/Account", state.NumberKey(3)) },
		"hold without event":         func(tx *state.Tx) error { return state.RemoveAll(tx, "event") },
		"event without hold":         func(tx *state.Tx) error { return state.RemoveAll(tx, "hold") },
		"count": func(tx *state.Tx) error {
			return state.PutRow(tx, "count", []byte("hub/account"), state.AppendUvarint(nil, 7))
		},
		"unknown bucket": func(tx *state.Tx) error { return state.PutRow(tx, "what", []byte("is"), []byte("this")) },
		"row elsewhere": func(tx *state.Tx) error {
			state.SetRaw(tx, "hub/account", state.NumberKey(4), state.Raw(tx, "hub/account", state.NumberKey(5)))
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, filepath.Join(memoryDir(t), "state.db"))
			fill(t, s, 100)
			sound(t, s)
			update(t, s, spoil)
			calls := 0
			found, err := s.Verify(t.Context(), func(done, total int) {
				if calls++; done > total {
					t.Errorf("%d of %d", done, total)
				}
			})
			if err != nil || len(found) == 0 || calls == 0 {
				t.Errorf("verify: %v %v, %d reports", found, err, calls)
			}
		})
	}
}

// TestCallersPanicPassesThrough: only what reading a damaged file does is taken
// for damage; a bug of the caller stays visible, and the store works on.
func TestCallersPanicPassesThrough(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	func() {
		defer func() {
			if r := recover(); r != "bug" {
				t.Errorf("recovered %v", r)
			}
		}()
		_ = s.Update(func(tx *state.Tx) error {
			_ = tx.SetMeta("half", []byte("done"))
			panic("bug")
		})
	}()
	update(t, s, func(tx *state.Tx) error {
		if tx.Meta("half") != nil {
			t.Error("a transaction that panicked was kept")
		}
		return tx.SetMeta("works", []byte("on"))
	})
}

// TestDamageUnderAnOpenStore overwrites the pages of a store while it is open.
// Reading and writing say so without a panic, nothing is written any more, and
// the store can be closed: its lock is free afterwards.
func TestDamageUnderAnOpenStore(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	fill(t, s, 500)
	_, used := s.Size()
	f := nums(t, s, "name", "email", "qbench", "rule")
	file, err := os.OpenFile(s.Path(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for at := int64(4 * 4096); at < used+1<<20; at += 4096 {
		if _, err := file.WriteAt(make([]byte, 64), at); err != nil {
			t.Fatal(err)
		}
	}
	read := func(tx *state.Tx) error { return readRow(t, tx, f, 3) }
	if err := s.View(read); !errors.Is(err, state.ErrDamaged) {
		t.Errorf("view: %v", err)
	}
	for range 2 {
		if err := s.Update(func(tx *state.Tx) error { return fillRow(tx, f, 3) }); !errors.Is(err, state.ErrDamaged) {
			t.Errorf("update: %v", err)
		}
	}
	if found, err := s.Verify(t.Context(), nil); err == nil && len(found) == 0 {
		t.Error("verify finds nothing")
	}
	if err := s.Close(); !errors.Is(err, state.ErrDamaged) {
		t.Errorf("close: %v", err)
	}
	if again, err := state.Open(s.Path(), state.Options{Timeout: 60 * time.Millisecond}); !errors.Is(err, state.ErrDamaged) {
		t.Errorf("open again: %v", err)
		if err == nil {
			_ = again.Close()
		}
	}
}
