package state_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// TestFlippedBits flips one bit of a real file, many times, and reads
// everything. What comes back is either as it was, or an error, or Verify has
// something to say: nothing is wrong in silence. And a link or hub record that
// is there is never given out with other values than it had.
func TestFlippedBits(t *testing.T) {
	dir := memoryDir(t)
	s := open(t, filepath.Join(dir, "state.db"))
	const rows = 200
	fill(t, s, rows)
	_, used := s.Size()
	f := nums(t, s, "name", "email", "qbench", "rule")
	shut(t, s)
	whole, err := os.ReadFile(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(s.Path(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	put := func(at int, b byte) {
		if _, err := file.WriteAt([]byte{b}, int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	flips := 1000
	if testing.Short() || underRace {
		flips = 200
	}
	r := rand.New(rand.NewPCG(5, 6))
	var refused, noticed, harmless int
	for range flips {
		at := r.IntN(int(used) * 8)
		put(at/8, whole[at/8]^1<<(at%8))
		switch opened, missing := readFlipped(t, s.Path(), f, rows); {
		case !opened:
			refused++
		case missing == nil:
			harmless++
		default:
			noticed++
		}
		put(at/8, whole[at/8])
	}
	t.Logf("of %d flips: %d refused at open, %d noticed, %d without effect", flips, refused, noticed, harmless)
	if noticed == 0 || harmless == 0 {
		t.Error("the test did not reach both kinds of pages")
	}
}

// readFlipped reads everything. missing is what was not as before; it fails the
// test where that stays unnoticed.
func readFlipped(t *testing.T, path string, f []state.Num, rows int) (opened bool, missing error) {
	t.Helper()
	s, err := state.Open(path, state.Options{ReadOnly: true, Timeout: 60 * time.Millisecond})
	if err != nil {
		if !errors.Is(err, state.ErrDamaged) && !errors.Is(err, state.ErrNewerFormat) {
			t.Fatalf("open: %v", err)
		}
		return false, nil
	}
	defer func() { _ = s.Close() }()
	for i := 1; i <= rows; i++ {
		err := s.View(func(tx *state.Tx) error { return readRow(t, tx, f, i) })
		if err != nil {
			missing = err
		}
	}
	if missing == nil || errors.Is(missing, state.ErrDamaged) {
		return true, missing
	}
	found, err := s.Verify(t.Context(), nil)
	if err == nil && len(found) == 0 {
		t.Fatalf("Verify finds nothing, but: %v", missing)
	}
	return true, missing
}

// readRow returns an error where a row is missing or reported as damaged, and
// fails the test where it is given out with other values.
func readRow(t *testing.T, tx *state.Tx, f []state.Num, i int) error {
	t.Helper()
	var rec state.HubRecord
	ok, err := tx.Hub("account").Get(state.HubID(i), &rec)
	if err != nil || !ok {
		return fmt.Errorf("hub record %d: %t %w", i, ok, err)
	}
	if rec.Get(f[0]) != record.Of(fmt.Sprintf("Customer %d", i)) || rec.Get(f[1]) != record.Of(fmt.Sprintf("c%d@example.com", i)) {
		t.Fatalf("hub record %d has other values", i)
	}
	remote := fmt.Sprintf("001%06d", i)
	links := tx.Links("salesforce", "Account")
	var link state.Link
	if ok, err = links.Get(state.HubID(i), &link); err != nil || !ok {
		return fmt.Errorf("link %d: %t %w", i, ok, err)
	}
	if link.Remote != remote || link.Field(f[0]).Seen != record.Digest(i) || link.Field(f[1]).Told != record.Digest(i+1) {
		t.Fatalf("link %d has other values", i)
	}
	id, ok := links.ByRemote(remote)
	if !ok {
		return fmt.Errorf("remote %s is not found", remote)
	}
	if id != state.HubID(i) {
		t.Fatalf("remote %s belongs to %d", remote, id)
	}
	ids, err := tx.Hub("account").Find(state.IndexKey{Field: f[1], Digest: record.Digest(i) * 0x9E3779B97F4A7C15})
	if err != nil || len(ids) != 1 {
		return fmt.Errorf("match key %d: %v %w", i, ids, err)
	}
	return nil
}
