package hubspotsim

import (
	"slices"
	"strings"
)

// system tells which properties the store computes, instead of keeping a value.
type system uint8

const (
	sysNone system = iota
	sysID
	sysCreated
	sysModified
	sysMerged
	sysSource
	sysSourceID
	sysCreator  // the person who made the record
	sysModifier // the person who changed it last
	sysCompany  // the primary company of a contact
	sysContacts // how many contacts a company has
	sysPhone    // the phone number as the search sees it
)

func systemOf(name string) system {
	switch name {
	case "hs_object_id":
		return sysID
	case "createdate", "hs_createdate":
		return sysCreated
	case "lastmodifieddate", "hs_lastmodifieddate":
		return sysModified
	case "hs_merged_object_ids":
		return sysMerged
	case "hs_object_source":
		return sysSource
	case "hs_object_source_id":
		return sysSourceID
	case "hs_created_by_user_id":
		return sysCreator
	case "hs_updated_by_user_id":
		return sysModifier
	case "associatedcompanyid":
		return sysCompany
	case "num_associated_contacts":
		return sysContacts
	case "hs_searchable_calculated_phone_number":
		return sysPhone
	}
	return sysNone
}

// An Option is one value of an enumeration.
type Option struct {
	Label        string `json:"label" yaml:"label"`
	Value        string `json:"value" yaml:"value"`
	Description  string `json:"description,omitempty" yaml:"description"`
	DisplayOrder int    `json:"displayOrder" yaml:"display_order"`
	Hidden       bool   `json:"hidden" yaml:"hidden"`
}

// property is one property of an object. The store's lock guards it.
type property struct {
	name, label, group, description string
	kind, field                     string // the API's type and fieldType
	options                         []Option
	unique                          bool
	readOnly                        bool // for everybody
	protected                       bool // for the API, by a switch
	calculated                      bool
	standard                        bool // hubspotDefined
	hidden                          bool
	archived                        bool
	sensitive                       bool
	referred                        string // referencedObjectType
	created, updated                int64

	sys  system
	slot int // place in row.vals; noSlot until some record has a value
}

const noSlot = -1

// gone tells whether the API behaves as if there were no such property.
func (p *property) gone() bool { return p.archived }

func (p *property) multiple() bool { return p.field == "checkbox" }

// option finds the option with exactly the value v.
func (p *property) option(v string) (string, bool) {
	for i := range p.options {
		if p.options[i].Value == v {
			return p.options[i].Value, true
		}
	}
	return "", false
}

// objectType is one CRM object type with its records.
type objectType struct {
	num       uint8
	name      string // companies
	singular  string // company
	label     string // Company
	typeID    string // 0-2
	props     []*property
	byName    map[string]*property
	groups    []string
	defaults  []*property // told when a reader names none
	always    []*property // told whatever a reader names
	mandatory []string    // needed on create
	anyOf     []string    // of which one is needed on create
	rules     []requirement

	table
}

// requirement is a rule of an administrator that only strict versions enforce.
type requirement struct {
	property string
	when     string // property that must have value, or empty
	value    string
}

func (o *objectType) add(p *property) {
	p.sys, p.slot = systemOf(p.name), noSlot
	o.props = append(o.props, p)
	o.byName[p.name] = p
	if p.group != "" && !slices.Contains(o.groups, p.group) {
		o.groups = append(o.groups, p.group)
	}
	switch p.sys {
	case sysID, sysCreated, sysModified:
		o.always = append(o.always, p)
	}
	if p.unique && p.name != "hs_additional_emails" { // which stand in the index of email
		o.indexFor(p)
	}
}

// prop finds a property that the API knows; names have no capitals, and the
// vendor folds them.
func (o *objectType) prop(name string) *property {
	p := o.byName[name]
	if p == nil {
		p = o.byName[strings.ToLower(name)]
	}
	if p == nil || p.gone() {
		return nil
	}
	return p
}

// key finds the property by which records may be addressed.
func (o *objectType) key(name string) *property {
	p := o.prop(name)
	if p == nil || !p.unique || p.name == "hs_additional_emails" {
		return nil
	}
	return p
}

// pick are the properties that an answer tells: those named that exist, or the
// usual ones, and always id and stamps.
func (o *objectType) pick(names []string) []*property {
	list := make([]*property, 0, len(names)+len(o.always))
	if len(names) == 0 {
		list = append(list, o.defaults...)
	}
	for _, name := range names {
		if p := o.prop(name); p != nil && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	for _, p := range o.always {
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

func (o *objectType) upper() string { return strings.ToUpper(o.singular) }
