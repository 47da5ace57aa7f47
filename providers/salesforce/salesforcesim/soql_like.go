package salesforcesim

import "unicode/utf8"

// likeRune is one place of a LIKE pattern.
type likeRune struct {
	r        rune
	any, one bool // % and _
}

func likePattern(raw string) []likeRune {
	var list []likeRune
	for i := 0; i < len(raw); {
		r, size := utf8.DecodeRuneInString(raw[i:])
		i += size
		switch r {
		case '%':
			list = append(list, likeRune{any: true})
			continue
		case '_':
			list = append(list, likeRune{one: true})
			continue
		case '\\':
			if i < len(raw) {
				plain, _ := unescape(raw[i])
				r, _ = utf8.DecodeRuneInString(plain)
				i++
			}
		}
		list = append(list, likeRune{r: r})
	}
	return list
}

// like matches s against a pattern, going back to the last % on a mismatch.
func like(pattern []likeRune, s string) bool {
	text := []rune(s)
	i, j, star, mark := 0, 0, -1, 0
	for j < len(text) {
		switch {
		case i < len(pattern) && pattern[i].any:
			star, mark = i, j
			i++
		case i < len(pattern) && (pattern[i].one || pattern[i].r == text[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i].any {
		i++
	}
	return i == len(pattern)
}
