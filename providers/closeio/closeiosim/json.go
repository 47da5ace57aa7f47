package closeiosim

import (
	"bytes"
	"encoding/json"
	"strings"
)

// quote appends text as a JSON string.
func quote(b []byte, text string) []byte {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x80 {
			return append(b, encode(text)...)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

// encode is the JSON of v without the escapes that only web pages need. It
// panics on a value that has no JSON form, which is a mistake of the caller.
func encode(v any) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("closeiosim: " + err.Error())
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}

// plain is the text of a JSON string, "" for null, and any other value's own
// JSON.
func plain(raw string) string {
	if raw == "" || raw == "null" {
		return ""
	}
	if raw[0] != '"' {
		return raw
	}
	if inner := raw[1 : len(raw)-1]; !strings.ContainsRune(inner, '\\') {
		return inner
	}
	var text string
	if json.Unmarshal([]byte(raw), &text) != nil {
		return raw
	}
	return text
}

// elements are the objects of a stored array.
func elements(raw string) []map[string]json.RawMessage {
	if raw == "" || raw == "null" || raw == "[]" {
		return nil
	}
	var list []map[string]json.RawMessage
	if json.Unmarshal([]byte(raw), &list) != nil {
		return nil
	}
	return list
}

func isNull(raw []byte) bool {
	return len(raw) == 0 || string(bytes.TrimSpace(raw)) == "null"
}
