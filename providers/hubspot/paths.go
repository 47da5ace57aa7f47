package hubspot

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

// paths makes the addresses of one version of the API: a date, or v3 or v4 for
// the old ones, of which associations are v4 and all else is v3.
type paths string

func checkVersion(v string) error {
	if v == "v3" || v == "v4" || regexp.MustCompile(`^20[2-9][0-9]-(0[1-9]|1[0-2])$`).MatchString(v) {
		return nil
	}
	return fmt.Errorf("api_version %q is neither a date of the form %s nor v3 or v4", v, DefaultVersion)
}

func (p paths) dated() bool { return !strings.HasPrefix(string(p), "v") }

func (p paths) objects(object, tail string) string {
	if p.dated() {
		return "/crm/objects/" + string(p) + "/" + object + tail
	}
	return "/crm/v3/objects/" + object + tail
}

func (p paths) associations(from, to, tail string) string {
	if p.dated() {
		return "/crm/associations/" + string(p) + "/" + from + "/" + to + tail
	}
	return "/crm/v4/associations/" + from + "/" + to + tail
}

func (p paths) properties(object, tail string) string {
	if p.dated() {
		return "/crm/properties/" + string(p) + "/" + object + tail
	}
	return "/crm/v3/properties/" + object + tail
}

func (p paths) account() string {
	if p.dated() {
		return "/account-info/" + string(p) + "/details"
	}
	return "/account-info/v3/details"
}

// token is dated for the old versions too: the old address is switched off
// before they are.
// https://developers.hubspot.com/changelog/v1-oauth-api-deprecation, last
// checked 2026-11-22.
func (p paths) token() string {
	if p.dated() {
		return "/oauth/" + string(p) + "/token"
	}
	return "/oauth/2026-03/token"
}

// objectType returns the name of an object in addresses, which take the plural.
func objectType(object string) string {
	switch object {
	case "contact", "0-1":
		return "contacts"
	case "company", "0-2":
		return "companies"
	case "deal", "0-3":
		return "deals"
	case "task", "0-27":
		return "tasks"
	}
	return object
}

// stampProperty is the property that moves with every change. Contacts have
// their own.
// https://developers.hubspot.com/docs/api/crm/search, last checked 2026-11-22.
func stampProperty(object string) string {
	if objectType(object) == "contacts" {
		return "lastmodifieddate"
	}
	return "hs_lastmodifieddate"
}

// assocPrefix begins the name of a field that is no property but a record that
// this one belongs to.
const assocPrefix = "associations."

// association is one kind of association: where it leads, and the type by
// which HubSpot knows it in this direction.
type association struct {
	to     string
	typeID int
}

// associations lists the fields of an object that are associations. Where
// HubSpot tells a primary from the others, it is the primary.
//
// https://developers.hubspot.com/docs/api/crm/associations#association-type-id-values,
// last checked 2026-11-22.
func associations(object string) map[string]association {
	switch objectType(object) {
	case "contacts":
		return map[string]association{assocPrefix + "company": {"companies", 1}}
	case "companies":
		return map[string]association{assocPrefix + "parent_company": {"companies", 14}}
	case "deals":
		return map[string]association{assocPrefix + "company": {"companies", 5}, assocPrefix + "contact": {"contacts", 3}}
	case "tasks":
		return map[string]association{
			assocPrefix + "company": {"companies", 192}, assocPrefix + "contact": {"contacts", 204}, assocPrefix + "deal": {"deals", 216},
		}
	}
	return nil
}

func isAssociation(name string) bool { return strings.HasPrefix(name, assocPrefix) }

// associationOf returns the association that a field names.
func associationOf(op, object string, f record.Field) (association, *providers.Error) {
	known := associations(object)
	a, ok := known[f.Name]
	if ok && f.Type == record.Reference {
		return a, nil
	}
	e := providers.Errorf(providers.Broken, op, "%s has no association %q", object, short(f.Name))
	if ok {
		e = providers.Errorf(providers.Broken, op, "%s is a reference and takes no %s", f.Name, f.Type)
	}
	e.Fields = []string{f.Name}
	var names []string
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) > 0 {
		e.Hint = "the associations of " + object + " are " + strings.Join(names, ", ")
	}
	return a, e
}

// checkObject refuses what cannot be the name of an object, before it becomes
// part of an address.
func checkObject(op, object string) error {
	if validName(object) {
		return nil
	}
	return providers.Errorf(providers.Broken, op, "%q is not the name of an object", short(object))
}

// checkNames refuses what can be the name of neither an object nor a field.
func checkNames(op, object string, fields []record.Field) error {
	if err := checkObject(op, object); err != nil {
		return err
	}
	for _, f := range fields {
		if isAssociation(f.Name) {
			if _, e := associationOf(op, object, f); e != nil {
				return e
			}
			continue
		}
		if !validName(f.Name) {
			e := providers.Errorf(providers.Broken, op, "%q is not the name of a property", short(f.Name))
			e.Fields = []string{short(f.Name)}
			return e
		}
	}
	return nil
}

func validName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return name != "" && len(name) <= 255
}

// validID reports whether id has the form of a record id: digits alone.
func validID(id string) bool {
	for i := range len(id) {
		if id[i] < '0' || id[i] > '9' {
			return false
		}
	}
	return id != "" && len(id) <= 20
}
