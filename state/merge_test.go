package state_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

func appendAll(t testing.TB, s *state.Store, name string, page int, entries []state.Entry) {
	t.Helper()
	for part := range slices.Chunk(entries, page) {
		update(t, s, func(tx *state.Tx) error { return s.Spool(name).Append(tx, part) })
	}
}

func spoolLen(t testing.TB, s *state.Store, name string) (n int) {
	view(t, s, func(tx *state.Tx) error {
		n = s.Spool(name).Len(tx)
		return nil
	})
	return n
}

// keysOfAllKinds returns keys that a sort by their first bytes gets wrong.
func keysOfAllKinds() []state.Entry {
	keys := []string{"", "a", "a\x00", "a\x00\x00", strings.Repeat("a", 40), strings.Repeat("a", 40) + "\x00", strings.Repeat("p", 5000)}
	for i := range 300 {
		keys = append(keys, fmt.Sprintf("0015g00000%08d", i*7919%1000), strings.Repeat("long ", i%5+1)+fmt.Sprint(i%17))
	}
	r := rand.New(rand.NewPCG(3, 4))
	r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	var entries []state.Entry
	for i, k := range keys {
		entries = append(entries, state.Entry{Key: []byte(k), Data: fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", i%3*900))})
	}
	return entries
}

func TestMergeSortsByKeyThenAppend(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	entries := keysOfAllKinds()
	appendAll(t, s, "a", 37, entries)
	appendAll(t, s, "another", 10, entries[:10])
	want := slices.Clone(entries)
	slices.SortStableFunc(want, func(a, b state.Entry) int { return bytes.Compare(a.Key, b.Key) })
	var got []state.Entry
	err := s.Spool("a").Merge(t.Context(), 100, func(_ *state.Tx, e state.Entry) error {
		got = append(got, state.Entry{Key: bytes.Clone(e.Key), Data: bytes.Clone(e.Data)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, emptyAsNil); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if a, b := spoolLen(t, s, "a"), spoolLen(t, s, "another"); a != 0 || b != 10 {
		t.Errorf("left: %d and %d entries", a, b)
	}
	sound(t, s)
}

var errCut = errors.New("cut")

// TestMergeGoesOnAfterACut cuts a merge in every chunk, reopens the store and
// merges on: each entry is taken exactly once, in order.
func TestMergeGoesOnAfterACut(t *testing.T) {
	const rows, chunk = 120, 13
	for cut := range rows/chunk + 1 {
		s := open(t, filepath.Join(memoryDir(t), "state.db"))
		state.SmallRuns(s)
		var entries []state.Entry
		for i := range rows {
			entries = append(entries, state.Entry{Key: fmt.Appendf(nil, "k%04d", i*7%rows), Data: []byte("x")})
		}
		appendAll(t, s, "a", 10, entries)
		n := 0
		take := func(limit int) func(tx *state.Tx, e state.Entry) error {
			return func(tx *state.Tx, e state.Entry) error {
				if n++; n > limit {
					return errCut
				}
				return takeOnce(tx, e)
			}
		}
		if err := s.Spool("a").Merge(t.Context(), chunk, take(cut*chunk+chunk/2)); !errors.Is(err, errCut) && cut*chunk+chunk/2 < rows {
			t.Fatalf("cut %d: %v", cut, err)
		}
		s = reopen(t, s)
		more := entries[:5] // what comes in between is merged as well, afterwards
		for i := range more {
			more[i].Key = fmt.Appendf(nil, "a new %d", i)
		}
		left := spoolLen(t, s, "a")
		appendAll(t, s, "a", 5, more)
		if err := s.Spool("a").Merge(t.Context(), chunk, takeOnce); err != nil {
			t.Fatal(err)
		}
		want := rows - cut*chunk
		if cut*chunk+chunk/2 >= rows {
			want = 0
		}
		if left != want {
			t.Errorf("cut %d: %d entries were left, want %d", cut, left, want)
		}
		view(t, s, func(tx *state.Tx) error {
			if n := tx.Hub("account").Count(); n != rows+5 {
				t.Errorf("cut %d: %d records of %d", cut, n, rows+5)
			}
			if n := s.Spool("a").Len(tx); n != 0 {
				t.Errorf("cut %d: %d entries left", cut, n)
			}
			return nil
		})
		sound(t, s)
	}
}

// takeOnce makes a record of an entry, and fails if there is one already.
func takeOnce(tx *state.Tx, e state.Entry) error {
	h := tx.Hub("account")
	key := state.IndexKey{Field: 1, Digest: tx.Digest(e.Key)}
	if found, err := h.Find(key); err != nil || len(found) > 0 {
		return fmt.Errorf("entry %q is taken again: %v %w", e.Key, found, err)
	}
	id, err := h.NextID()
	if err != nil {
		return err
	}
	rec := state.HubRecord{ID: id}
	rec.Set(1, record.Of(string(e.Key)), 1, 1, 1)
	if err := h.Put(&rec, []state.IndexKey{key}); err != nil {
		return err
	}
	if found, err := h.Find(key); err != nil || len(found) != 1 {
		return fmt.Errorf("its match key is not found in the same chunk: %v %w", found, err)
	}
	return tx.Links("q", "c").Put(&state.Link{Hub: id, Remote: string(e.Key)})
}

func TestMergeStopsWhenCancelled(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	appendAll(t, s, "a", 10, keysOfAllKinds()[:50])
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Spool("a").Merge(ctx, 10, func(*state.Tx, state.Entry) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("merge: %v", err)
	}
	if n := spoolLen(t, s, "a"); n != 40 {
		t.Errorf("%d entries left, want 40: the chunk under way is kept", n)
	}
}

// TestDamagedSpoolIsReported: what a flipped bit took is named at every merge
// until the spool is dropped, and the rest is merged.
func TestDamagedSpoolIsReported(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	var entries []state.Entry
	for i := range 100 {
		entries = append(entries, state.Entry{Key: fmt.Appendf(nil, "k%03d", i), Data: make([]byte, 150)})
	}
	appendAll(t, s, "a", 20, entries)
	update(t, s, func(tx *state.Tx) error {
		state.FlipBit(tx, "spool/a", state.NumberKey(3))
		return nil
	})
	taken := 0
	var lost *state.SpoolError
	for range 2 {
		err := s.Spool("a").Merge(t.Context(), 10, func(*state.Tx, state.Entry) error {
			taken++
			return nil
		})
		if !errors.Is(err, state.ErrDamaged) || !errors.As(err, &lost) || !slices.Equal(lost.Frames, []uint64{3}) || lost.Entries < 1 {
			t.Fatalf("merge: %v", err)
		}
		if taken+lost.Entries != 100 {
			t.Errorf("%d taken and %d lost of 100", taken, lost.Entries)
		}
	}
	update(t, s, func(tx *state.Tx) error { return s.Spool("a").Drop(tx) })
	if err := s.Spool("a").Merge(t.Context(), 10, nil); err != nil || spoolLen(t, s, "a") != 0 {
		t.Errorf("after the drop: %v", err)
	}
	sound(t, s)
}

// TestUndoneAppendLeavesNothing: a spool is as durable as the transaction, and
// no more.
func TestUndoneAppendLeavesNothing(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	_ = s.Update(func(tx *state.Tx) error {
		return errors.Join(s.Spool("a").Append(tx, keysOfAllKinds()), errCut)
	})
	if n := spoolLen(t, s, "a"); n != 0 {
		t.Errorf("%d entries", n)
	}
}
