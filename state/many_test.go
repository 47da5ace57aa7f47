package state_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"crmsyncd/state"
)

// TestOneOfManyIsDurable: a transaction that leaves the list of free pages out
// is as durable as any other, and the next one stores the list again.
func TestOneOfManyIsDurable(t *testing.T) {
	dir := memoryDir(t)
	s := open(t, filepath.Join(dir, "state.db"))
	fill(t, s, 200)
	if !listStored(t, s.Path()) {
		t.Error("an ordinary transaction left the list out")
	}
	for _, fact := range []string{"a", "b"} {
		update(t, s, func(tx *state.Tx) error {
			tx.OneOfMany()
			return tx.SetMeta("fact", []byte(fact))
		})
	}
	if listStored(t, s.Path()) {
		t.Error("one of many stored the list")
	}
	// What a crash would leave behind now.
	crashed := filepath.Join(dir, "crashed.db")
	copyFile(t, s.Path(), crashed)
	c := open(t, crashed)
	view(t, c, func(tx *state.Tx) error {
		if string(tx.Meta("fact")) != "b" {
			t.Errorf("after the crash: %q", tx.Meta("fact"))
		}
		return nil
	})
	sound(t, c)
	fill(t, c, 300)
	sound(t, c)
	update(t, s, func(*state.Tx) error { return nil })
	if !listStored(t, s.Path()) {
		t.Error("the list was not stored again")
	}
	sound(t, s)
}

// listStored reads from the newer of bbolt's two meta pages whether it names a
// list of free pages.
func listStored(t *testing.T, path string) bool {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const header, freelist, txid = 16, 32, 48
	newest, list := uint64(0), uint64(0)
	for page := range 2 {
		meta := b[page*os.Getpagesize()+header:]
		if id := binary.NativeEndian.Uint64(meta[txid:]); id >= newest {
			newest, list = id, binary.NativeEndian.Uint64(meta[freelist:])
		}
	}
	return list != math.MaxUint64
}
