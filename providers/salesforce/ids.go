package salesforce

import "strings"

// idAlphabet spells five case bits of an id as one character.
const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

// ID18 returns the 18-character form of a Salesforce id. The 15-character form
// tells A from a; the last three characters of the long form spell the case of
// the first fifteen, so an id whose case was lost on the way is mended, and
// one whose suffix cannot fit is no id.
func ID18(id string) (string, bool) {
	if len(id) != 15 && len(id) != 18 {
		return "", false
	}
	var out [18]byte
	for i := range len(id) {
		if !alphanumeric(id[i]) {
			return "", false
		}
		out[i] = id[i]
	}
	same := len(id) == 18
	for chunk := range 3 {
		part := out[chunk*5 : chunk*5+5]
		check := idAlphabet[caseBits(part)]
		if len(id) == 15 {
			out[15+chunk] = check
			continue
		}
		if out[15+chunk] == check {
			continue
		}
		same = false
		out[15+chunk] = upper(out[15+chunk])
		if !restoreCase(part, out[15+chunk]) {
			return "", false
		}
	}
	if same {
		return id, true
	}
	return string(out[:]), true
}

func caseBits(part []byte) int {
	bits := 0
	for i, c := range part {
		if c >= 'A' && c <= 'Z' {
			bits |= 1 << i
		}
	}
	return bits
}

// restoreCase gives the letters of part the case that check spells.
func restoreCase(part []byte, check byte) bool {
	bits := strings.IndexByte(idAlphabet, check)
	if bits < 0 {
		return false
	}
	for i, c := range part {
		letter := upper(c) >= 'A' && upper(c) <= 'Z'
		switch {
		case bits&(1<<i) == 0 && letter:
			part[i] = upper(c) + ('a' - 'A')
		case bits&(1<<i) != 0 && letter:
			part[i] = upper(c)
		case bits&(1<<i) != 0:
			return false
		}
	}
	return true
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || upper(c) >= 'A' && upper(c) <= 'Z'
}
