package closeiosim

import (
	"fmt"
	"slices"
	"time"
)

// standardFields are the custom fields of every organization here.
func standardFields() []CustomField {
	one := func(object, name, kind string, choices ...string) CustomField {
		return CustomField{Name: name, Type: kind, Choices: choices, Objects: []string{object}}
	}
	return []CustomField{
		one("lead", "AccountExternalID", "text"),
		one("lead", "ParentExternalID", "text"),
		one("lead", "Renewal Date", "date"),
		one("lead", "Health", "choices", "Good", "OK", "Bad"),
		one("lead", "Sync", "choices", "Yes", "No"),
		one("lead", "Plan", "text"),
		{Name: "Account Owner", Type: "user", Objects: []string{"lead", "contact"}},
		one("contact", "ContactExternalID", "text"),
		one("opportunity", "Start Date", "date"),
		one("opportunity", "End Date", "date"),
	}
}

func (s *store) buildFields() error {
	for _, f := range standardFields() {
		if _, err := s.addField(f); err != nil {
			return err
		}
	}
	if s.opt.Schema == nil {
		return nil
	}
	for _, f := range s.opt.Schema.CustomFields {
		if err := s.extend(f); err != nil {
			return err
		}
	}
	return nil
}

// AddCustomField makes a custom field and returns its id.
func (s *Sim) AddCustomField(f CustomField) (id string, err error) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	made, err := s.store.addField(f)
	if err != nil {
		return "", err
	}
	s.store.logField(made, "created")
	return made.id, nil
}

// CustomFieldID is the id of a custom field, "" if there is none of that name.
func (s *Sim) CustomFieldID(object, name string) string {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if f, err := s.store.fieldOf(object, name); err == nil {
		return f.id
	}
	return ""
}

// RenameCustomField gives a custom field another name. Its id and the values
// stay, and no record counts as changed.
func (s *Sim) RenameCustomField(object, from, to string) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	f, err := s.store.fieldOf(object, from)
	if err != nil {
		return fmt.Errorf("rename custom field: %w", err)
	}
	f.Name, f.updated = to, s.store.now()
	s.store.turn++
	s.store.logField(f, "updated")
	return nil
}

// DeleteCustomField deletes a custom field: it vanishes at once, its values are
// gone for good, and no record counts as changed.
func (s *Sim) DeleteCustomField(object, name string) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	f, err := s.store.fieldOf(object, name)
	if err != nil {
		return fmt.Errorf("delete custom field: %w", err)
	}
	s.store.fields = slices.DeleteFunc(s.store.fields, func(x *customField) bool { return x == f })
	delete(s.store.fieldByN, f.n)
	s.store.turn++
	s.store.logField(f, "deleted")
	return nil
}

// ChangeCustomFieldType converts a field: it shows converting_to_type for the
// time it takes, then the type is another, and values that do not fit are lost.
func (s *Sim) ChangeCustomFieldType(object, name, to string, takes time.Duration) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	f, err := s.store.fieldOf(object, name)
	if err != nil {
		return fmt.Errorf("convert custom field: %w", err)
	}
	if !slices.Contains(fieldTypes(), to) {
		return fmt.Errorf("convert custom field %q: no type %q", name, to)
	}
	f.converting, f.convertedAt, f.updated = to, s.store.now()+takes.Milliseconds(), s.store.now()
	s.store.logField(f, "updated")
	return nil
}

func (s *store) fieldOf(object, name string) (*customField, error) {
	k, known := kindNamed(object)
	if !known {
		return nil, fmt.Errorf("no object %q", object)
	}
	f := s.field(k, name)
	if f == nil {
		return nil, fmt.Errorf("%s has no custom field %q", object, name)
	}
	return f, nil
}

func (s *store) logField(f *customField, action string) {
	kind := f.Objects[0]
	if f.Shared {
		kind = "shared"
	}
	data := string(s.appendField(nil, f))
	if action == "deleted" {
		data = "null"
	}
	s.log(&event{objectType: "custom_fields." + kind, objectID: f.id, action: action, data: data, who: s.person()})
}

// A User is a person who works, or worked, in Close.
type User struct {
	ID, First, Last, Email string
	Departed               bool
}

// Users lists the users, departed ones among them. The first owns the
// credentials, the second makes the edits of the Go API.
func (s *Sim) Users() []User {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	list := make([]User, len(s.store.users))
	for i, u := range s.store.users {
		list[i] = User{u.id, u.first, u.last, u.email, u.departed}
	}
	return list
}

// AddUser makes a member and returns the id.
func (s *Sim) AddUser(first, last, email string) (id string) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	u := s.store.addUser(first, last, email)
	s.store.logMember(u, "created")
	return u.id
}

// DepartUser ends a membership: the user list no longer has the user, records
// still name the id.
func (s *Sim) DepartUser(id string) error { return s.employ(id, true) }

// ReturnUser gives a departed user the membership back.
func (s *Sim) ReturnUser(id string) error { return s.employ(id, false) }

func (s *Sim) employ(id string, departed bool) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	u := s.store.user(id)
	if u == nil {
		return fmt.Errorf("change membership: no user %s", id)
	}
	u.departed, u.updated = departed, s.store.now()
	action := "activated"
	if departed {
		action = "deactivated"
	}
	s.store.logMember(u, action)
	return nil
}

// RenameUser changes the name of a user.
func (s *Sim) RenameUser(id, first, last string) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	u := s.store.user(id)
	if u == nil {
		return fmt.Errorf("rename user: no user %s", id)
	}
	u.first, u.last, u.updated = first, last, s.store.now()
	s.store.turn++
	return nil
}

func (s *store) logMember(u *user, action string) {
	data := encode(map[string]any{"id": u.membership, "user_id": u.id, "organization_id": s.organization})
	s.log(&event{objectType: "membership", objectID: u.membership, action: action, data: string(data), who: s.person()})
}

// StatusID finds a status of leads (object lead) or opportunities by its
// label; "" if there is none. The first pipeline comes first.
func (s *Sim) StatusID(object, label string) string {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	for _, st := range s.store.statuses {
		if st.label == label && (st.pipeline != nil) == (object == "opportunity") {
			return st.id
		}
	}
	return ""
}
