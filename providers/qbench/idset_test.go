package qbench

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// The set agrees with a plain map, whatever the ids look like.
func TestIDSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOf(rapid.OneOf(
			rapid.StringMatching(`0{0,2}[0-9]{1,3}`),
			rapid.StringMatching(`[0-9]{18,20}`),
			rapid.StringMatching(`[-+]?[0-9]\.0|[a-c]`),
			rapid.Map(rapid.Uint64(), func(n uint64) string { return fmt.Sprint(n) }),
		)).Draw(t, "ids")
		var set idSet
		model := map[string]bool{}
		for _, id := range ids {
			if fresh := set.add(id); fresh == model[id] {
				t.Fatalf("%s: fresh %v", id, fresh)
			}
			model[id] = true
		}
		if set.n != len(model) {
			t.Fatalf("%d ids, want %d", set.n, len(model))
		}
	})
}
