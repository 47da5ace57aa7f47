package record

import "fmt"

// Type is the type of a hub field. It decides the canonical form of a value
// and is part of its digest, so its numbers are never reused.
type Type uint8

// The types. Their numbers are stored: add, never renumber.
const (
	Text      Type = 1  // free text
	ID        Type = 2  // an identifier: text from end to end, never a number
	Int       Type = 3  // a whole number
	Decimal   Type = 4  // a decimal number, without floats
	Bool      Type = 5  // true or false
	Date      Type = 6  // a calendar day, without time or zone
	Datetime  Type = 7  // an instant, in UTC
	Picklist  Type = 8  // one of a list of texts
	MultiSet  Type = 9  // a set of texts
	Reference Type = 10 // another record: an id of the system, or a hub id in the hub
)

// typeNames are the names that admins write in YAML.
func typeNames() [Reference + 1]string {
	return [...]string{
		Text: "text", ID: "id", Int: "int", Decimal: "decimal", Bool: "bool", Date: "date",
		Datetime: "datetime", Picklist: "picklist", MultiSet: "multi", Reference: "ref",
	}
}

// Types returns every type.
func Types() []Type {
	out := make([]Type, 0, Reference)
	for t := Text; t <= Reference; t++ {
		out = append(out, t)
	}
	return out
}

// String returns the name that admins write in YAML.
func (t Type) String() string {
	if t >= Text && t <= Reference {
		return typeNames()[t]
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// ParseType returns the type that an admin named.
func ParseType(name string) (Type, bool) {
	for i, n := range typeNames() {
		if n == name && n != "" {
			return Type(i), true
		}
	}
	return 0, false
}
