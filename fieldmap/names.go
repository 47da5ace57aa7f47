package fieldmap

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// The names that admins write, in the order of the values they stand for. The
// first is the default.

func directionNames() []string { return []string{"pull", "push"} }

func writeNames() []string {
	return []string{"on_change", "enforce", "fill_blank", "create_only", "never"}
}

func linkNames() []string { return []string{"source", "fill_blank", "keep"} }

func unmappedNames() []string { return []string{"hold", "skip_field", "default"} }

func emptyNames() []string { return []string{"", "ignore", "clear"} }

func moveNames() []string { return []string{"move", "hold"} }

func modeNames() []string { return []string{"", "match_only"} }

func formNames() []string {
	return []string{"exact", "fold", "email", "phone", "url", "domain", "digits"}
}

// String returns the direction as admins write it.
func (d Direction) String() string { return nameOf(directionNames(), d) }

// String returns the write mode as admins write it.
func (w WriteMode) String() string { return nameOf(writeNames(), w) }

// String returns the first-meeting rule as admins write it.
func (l LinkRule) String() string { return nameOf(linkNames(), l) }

// String returns the rule for unmapped values as admins write it.
func (u Unmapped) String() string { return nameOf(unmappedNames(), u) }

// String returns the rule for blanks as admins write it.
func (e OnEmpty) String() string {
	if e == EmptyByOwner {
		return "owner"
	}
	return nameOf(emptyNames(), e)
}

// String returns the rule for a change of parent as admins write it.
func (m OnMove) String() string { return nameOf(moveNames(), m) }

func nameOf[T ~uint8](names []string, value T) string {
	if int(value) < len(names) {
		return names[value]
	}
	return "unknown"
}

// plural returns the name of several records of a hub object.
func plural(object string) string {
	if object == Opportunity {
		return "opportunities"
	}
	return object + "s"
}

// Nearest returns the allowed name that a mistyped one most likely meant, or
// nothing when none is near.
func Nearest(name string, allowed []string) string {
	name = strings.ToLower(name)
	best, distance := "", 1+max(1, utf8.RuneCountInString(name)/3)
	for _, candidate := range slices.Sorted(slices.Values(allowed)) {
		if d := editDistance(name, strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// maxNameLength bounds the work of a comparison; no real name is longer.
const maxNameLength = 200

// editDistance counts the edits between two names, a swap of neighbors being
// one.
func editDistance(a, b string) int {
	s, t := []rune(a), []rune(b)
	if len(s) > maxNameLength || len(t) > maxNameLength {
		return maxNameLength
	}
	before, row := make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range row {
		row[j] = j
	}
	for i := range s {
		next := make([]int, len(t)+1)
		next[0] = i + 1
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			next[j+1] = min(next[j]+1, row[j+1]+1, row[j]+cost)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(t)]
}
