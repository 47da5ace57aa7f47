package fieldmap

import (
	"fmt"
	"slices"
	"strings"

	"crmsyncd/fieldmap/record"
)

// The hub's objects.
const (
	Account     = "account"
	Contact     = "contact"
	Opportunity = "opportunity"
	Task        = "task"
	User        = "user"
)

// ObjectNames returns the hub's objects in the order of routes: those that
// others refer to come first.
func ObjectNames() []string { return []string{User, Account, Contact, Opportunity, Task} }

// Core field names that rules of the project speak of.
const (
	AccountID = "account_id"
	Name      = "name"
	Mail      = "email"
	JoinDate  = "join_date"

	addresses    = "addresses"
	phoneNumbers = "phone_numbers"
)

func coreField(t record.Type, name string) *HubField {
	return &HubField{Name: name, Type: t, Core: true, Scale: -1}
}

func coreFields(t record.Type, names ...string) []*HubField {
	out := make([]*HubField, len(names))
	for i, name := range names {
		out[i] = coreField(t, name)
	}
	return out
}

func reference(name, to string) *HubField {
	f := coreField(record.Reference, name)
	f.RefTo = to
	return f
}

// coreSchema returns the core fields of one object but for its sub-objects.
func coreSchema(object string) []*HubField {
	switch object {
	case Account:
		return slices.Concat(
			coreFields(record.ID, AccountID, "crm_account_id", "billing_account_id", "support_account_id"),
			coreFields(record.Text, Name, "description", "industry", "website"),
			coreFields(record.Int, "number_of_employees"),
			[]*HubField{reference("owner", User), reference("parent", Account)},
			coreFields(record.Date, JoinDate, "next_renewal_date"),
		)
	case Contact:
		return slices.Concat(
			coreFields(record.ID, "user_id", "crm_account_user_id"),
			coreFields(record.Text, "first_name", "last_name", Mail, "title"),
			[]*HubField{reference(Account, Account)},
		)
	case Opportunity:
		return slices.Concat(
			coreFields(record.Text, Name), coreFields(record.Decimal, "amount"),
			coreFields(record.Text, "currency", "status", "stage"),
			coreFields(record.Date, "close_date", "start_date", "end_date"),
			[]*HubField{reference(Account, Account), reference("owner", User)},
		)
	case Task:
		status := coreField(record.Picklist, "status")
		status.Values = []string{"open", "closed"}
		return slices.Concat(
			coreFields(record.Text, "subject"), []*HubField{status},
			coreFields(record.Date, "due_date", "completed_date"),
			[]*HubField{reference(Account, Account), reference(Contact, Contact), reference("owner", User)},
		)
	case User:
		return slices.Concat(coreFields(record.Text, Name, Mail), coreFields(record.Bool, "is_active"))
	}
	return nil
}

// filledByDaemon are the ids that the daemon takes from the links of the
// systems that hub.yaml names (D17). No mapping fills them.
func (s HubSpec) filledByDaemon(field string) (system string, ok bool) {
	switch field {
	case "crm_account_id", "crm_account_user_id":
		return s.CRM, true
	case "billing_account_id":
		return s.Billing, true
	case "support_account_id":
		return s.Support, true
	}
	return "", false
}

// subSchema is what an object's sub-objects hold (D3). The type is the key of
// the path, so an address can never change its type.
type subSchema struct {
	addressTypes, addressFields []string // the first type is the default
	phoneTypes                  []string
	closed                      bool // no further address types
}

func coreSub(object string) subSchema {
	switch object {
	case Account:
		return subSchema{
			addressTypes:  []string{"BILLING", "SHIPPING"},
			addressFields: []string{"street_1", "street_2", "city", "state", "postal_code", "country"},
			phoneTypes:    []string{"WORK"}, closed: true,
		}
	case Contact:
		return subSchema{
			addressTypes:  []string{"MAILING"},
			addressFields: []string{"street", "city", "state", "postal_code", "country"},
			phoneTypes:    []string{"WORK"},
		}
	}
	return subSchema{}
}

func (s subSchema) fields() []*HubField {
	var out []*HubField
	for _, t := range s.addressTypes {
		for _, name := range s.addressFields {
			out = append(out, coreField(record.Text, strings.Join([]string{addresses, t, name}, ".")))
		}
	}
	for _, t := range s.phoneTypes {
		out = append(out, coreField(record.Text, phoneNumbers+"."+t))
	}
	for _, f := range out {
		f.Sub = true
	}
	return out
}

// full returns the full path of a name that leaves out the default type.
func (s subSchema) full(name string) string {
	if name == phoneNumbers && len(s.phoneTypes) > 0 {
		return phoneNumbers + "." + s.phoneTypes[0]
	}
	part, ok := strings.CutPrefix(name, addresses+".")
	if ok && slices.Contains(s.addressFields, part) {
		return strings.Join([]string{addresses, s.addressTypes[0], part}, ".")
	}
	return name
}

// fault says what is wrong with a path into a sub-object; nil when name is
// none.
func (s subSchema) fault(object, name string) *Fault {
	head, rest, _ := strings.Cut(name, ".")
	if head != addresses && head != phoneNumbers {
		return nil
	}
	kind, _, _ := strings.Cut(rest, ".")
	if head == phoneNumbers && slices.Contains(s.phoneTypes, kind) {
		return &Fault{Message: "a phone has no parts", Hint: "write " + phoneNumbers + "." + kind}
	}
	if head == phoneNumbers {
		return typeFault("phone", kind, object, s.phoneTypes, false)
	}
	if strings.HasSuffix(rest, "address_type") {
		return &Fault{
			Message: "the address type is part of the path, not a field",
			Hint:    "write " + addresses + ".TYPE.city with one of " + strings.Join(s.addressTypes, ", "),
		}
	}
	_, part, found := strings.Cut(rest, ".")
	if slices.Contains(s.addressTypes, kind) || !found && len(s.addressTypes) > 0 && kind != strings.ToUpper(kind) {
		if !found {
			part = kind
		}
		hint := didYouMean(part, s.addressFields)
		if hint == "" {
			hint = "allowed: " + strings.Join(s.addressFields, ", ")
		}
		return &Fault{Message: fmt.Sprintf("an address of %s has no field %q", object, part), Hint: hint}
	}
	return typeFault("address", kind, object, s.addressTypes, s.closed)
}

func typeFault(what, kind, object string, types []string, closed bool) *Fault {
	if len(types) == 0 {
		return &Fault{Message: fmt.Sprintf("%s has no %s", object, what)}
	}
	f := &Fault{
		Message: fmt.Sprintf("%s type %q is not declared for %s", what, kind, object),
		Hint:    "allowed: " + strings.Join(types, ", "),
	}
	if !closed {
		f.Hint += fmt.Sprintf("; more can be declared as %s_types of %s in hub.yaml", what, object)
	}
	return f
}
