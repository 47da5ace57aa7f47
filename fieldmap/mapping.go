package fieldmap

import (
	"cmp"
	"regexp"
	"slices"

	"crmsyncd/fieldmap/record"
)

// Direction of a route.
type Direction uint8

// The directions.
const (
	Pull Direction = iota // system to hub
	Push                  // hub to system
)

// WriteMode says when a pushed field is written.
type WriteMode uint8

// The write modes.
const (
	OnChange   WriteMode = iota // when the hub value changes; the default
	Enforce                     // and when theirs drifts
	FillBlank                   // only into a blank
	CreateOnly                  // at creation and never after; the default for addresses and phones (D2)
	Never                       // compared and listed, never written
)

// LinkRule says whose value wins when two records first meet.
type LinkRule uint8

// The first-meeting rules.
const (
	OnLinkSource    LinkRule = iota // the side whose value comes from the field's owner
	OnLinkFillBlank                 // only blanks are filled
	OnLinkKeep                      // both keep theirs
)

// Unmapped says what to do with a value that the value map does not hold.
type Unmapped uint8

// What to do with an unmapped value.
const (
	UnmappedHold Unmapped = iota
	UnmappedSkip
	UnmappedDefault
)

// OnEmpty says what a blank from the other side does.
type OnEmpty uint8

// The rules for blanks.
const (
	EmptyByOwner OnEmpty = iota // null from the owner clears, from anyone else is ignored (F12)
	EmptyIgnore
	EmptyClear
)

// OnMove says what a change of parent does in the target.
type OnMove uint8

// The rules for a change of parent.
const (
	MoveWrite OnMove = iota
	MoveHold
)

// Mapping is the compiled configuration: what the hub holds, and every route.
// It is never changed after Compile.
type Mapping struct {
	Hub                   map[string]*HubObject
	Routes                []*Route // sorted by system, then in the hub's order of objects: user, account, contact, opportunity, task
	CRM, Billing, Support string
}

// RoutesOf returns the routes of one system, parents before children.
func (m *Mapping) RoutesOf(system string) []*Route {
	var out []*Route
	for _, r := range m.Routes {
		if r.System == system {
			out = append(out, r)
		}
	}
	return out
}

// PullOrder returns the systems that are pulled from. Where two are pulled into
// one object, its system of record stands before the other, so that what the
// other holds meets the records it belongs to; where each is the system of
// record of something that the other holds too, the one with fewer such objects
// stands first.
func (m *Mapping) PullOrder() []string {
	var systems []string
	follows := map[string]int{} // objects that another one is the system of record of
	for _, r := range m.Routes {
		if r.Direction != Pull {
			continue
		}
		if !slices.Contains(systems, r.System) {
			systems = append(systems, r.System)
		}
		if r.Hub.SystemOfRecord != r.System {
			follows[r.System]++
		}
	}
	slices.SortStableFunc(systems, func(a, b string) int { return cmp.Compare(follows[a], follows[b]) })
	return systems
}

// HubObject is one object of the hub.
type HubObject struct {
	Name           string
	SystemOfRecord string
	ID             *HubField      // nil if the object has no identity field
	IDPattern      *regexp.Regexp // what ids should look like; nil when anything goes
	Fields         []*HubField
	ByName         map[string]*HubField
}

// HubField is one field of the hub. Index is its position in the object's
// Fields; it is not stable across configurations.
type HubField struct {
	Index    int
	Object   string
	Name     string // flattened: addresses.BILLING.city
	Type     record.Type
	RefTo    string // the hub object, for a Reference
	Required bool
	Core     bool
	Usage    bool     // usage data: no route may push it
	Values   []string // of a picklist
	Scale    int      // digits behind the point; -1 when not fixed
	Owner    string   // the system whose word wins; empty when nobody pulls it
	Policy   string   // wins: newer or hold; empty when an owner decides
	Key      bool     // some route uses it as a match key, so it is indexed
	Identity bool     // it is the object's identity field
	Sub      bool     // part of an address or phone sub-object
	// Computed says how the field is worked out from other records; nil for
	// fields that systems fill.
	Computed *Computed
}

// Route is one object of one system and one hub object.
type Route struct {
	System, Object string
	Hub            *HubObject
	Direction      Direction
	Match          []MatchKey
	ExternalID     string // push: the remote field that carries the source's id; empty if none
	MatchOnly      bool
	CreateFrom     []string // systems, or "any"; never empty on a push route
	CreateNeeds    []*HubField
	OnLink         LinkRule
	OnMove         OnMove
	ReadBefore     bool    // push: a record is read before each write to it
	Filter         *Filter // nil takes everything
	Fields         []*Rule
	// Fingerprint stands for everything that decides how this route reads and
	// writes; it changes when a rule does.
	Fingerprint uint64
	File        string
	Line        int

	read []record.Field
}

// Key is the route's name in logs and in the state: system/object.
func (r *Route) Key() string { return r.System + "/" + r.Object }

// MatchKey is one way to find a record (D1).
type MatchKey struct {
	Remote  string
	Hub     *HubField
	Compare Form
}

// Rule is one field mapping. Index is its position in the route's Fields. Write
// is Never for a pulled field that is not editable.
type Rule struct {
	Index      int
	Remote     record.Field // the remote spelling and the hub's type
	Hub        *HubField
	Write      WriteMode
	Compare    Form
	Values     *ValueMap // nil when values pass as they are
	OnUnmapped Unmapped
	Default    record.Value
	OnEmpty    OnEmpty
	Editable   bool
	Repair     string // whole_number or nothing: an explicit repair, never a silent one (R11)
	// RefKey is the hub field of the referred record that the remote value holds
	// (R83). It is nil for an ordinary reference, which holds a record id of the
	// same system.
	RefKey *HubField
	// Owned reports whether this route's system is the field's owner.
	Owned bool
	// Fingerprint covers source path, type, compare form and its version, value
	// map and zone.
	Fingerprint uint64
	File        string
	Line        int
}
