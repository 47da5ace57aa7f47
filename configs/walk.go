package configs

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"crmsyncd/fieldmap"
)

// A file may be this deep and hold this many places, aliases written out. An
// alias that holds aliases grows by powers, so the sum is counted, not the text.
const (
	maxDepth  = 32
	maxPlaces = 200_000
)

// walker compares a file with its shape and notes each problem with its line.
// No message repeats a value of the file: it may be a secret in the wrong place.
type walker struct {
	file     string
	lines    lineIndex
	problems []fieldmap.Problem
	places   int
}

func (w *walker) add(line int, path, message, hint string) {
	w.problems = append(w.problems, fieldmap.Problem{File: w.file, Line: line, Path: path, Message: message, Hint: hint})
}

// walk checks node at path. It reports false once the file is too large to go on.
func (w *walker) walk(n *yaml.Node, s *shape, path string, depth int) bool {
	line := n.Line
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	w.places++
	if w.places > maxPlaces || depth > maxDepth {
		w.add(line, path, "the file is too large or too deep", "write it flatter, and with fewer aliases")
		return false
	}
	w.lines.put(w.file, path, line)
	switch s.kind {
	case kindObject, kindTable:
		return w.mapping(n, s, path, line, depth)
	case kindList:
		return w.list(n, s, path, line, depth)
	case kindTexts:
		if n.Kind == yaml.SequenceNode {
			return w.list(n, &shape{kind: kindList, elem: &shape{kind: kindText}}, path, line, depth)
		}
		w.scalar(n, kindText, path, line)
	case kindSetting:
		w.setting(n, path, line)
	case kindSecret:
		w.secret(n, path, line)
	default:
		w.scalar(n, s.kind, path, line)
	}
	return true
}

func (w *walker) mapping(n *yaml.Node, s *shape, path string, line, depth int) bool {
	if n.Kind != yaml.MappingNode {
		w.add(line, path, "wants keys and values, not "+describe(n), "")
		return true
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if !w.key(key, path, first) {
			continue
		}
		at := join(path, key.Value)
		elem := s.elem
		if s.kind == kindObject {
			if elem = s.keys[key.Value]; elem == nil {
				w.add(key.Line, at, "unknown key", suggest(key.Value, s.names()))
				continue
			}
		}
		if !w.walk(val, elem, at, depth+1) {
			return false
		}
		w.lines.put(w.file, at, key.Line)
	}
	return true
}

// key checks the key itself; first holds the line of each key so far.
func (w *walker) key(key *yaml.Node, path string, first map[string]int) bool {
	switch {
	case key.Kind != yaml.ScalarNode:
		w.add(key.Line, path, "a key must be a single word or a text in quotes", "")
	case key.ShortTag() == "!!merge":
		w.add(key.Line, path, "merge keys (<<) are not taken", "write the keys out, or use an alias for a whole list")
	case key.ShortTag() != "!!str":
		w.add(key.Line, path, "a key reads as "+describe(key)+", not as a text", "put the key in quotes")
	case strings.ContainsRune(key.Value, 0):
		w.add(key.Line, path, "a key holds a NUL character", "")
	case first[key.Value] > 0:
		w.add(key.Line, join(path, key.Value), fmt.Sprintf("the key stands twice, first on line %d", first[key.Value]), "remove one")
	default:
		first[key.Value] = key.Line
		return true
	}
	return false
}

func (w *walker) list(n *yaml.Node, s *shape, path string, line, depth int) bool {
	if n.Kind != yaml.SequenceNode {
		w.add(line, path, "wants a list, not "+describe(n), "start each entry with \"- \"")
		return true
	}
	for i, e := range n.Content {
		if !w.walk(e, s.elem, fmt.Sprintf("%s[%d]", path, i), depth+1) {
			return false
		}
	}
	return true
}

// setting takes a text or {env: NAME}.
func (w *walker) setting(n *yaml.Node, path string, line int) {
	if n.Kind != yaml.MappingNode {
		w.scalar(n, kindText, path, line)
		return
	}
	w.oneOf(n, path, "a text, or {env: NAME}", []string{"env"}, "default")
}

