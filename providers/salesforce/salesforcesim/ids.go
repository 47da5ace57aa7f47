package salesforcesim

import "strings"

const (
	idAlphabet     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	suffixAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
	idPod          = "8d0"
	idDigits       = 9
)

// makeID gives row n of the object with the key prefix its 18-character id.
// Neighboring rows may have ids that differ in case only, as in a real org.
func makeID(prefix string, n uint32) string {
	var b [18]byte
	copy(b[:], prefix)
	copy(b[3:], idPod)
	v := uint64(n) + 1
	for i := 14; i >= 15-idDigits; i-- {
		b[i] = idAlphabet[v%62]
		v /= 62
	}
	putSuffix(&b)
	return string(b[:])
}

// putSuffix fills the last three characters, which say which of the first
// fifteen are capitals.
func putSuffix(b *[18]byte) {
	for g := range 3 {
		bits := 0
		for i := range 5 {
			if c := b[g*5+i]; c >= 'A' && c <= 'Z' {
				bits |= 1 << i
			}
		}
		b[15+g] = suffixAlphabet[bits]
	}
}

// CanonicalID returns the 18-character form of a 15- or 18-character id. The
// case of an 18-character id is repaired from its suffix. It reports false for
// text that cannot be an id.
func CanonicalID(id string) (string, bool) {
	var b [18]byte
	if len(id) != 15 && len(id) != 18 {
		return "", false
	}
	copy(b[:], id)
	for _, c := range b[:len(id)] {
		if !isAlnum(c) {
			return "", false
		}
	}
	if len(id) == 15 {
		putSuffix(&b)
		return string(b[:]), true
	}
	for g := range 3 {
		bits := strings.IndexByte(suffixAlphabet, upper(b[15+g]))
		if bits < 0 {
			return "", false
		}
		for i := range 5 {
			c := &b[g*5+i]
			switch {
			case bits&(1<<i) != 0 && isLetter(*c):
				*c = upper(*c)
			case bits&(1<<i) != 0:
				return "", false
			case isLetter(*c):
				*c |= 0x20
			}
		}
	}
	putSuffix(&b)
	return string(b[:]), true
}

// idRow takes a canonical id apart. It reports false for an id that this
// package never made.
func idRow(id string) (prefix string, n uint32, ok bool) {
	if len(id) != 18 {
		return "", 0, false
	}
	prefix = id[:3]
	if id[3:6] != idPod {
		return prefix, 0, false
	}
	var v uint64
	for i := 6; i < 15; i++ {
		v = v*62 + uint64(strings.IndexByte(idAlphabet, id[i]))
		if v > 1<<32 {
			return prefix, 0, false
		}
	}
	if v == 0 {
		return prefix, 0, false
	}
	return prefix, uint32(v - 1), true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isAlnum(c byte) bool  { return isLetter(c) || (c >= '0' && c <= '9') }

func upper(c byte) byte {
	if isLetter(c) {
		return c &^ 0x20
	}
	return c
}
