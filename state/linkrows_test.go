package state_test

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// wideLink is a link of 13 fields; with drifted set, told differs from seen in
// seven of them.
func wideLink(hub state.HubID, drifted bool) *state.Link {
	l := &state.Link{Hub: hub, Remote: fmt.Sprintf("0015g00000%08d", hub), Wrote: 1_760_000_000_000, Origin: state.OriginMade}
	for f := 1; f <= 13; f++ {
		lf := state.LinkField{Field: state.Num(f), Seen: record.Digest(uint64(hub)*0x9E3779B97F4A7C15 + uint64(f))}
		if lf.Told = lf.Seen; drifted && f > 6 {
			lf.Told, lf.Note = lf.Seen+1, 1
		}
		l.Set(lf)
	}
	return l
}

func wideLinks(t testing.TB, s *state.Store, n int) {
	t.Helper()
	appendLinks(t, s, 1, n, 1)
	mergeLinks(t, s, 0, false)
}

// appendLinks spools an answer for each step-th hub record.
func appendLinks(t testing.TB, s *state.Store, from, to, step int) {
	t.Helper()
	var entries []state.Entry
	for i := from; i <= to; i += step {
		entries = append(entries, state.Entry{Key: state.NumberKey(uint64(i))})
	}
	appendAll(t, s, "push", 200, entries)
}

func drift(rewrite, drifted bool) func(tx *state.Tx, e state.Entry) error {
	return func(tx *state.Tx, e state.Entry) error {
		ls := tx.Links("salesforce", "Account")
		if rewrite {
			ls.Rewrite()
		}
		return ls.Put(wideLink(state.HubID(binary.BigEndian.Uint64(e.Key)), drifted))
	}
}

func mergeLinks(t testing.TB, s *state.Store, chunk int, drifted bool) {
	t.Helper()
	if err := s.Spool("push").Merge(t.Context(), chunk, drift(true, drifted)); err != nil {
		t.Fatal(err)
	}
	if err := s.PackLinks(t.Context(), "salesforce", "Account"); err != nil {
		t.Fatal(err)
	}
}

func linkBytes(s *state.Store, n int) float64 {
	return float64(state.BucketBytes(s, "link/salesforce/Account")) / float64(n)
}

// TestLinksStayPackedAsTheyGrow: links of 12 fields and our id take 250 bytes
// where told is seen, and 350 after each of their create-only fields has
// drifted, as often as they are merged; without the rewriting they would not.
func TestLinksStayPackedAsTheyGrow(t *testing.T) {
	if underRace {
		t.Skip("one goroutine, and a matter of bytes")
	}
	const rows = 10_000
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	wideLinks(t, s, rows)
	if size := linkBytes(s, rows); size > 250 {
		t.Errorf("%.0f bytes a link where told is seen", size)
	}
	for round, step := range []int{1, 1, 2, 50} {
		appendLinks(t, s, 1, rows, step)
		mergeLinks(t, s, 700, true)
		if size := linkBytes(s, rows); size > 300 {
			t.Errorf("round %d: %.0f bytes a link", round, size)
		}
		sound(t, s)
	}
	wantLinks(t, s, rows, func(int) bool { return true })

	s = open(t, filepath.Join(memoryDir(t), "state.db"))
	wideLinks(t, s, rows)
	appendLinks(t, s, 1, rows, 1)
	if err := s.Spool("push").Merge(t.Context(), 700, drift(false, true)); err != nil {
		t.Fatal(err)
	}
	if size := linkBytes(s, rows); size < 350 {
		t.Errorf("%.0f bytes a link without the rewriting: it is for nothing", size)
	}
}

// wantLinks checks that all links are there, each once, in order, and as they
// should be.
func wantLinks(t testing.TB, s *state.Store, rows int, drifted func(hub int) bool) {
	t.Helper()
	next := 1
	view(t, s, func(tx *state.Tx) error {
		ls := tx.Links("salesforce", "Account")
		if n := ls.Count(); n != rows {
			t.Errorf("%d links, want %d", n, rows)
		}
		return ls.Each(0, func(l *state.Link) error {
			if diff := cmp.Diff(*wideLink(state.HubID(next), drifted(next)), *l, sameValues); diff != "" {
				t.Fatalf("link %d: %s", next, diff)
			}
			if hub, ok := ls.ByRemote(l.Remote); !ok || hub != l.Hub || !ls.Sound(hub) {
				t.Fatalf("link %d is not found by its remote id", next)
			}
			next++
			return nil
		})
	})
	if next != rows+1 {
		t.Errorf("%d links walked, want %d", next-1, rows)
	}
}

