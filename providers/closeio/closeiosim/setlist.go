package closeiosim

import (
	"encoding/json"
	"strconv"
	"strings"
)

// maxEntries is how many entries an array of a contact takes.
const maxEntries = 100

// entry is an object of an array. Its parts go in in the order of names.
type entry map[string]any

// list reads an array of objects, each of which clean turns into JSON; a null
// is an empty array. Arrays are replaced whole, never merged.
func list(raw json.RawMessage, allowed []string, clean func(entry) (string, error)) (string, error) {
	if isNull(raw) {
		return "[]", nil
	}
	var all []entry
	if json.Unmarshal(raw, &all) != nil {
		return "", refused("Not a valid list.")
	}
	if len(all) > maxEntries {
		return "", refused("Longer than maximum length " + strconv.Itoa(maxEntries) + ".")
	}
	out := make([]string, 0, len(all))
	for _, e := range all {
		for name, v := range e {
			if !contains(allowed, name) {
				return "", refused("Unknown field " + strconv.Quote(name) + ".")
			}
			if _, isText := v.(string); !isText && v != nil {
				if _, isTruth := v.(bool); !isTruth {
					return "", notText
				}
			}
		}
		one, err := clean(e)
		if err != nil {
			return "", err
		}
		if one != "" {
			out = append(out, one)
		}
	}
	return "[" + strings.Join(out, ",") + "]", nil
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

func (e entry) text(name string) string {
	v, _ := e[name].(string)
	return strings.TrimSpace(v)
}

// orNull is the JSON of a part.
func (e entry) orNull(name string) string {
	if v := e.text(name); v != "" {
		return quoted(v)
	}
	return "null"
}

func (e entry) kind() string {
	if v := e.text("type"); v != "" {
		return quoted(v)
	}
	return `"office"`
}

func addresses(_ *store, raw json.RawMessage) (string, error) {
	parts := []string{"label", "address_1", "address_2", "city", "state", "zipcode", "country"}
	return list(raw, parts, func(e entry) (string, error) {
		if c := e.text("country"); c != "" && (len(c) != 2 || strings.ToUpper(c) != c) {
			return "", refused("Not a valid country.")
		}
		if e.text("label") == "" {
			e["label"] = "business"
		}
		b := []byte{'{'}
		for i, p := range parts {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, `"`+p+`":`+e.orNull(p)...)
		}
		return string(append(b, '}')), nil
	})
}

func emails(_ *store, raw json.RawMessage) (string, error) {
	return list(raw, []string{"type", "email", "is_unsubscribed"}, func(e entry) (string, error) {
		v := e.text("email")
		if v == "" {
			return "", nil
		}
		if at := strings.Count(v, "@"); at != 1 || strings.ContainsAny(v, " \t") {
			return "", refused("Not a valid email address.")
		}
		return `{"type":` + e.kind() + `,"email":` + quoted(v) + `,"is_unsubscribed":false}`, nil
	})
}

func urls(_ *store, raw json.RawMessage) (string, error) {
	return list(raw, []string{"type", "url"}, func(e entry) (string, error) {
		if e.text("url") == "" {
			return "", nil
		}
		return `{"type":` + e.kind() + `,"url":` + e.orNull("url") + `}`, nil
	})
}

// phones brings each number into international form. What cannot be a number
// stays as it was typed, without a country, which is our choice.
func phones(_ *store, raw json.RawMessage) (string, error) {
	parts := []string{"type", "phone", "phone_formatted", "country"}
	return list(raw, parts, func(e entry) (string, error) {
		typed := e.text("phone")
		if typed == "" {
			return "", nil
		}
		number, shown, country := normalPhone(typed)
		c := "null"
		if country != "" {
			c = quoted(country)
		}
		return `{"type":` + e.kind() + `,"phone":` + quoted(number) + `,"phone_formatted":` + quoted(shown) + `,"country":` + c + `}`, nil
	})
}

// normalPhone takes a number without a country for a North American one:
// 8004445555 becomes +18004445555.
// https://developer.close.com/api/resources/contacts (last checked 2026-11-22)
func normalPhone(typed string) (number, shown, country string) {
	abroad := strings.HasPrefix(typed, "+")
	d := digitsOf(typed)
	if !abroad && strings.HasPrefix(d, "00") {
		d, abroad = d[2:], true
	}
	switch {
	case !abroad && len(d) == 10:
		d = "1" + d
	case !abroad && len(d) == 11 && d[0] == '1':
	case abroad && len(d) >= 7 && len(d) <= 15:
	default:
		return typed, typed, ""
	}
	if d[0] == '1' && len(d) == 11 {
		return "+" + d, "+1 " + d[1:4] + "-" + d[4:7] + "-" + d[7:], "US"
	}
	return "+" + d, "+" + d[:2] + " " + d[2:], dialed(d)
}

// digitsOf are the digits before an extension.
func digitsOf(typed string) string {
	number, _, _ := strings.Cut(strings.ToLower(typed), "x")
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
}

func dialed(d string) string {
	for code, country := range map[string]string{"44": "GB", "45": "DK", "49": "DE", "33": "FR"} {
		if strings.HasPrefix(d, code) {
			return country
		}
	}
	return ""
}
