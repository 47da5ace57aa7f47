package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"crmsyncd/fieldmap"
)

// A hostile file can be wrong in a million places, and a key as long as the
// file. What is told stays readable.
const (
	maxProblems = 200
	maxWords    = 300
)

func sortProblems(ps []fieldmap.Problem) {
	slices.SortStableFunc(ps, func(a, b fieldmap.Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path))
	})
}

// presentable bounds the number and the length of problems and takes out what a
// terminal would obey.
func presentable(ps []fieldmap.Problem) []fieldmap.Problem {
	if more := len(ps) - maxProblems; more > 0 {
		ps = append(ps[:maxProblems:maxProblems], fieldmap.Problem{
			File: ps[maxProblems].File, Line: ps[maxProblems].Line, Message: fmt.Sprintf("and %d more problems from here on", more),
		})
	}
	for i := range ps {
		ps[i].Path, ps[i].Message = printable(ps[i].Path), printable(ps[i].Message)
	}
	return ps
}

func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
	if r := []rune(s); len(r) > maxWords {
		return string(r[:maxWords]) + "…"
	}
	return s
}
