package scrub

import (
	"strings"
)

// The digits of a phone number: as many as a number without its area may have,
// as many as one may have that is written without any sign, and the most there
// are.
const (
	fewDigits  = 7
	bareDigits = 10
	mostDigits = 15
)

// Phones hides what looks like a phone number: digits in groups, or behind a
// plus, or so many of them in a row that are not said to be an id. Days and
// times stay.
func Phones(s string) string {
	var b strings.Builder
	done := 0
	for i := 0; i < len(s); {
		if !opensPhone(s[i]) {
			i++
			continue
		}
		end := phoneEnd(s, i)
		if phone(s, i, end) {
			b.WriteString(s[done:i])
			b.WriteString(Hidden)
			done = end
		}
		i = max(end, i+1)
	}
	if done == 0 {
		return s
	}
	b.WriteString(s[done:])
	return b.String()
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func opensPhone(c byte) bool { return digit(c) || c == '+' || c == '(' }

// phoneEnd returns where the signs of a number end that begins at i: behind its
// last digit.
func phoneEnd(s string, i int) int {
	end := i
	for j := i; j < len(s); j++ {
		switch c := s[j]; {
		case digit(c):
			end = j + 1
		case c == '+' && j > i, !strings.ContainsRune("+-.()/ ", rune(c)), j > i+1 && c == ' ' && s[j-1] == ' ':
			return end
		}
	}
	return end
}

// phone reports whether s[i:end] is a number that one can call.
func phone(s string, i, end int) bool {
	if i > 0 && wordly(s[i-1]) || end < len(s) && wordly(s[end]) {
		return false
	}
	text, n := s[i:end], 0
	for j := range len(text) {
		if digit(text[j]) {
			n++
		}
	}
	switch {
	case n < fewDigits || n > mostDigits, day(text):
		return false
	case n == len(text):
		return n >= bareDigits && !namesID(s[:i])
	}
	return true
}

// wordly reports whether a sign goes on with a word, so that the digits beside
// it are part of it.
func wordly(c byte) bool {
	return c == '_' || c == '-' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || digit(c) || c >= 0x80
}

// day reports whether a text begins with a day, as in 2026-11-22.
func day(text string) bool {
	if len(text) < 10 || text[4] != '-' || text[7] != '-' {
		return false
	}
	for _, j := range []int{0, 1, 2, 3, 5, 6, 8, 9} {
		if !digit(text[j]) {
			return false
		}
	}
	return len(text) == 10 || !digit(text[10])
}

// namesID reports whether a text ends in words that announce an id.
func namesID(head string) bool {
	head = strings.ToLower(strings.TrimRight(head, " :=#\"'[("))
	for _, word := range []string{"id", "ids", "record", "object"} {
		if before, ok := strings.CutSuffix(head, word); ok && (before == "" || !wordly(before[len(before)-1]) || before[len(before)-1] == '_') {
			return true
		}
	}
	return false
}
