package configs

import (
	"fmt"
	"strings"
)

// suggest names the valid key nearest to what was written, or all of them where
// none is near.
func suggest(got string, valid []string) string {
	if near, ok := nearest(got, valid); ok {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "known here: " + strings.Join(valid, ", ")
}

// nearest returns the closest of valid within a third of its length.
func nearest(got string, valid []string) (string, bool) {
	const longest = 64
	if len(got) > longest {
		return "", false
	}
	best, at := "", longest
	for _, v := range valid {
		if d := distance(strings.ToLower(got), v); d < at {
			best, at = v, d
		}
	}
	return best, at <= max(2, len(best)/3) && at < len(best)
}

// distance is the number of letters to insert, drop or change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