// TestRewriteCutAtEveryCommit: a rewriting that is cut off at any commit leaves
// every link in its place, the old or the new one, and goes on where it was.
func TestRewriteCutAtEveryCommit(t *testing.T) {
	const rows, step = 300, 3
	for n := 1; ; n++ {
		path, commits := filepath.Join(memoryDir(t), "state.db"), 0
		s, err := state.Open(path, state.Options{BeforeCommit: func() error {
			if commits++; commits == n {
				return errCut
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		commits = -1000
		state.SmallMoves(s, 40)
		wideLinks(t, s, rows)
		appendLinks(t, s, 1, rows, step)
		commits = 0
		if err = s.Spool("push").Merge(t.Context(), 30, drift(true, true)); err == nil {
			err = s.PackLinks(t.Context(), "salesforce", "Account")
		}
		commits = -1000
		shut(t, s)
		s = open(t, path)
		state.SmallMoves(s, 40)
		sound(t, s)
		left := spoolLen(t, s, "push")
		merged := rows/step - left
		wantLinks(t, s, rows, func(hub int) bool { return hub%step == 1 && (hub-1)/step < merged })
		update(t, s, func(tx *state.Tx) error { // a routine run in between
			ls := tx.Links("salesforce", "Account")
			return errors.Join(ls.Put(wideLink(150, false)), ls.Put(wideLink(rows+1, false)), ls.Delete(rows+1))
		})
		mergeLinks(t, s, 30, true)
		sound(t, s)
		wantLinks(t, s, rows, func(hub int) bool { return hub%step == 1 })
		view(t, s, func(tx *state.Tx) error {
			if tx.Links("salesforce", "Account").Rewriting() {
				t.Error("the rewriting has no end")
			}
			return nil
		})
		shut(t, s)
		if err == nil {
			t.Logf("%d points", n-1)
			return
		}
		if !errors.Is(err, errCut) {
			t.Fatal(err)
		}
	}
}

// TestRewrittenDamageStaysDamage: a damaged link that is moved is as damaged as
// before, and its remote id is found.
func TestRewrittenDamageStaysDamage(t *testing.T) {
	s := open(t, filepath.Join(memoryDir(t), "state.db"))
	wideLinks(t, s, 100)
	update(t, s, func(tx *state.Tx) error {
		state.FlipBit(tx, "link/salesforce/Account", state.NumberKey(7))
		return nil
	})
	appendLinks(t, s, 50, 100, 1)
	mergeLinks(t, s, 0, true)
	view(t, s, func(tx *state.Tx) error {
		var l state.Link
		ok, err := tx.Links("salesforce", "Account").Get(7, &l)
		if !ok || !errors.Is(err, state.ErrDamaged) || l.Remote != wideLink(7, false).Remote {
			t.Errorf("link 7: %v %v %+v", ok, err, l)
		}
		return nil
	})
	if found, err := s.Verify(t.Context(), nil); err != nil || len(found) != 1 {
		t.Errorf("verify: %v %v", found, err)
	}
}

// TestRewritingIsAMap: whatever is put, deleted, rewritten and packed, and in
// whatever order, the links are those of a map.
func TestRewritingIsAMap(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("25") // as in TestStoreAgreesWithAModel
	}
	root := memoryDir(t)
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(root, "m") //nolint:usetesting // one for each run of many in this test
		if err != nil {
			t.Fatal(err)
		}
		s, err := state.Open(filepath.Join(dir, "state.db"), state.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		state.SmallMoves(s, rapid.IntRange(1, 5).Draw(t, "moves"))
		want := map[state.HubID]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) { sameLinks(t, s, want) },
			"change": func(t *rapid.T) {
				rewrite := rapid.Bool().Draw(t, "rewrite")
				hubs := rapid.SliceOfN(rapid.Uint64Range(1, 40), 1, 20).Draw(t, "hubs")
				drifted, gone := rapid.Bool().Draw(t, "drifted"), rapid.IntRange(0, 4).Draw(t, "gone") == 0
				if err := s.Update(func(tx *state.Tx) error {
					ls := tx.Links("salesforce", "Account")
					if rewrite {
						ls.Rewrite()
					}
					for _, h := range hubs {
						hub := state.HubID(h)
						if gone {
							delete(want, hub)
							if err := ls.Delete(hub); err != nil {
								return err
							}
							continue
						}
						want[hub] = drifted
						if err := ls.Put(wideLink(hub, drifted)); err != nil {
							return err
						}
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			},
			"pack": func(t *rapid.T) {
				if err := s.PackLinks(t.Context(), "salesforce", "Account"); err != nil {
					t.Fatal(err)
				}
			},
		})
	})
}

func sameLinks(t *rapid.T, s *state.Store, want map[state.HubID]bool) {
	got := map[state.HubID]bool{}
	if err := s.View(func(tx *state.Tx) error {
		ls, last := tx.Links("salesforce", "Account"), state.HubID(0)
		if n := ls.Count(); n != len(want) {
			t.Fatalf("%d links, want %d", n, len(want))
		}
		return ls.Each(0, func(l *state.Link) error {
			if l.Hub <= last {
				t.Fatalf("link %d after %d", l.Hub, last)
			}
			last = l.Hub
			got[l.Hub] = l.Fields[12].Told != l.Fields[12].Seen
			if !ls.Sound(l.Hub) {
				t.Fatalf("link %d is walked and not found", l.Hub)
			}
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, sameValues); diff != "" {
		t.Fatal(diff)
	}
	if found, err := s.Verify(t.Context(), nil); err != nil || len(found) > 0 {
		t.Fatal(found, err)
	}
}
