package jsonwalk

import (
	"bytes"
	"hash/fnv"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// unreadable begins the literal that stands where a value is no JSON. It is an
// object, which no field of a record may be, so that the field is refused when
// it is converted, and no other field with it. A hash tells one such value from
// another.
const unreadable = `{"unreadable JSON":"`

// Unreadable reports whether a literal stands for a value that is no JSON.
func Unreadable(raw []byte) bool { return bytes.HasPrefix(raw, []byte(unreadable)) }

// mend writes a document anew in which every value that is no JSON is replaced:
// a text with raw control characters or unknown escapes, and words such as NaN.
// It reports whether there was any; the rest is copied as it is.
func mend(body []byte) ([]byte, bool) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if head := bytes.TrimLeft(body, " \t\r\n"); len(head) == 0 || head[0] != '{' && head[0] != '[' {
		return nil, false // a page of HTML, or words
	}
	out := make([]byte, 0, len(body)+64)
	mended := 0
	for i := 0; i < len(body); {
		var end int
		var good bool
		switch c := body[i]; {
		case c == '"':
			if end, good = text(body, i); end < 0 {
				return nil, false
			}
		case structural(c):
			out = append(out, c)
			i++
			continue
		default:
			end = bareEnd(body, i)
			good = jsontext.Value(body[i:end]).IsValid()
		}
		if good {
			out = append(out, body[i:end]...)
			i = end
			continue
		}
		mended++
		if names(body, end) {
			out = append(out, `"unreadable `...)
			out = strconv.AppendInt(out, int64(mended), 10)
			out = append(out, '"')
		} else {
			out = appendUnreadable(out, body[i:end])
		}
		i = end
	}
	return out, mended > 0
}

func appendUnreadable(out, value []byte) []byte {
	h := fnv.New64a()
	_, _ = h.Write(value)
	out = append(out, unreadable...)
	out = strconv.AppendUint(out, h.Sum64(), 16)
	return append(out, '"', '}')
}

func structural(c byte) bool {
	switch c {
	case '{', '}', '[', ']', ',', ':', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}

// text returns where the text ends that begins at i, -1 where it does not, and
// whether it is one of JSON's.
func text(body []byte, i int) (end int, good bool) {
	good = true
	for j := i + 1; j < len(body); j++ {
		switch c := body[j]; {
		case c == '"':
			return j + 1, good
		case c < ' ':
			good = false
		case c == '\\':
			n := escape(body[j+1:])
			good = good && n > 0
			j += max(n, 1)
		}
	}
	return -1, false
}

// escape returns how many bytes behind a backslash belong to it, 0 where they
// are none of JSON's.
func escape(tail []byte) int {
	if len(tail) == 0 {
		return 0
	}
	if bytes.IndexByte([]byte(`"\/bfnrt`), tail[0]) >= 0 {
		return 1
	}
	if tail[0] != 'u' || len(tail) < 5 {
		return 0
	}
	for _, c := range tail[1:5] {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return 0
		}
	}
	return 5
}

func bareEnd(body []byte, i int) int {
	for j := i; j < len(body); j++ {
		if structural(body[j]) || body[j] == '"' {
			return max(j, i+1)
		}
	}
	return len(body)
}

// names reports whether what ends here is the name of a member.
func names(body []byte, end int) bool {
	tail := bytes.TrimLeft(body[end:], " \t\r\n")
	return len(tail) > 0 && tail[0] == ':'
}
