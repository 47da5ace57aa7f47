package fieldmap

// The Spec types are the admin's YAML, as it stands in the files: hub.yaml is a
// HubSpec and each file under routes/ is a RouteSpec. Compile turns them into
// the Mapping that the engine works with. Tags name the keys.

// HubSpec is hub.yaml: what the hub holds and who wins.
type HubSpec struct {
	// Systems that fill the hub's other ids: the CRM's record ids become
	// crm_account_id and crm_account_user_id, and so on (D17).
	CRM     string `koanf:"crm"`
	Billing string `koanf:"billing"`
	Support string `koanf:"support"`

	Objects map[string]HubObjectSpec `koanf:"objects"`
}

// HubObjectSpec is one object of the hub.
type HubObjectSpec struct {
	SystemOfRecord string         `koanf:"system_of_record"`
	ID             string         `koanf:"id"`         // the identity field, e.g. account_id
	IDPattern      string         `koanf:"id_pattern"` // a lint rule, e.g. '^[0-9]+$'
	PushOnly       []string       `koanf:"push_only"`  // D16
	Fields         []HubFieldSpec `koanf:"fields"`     // custom fields, and settings of core ones
	AddressTypes   []string       `koanf:"address_types"`
	PhoneTypes     []string       `koanf:"phone_types"`
}

// HubFieldSpec declares a custom field or adds settings to a core one.
type HubFieldSpec struct {
	Name     string   `koanf:"name"`
	Type     string   `koanf:"type"`
	Required bool     `koanf:"required"`
	Core     bool     `koanf:"core"`
	Values   []string `koanf:"values"` // of a picklist
	Wins     string   `koanf:"wins"`   // a system, newer or hold
	Class    string   `koanf:"class"`  // usage: can never be pushed (R86)
	Scale    *int     `koanf:"scale"`  // digits behind the point of a decimal

	Computed *ComputedSpec `koanf:"computed"` // worked out from other records, never pulled
}

// ComputedSpec says how a field is worked out from the records that belong to
// its own (R71).
type ComputedSpec struct {
	From     string `koanf:"from"`      // the hub object whose records are looked at
	Where    string `koanf:"where"`     // an expression over its fields; empty takes all
	Sort     string `koanf:"sort"`      // a field, -field for the other way round
	Pick     string `koanf:"pick"`      // max(f) min(f) first(f) last(f) sum(f) count()
	WhenNone string `koanf:"when_none"` // clear, keep or a value (R75)
}

// RouteSpec is one file of routes: how one system's objects connect.
type RouteSpec struct {
	System  string       `koanf:"system"`
	Objects []ObjectSpec `koanf:"objects"`
}

// ObjectSpec is one route.
type ObjectSpec struct {
	Object    string `koanf:"object"`
	Hub       string `koanf:"hub"`
	Direction string `koanf:"direction"` // pull or push
	Filter    string `koanf:"filter"`    // pull: over remote fields; push: over hub fields

	Match       []MatchSpec `koanf:"match"`
	Mode        string      `koanf:"mode"`         // match_only: never create
	ExternalID  string      `koanf:"external_id"`  // push: the remote unique field that carries our id
	CreateFrom  []string    `koanf:"create_from"`  // system_of_record (default), any, or systems (D14)
	CreateNeeds []string    `koanf:"create_needs"` // hub fields that a create waits for (R149, D4)
	OnLink      string      `koanf:"on_link"`      // source, fill_blank, keep
	OnMove      string      `koanf:"on_move"`      // move or hold
	ReadBefore  bool        `koanf:"read_before"`  // push: each record is read before it is written, so that every old value is known

	Parent *ParentSpec `koanf:"parent"` // pull: which field names the parent (R83)

	Fields []FieldSpec `koanf:"fields"`
	Line   int         `koanf:"-"`
	File   string      `koanf:"-"`
}

// ParentSpec says where a record names its parent by one of the parent's keys.
type ParentSpec struct {
	From string `koanf:"from"` // the remote field of the child
	Key  string `koanf:"key"`  // the hub field of the parent that it holds; the object's id by default
}

// MatchSpec is one match key (D1).
type MatchSpec struct {
	Remote  string `koanf:"remote"`
	Hub     string `koanf:"hub"`
	Compare string `koanf:"compare"`
}

// FieldSpec is one field mapping.
type FieldSpec struct {
	Remote     string              `koanf:"remote"`
	Hub        string              `koanf:"hub"`
	Write      string              `koanf:"write"` // on_change enforce fill_blank create_only never
	Compare    string              `koanf:"compare"`
	Values     map[string][]string `koanf:"values"` // remote: hub, or a list of hub values; the first is the one that is pulled
	OnUnmapped string              `koanf:"on_unmapped"`
	Default    string              `koanf:"default"`   // for on_unmapped: default
	OnEmpty    string              `koanf:"on_empty"`  // ignore or clear
	Normalize  string              `koanf:"normalize"` // explicit repair, e.g. whole_number for ids in decimal form (R11)
	Editable   bool                `koanf:"editable"`
	Line       int                 `koanf:"-"`
}