// secret takes a place and never a value.
func (w *walker) secret(n *yaml.Node, path string, line int) {
	const mend = "write {credential: NAME} (systemd), {file: /path} or {env: NAME}, and keep the secret there"
	if n.Kind != yaml.MappingNode {
		w.add(line, path, "a secret never stands in the file", mend)
		return
	}
	w.oneOf(n, path, mend, []string{"file", "credential", "env"})
}

// oneOf takes a mapping with exactly one of the names, and a text for it; the
// optional names may stand beside it.
func (w *walker) oneOf(n *yaml.Node, path, mend string, names []string, optional ...string) {
	before, found := len(w.problems), 0
	keys := &shape{kind: kindObject, keys: map[string]*shape{}}
	for _, name := range append(slices.Clone(names), optional...) {
		keys.keys[name] = &shape{kind: kindText}
	}
	w.mapping(n, keys, path, n.Line, 0)
	for i := 0; i+1 < len(n.Content); i += 2 {
		if slices.Contains(names, n.Content[i].Value) {
			found++
		}
		if n.Content[i+1].Kind == yaml.ScalarNode && n.Content[i+1].Value == "" && len(w.problems) == before {
			w.add(n.Line, path, "says no place", mend)
		}
	}
	if found != 1 && len(w.problems) == before {
		w.add(n.Line, path, "wants exactly one place", mend)
	}
}

func (w *walker) scalar(n *yaml.Node, k kind, path string, line int) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		w.add(line, path, "has no value", "give one, or remove the key")
		return
	}
	if n.Kind != yaml.ScalarNode || !fits(n.ShortTag(), k, n.Value) {
		hint := ""
		if k == kindText && n.Kind == yaml.ScalarNode {
			hint = "put it in quotes"
		}
		w.add(line, path, "wants "+wanted(k)+", not "+describe(n), hint)
		return
	}
	switch k {
	case kindText:
		w.text(n, path, line)
	case kindNumber:
		var number int32
		if n.Decode(&number) != nil {
			w.add(line, path, "the number is out of range", "")
		}
	case kindPercent, kindDays, kindBytes:
		w.quantity(n, k, path, line)
	}
}

// quantity checks a number with a unit.
func (w *walker) quantity(n *yaml.Node, k kind, path string, line int) {
	switch k {
	case kindPercent:
		if _, ok := parsePercent(n.Value); !ok {
			w.add(line, path, "wants a percentage from 0 to 100", "such as 20%")
		}
	case kindDays:
		if _, ok := parseDays(n.Value); !ok {
			w.add(line, path, "wants a number of days from 1d to 36500d", "such as 400d; w is weeks, y years")
		}
	case kindBytes:
		if _, ok := parseBytes(n.Value); !ok {
			w.add(line, path, "wants a size with its unit, 1024TiB at most", "such as 2GiB or 500MB")
		}
	}
}

// fits reports whether a scalar with this tag can be what is wanted.
func fits(tag string, k kind, value string) bool {
	switch k {
	case kindText, kindTexts:
		return tag == "!!str"
	case kindNumber:
		return tag == "!!int"
	case kindFlag:
		return tag == "!!bool"
	case kindOnOff:
		_, ok := parseOnOff(value)
		return ok
	case kindPercent, kindDays, kindBytes:
		return tag == "!!int" || tag == "!!str"
	}
	return false
}

func (w *walker) text(n *yaml.Node, path string, line int) {
	for _, r := range n.Value {
		if r < ' ' && r != '\t' && r != '\n' || r == 0x7f {
			w.add(line, path, "holds a control character", "remove it")
			return
		}
	}
}

// describe names what a node is, never what it says.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.ShortTag() {
	case "!!str":
		return "a text"
	case "!!int":
		return "a number"
	case "!!float":
		return "a number with a fraction or too many digits"
	case "!!bool":
		return "true or false"
	case "!!null":
		return "nothing"
	case "!!timestamp":
		return "a date"
	}
	return "a value of another type"
}

func wanted(k kind) string {
	switch k {
	case kindNumber:
		return "a whole number"
	case kindFlag:
		return "true or false"
	case kindOnOff:
		return "on or off"
	case kindPercent:
		return "a percentage"
	case kindDays:
		return "a number of days"
	case kindBytes:
		return "a size"
	}
	return "a text"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
