package salesforcesim

import (
	"sort"
	"strings"
)

// system tells which fields the store itself keeps, outside a row's values.
type system uint8

const (
	sysNone system = iota
	sysID
	sysCreated
	sysModified
	sysStamp
	sysCreatedBy
	sysModifiedBy
	sysDeleted
	sysMaster
	sysFullName
	sysAddress
)

// field is one field of an object, as describe tells it.
type field struct {
	name, label  string
	kind         string // describe's type: string, picklist, reference, …
	length       int
	digits       int
	precision    int
	scale        int
	createable   bool
	updateable   bool
	nillable     bool
	defaulted    bool // defaultedOnCreate
	externalID   bool
	idLookup     bool
	unique       bool
	caseSens     bool
	restricted   bool
	unfilterable bool
	unsortable   bool
	custom       bool
	calculated   bool
	nameField    bool
	hidden       bool // absent for the running user
	cascade      bool // deleting the parent deletes this record
	fallback     string
	values       []string
	refersTo     []string
	relation     string
	compound     string // the compound field that this one is a part of

	sys   system
	num   int // place in object.fields
	slot  int // place in row.vals; noSlot until some record has a value
	parts []*field
}

const noSlot = -1

// object is one sObject type.
type object struct {
	name, label, plural string
	prefix              string
	custom              bool
	readOnly            bool
	fields              []*field
	byName              map[string]*field // exact and lower-case names
	byRelation          map[string]*field // lower-case
}

func (o *object) add(f *field) {
	f.num, f.slot = len(o.fields), noSlot
	f.custom = strings.HasSuffix(f.name, "__c")
	o.fields = append(o.fields, f)
	o.byName[f.name] = f
	o.byName[strings.ToLower(f.name)] = f
	if f.relation != "" {
		o.byRelation[strings.ToLower(f.relation)] = f
	}
}

// field finds a field by its name in any case; hidden fields do not exist.
func (o *object) field(name string) *field {
	f := o.byName[name]
	if f == nil {
		f = o.byName[strings.ToLower(name)]
	}
	if f == nil || f.hidden {
		return nil
	}
	return f
}

func (o *object) parent(relation string) *field {
	f := o.byRelation[strings.ToLower(relation)]
	if f == nil || f.hidden {
		return nil
	}
	return f
}

// required tells whether a create must give the field.
func (f *field) required() bool { return f.createable && !f.nillable && !f.defaulted }

// isKey tells whether records may be addressed by the field.
func (f *field) isKey() bool { return f.externalID || f.idLookup }

// fold brings a value into the form in which the field compares.
func (f *field) fold(v string) string {
	if f.caseSens || f.kind == "id" || f.kind == "reference" {
		return v
	}
	return strings.ToLower(v)
}

func (f *field) isNumber() bool {
	switch f.kind {
	case "int", "double", "currency", "percent":
		return true
	}
	return false
}

// schema is the set of objects. It does not change once the simulator runs,
// apart from what the field switches change under the store's lock.
type schema struct {
	byName   map[string]*object // exact and lower-case
	byPrefix map[string]*object
	names    []string // sorted
	changed  int64    // when a switch last changed it, in Unix seconds
}

func newSchema() *schema {
	return &schema{byName: map[string]*object{}, byPrefix: map[string]*object{}}
}

func (s *schema) add(o *object) {
	s.byName[o.name] = o
	s.byName[strings.ToLower(o.name)] = o
	s.byPrefix[o.prefix] = o
	s.names = append(s.names, o.name)
	sort.Strings(s.names)
}

func (s *schema) object(name string) *object {
	if o := s.byName[name]; o != nil {
		return o
	}
	return s.byName[strings.ToLower(name)]
}
