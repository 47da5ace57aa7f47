package hubspotsim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// maxUnique is how many properties of an object may have unique values.
// https://developers.hubspot.com/docs/api/crm/properties (last checked 2026-11-22)
const maxUnique = 10

// Property is the definition of a property.
type Property struct {
	Name, Label, Description string
	// Type is one of string, number, date, datetime, enumeration, bool and
	// phone_number; string if empty. FieldType follows from it if empty.
	Type, FieldType string
	Group           string
	Options         []Option
	Unique          bool
	Hidden          bool
	Sensitive       bool
}

func (x Property) property() *property {
	return &property{
		name: x.Name, label: x.Label, description: x.Description, kind: x.Type, field: x.FieldType, group: x.Group,
		options: slices.Clone(x.Options), unique: x.Unique, hidden: x.Hidden, sensitive: x.Sensitive,
	}
}

type metadata struct {
	Archivable      bool `json:"archivable"`
	ReadOnlyDef     bool `json:"readOnlyDefinition"`
	ReadOnlyValue   bool `json:"readOnlyValue"`
	ReadOnlyOptions bool `json:"readOnlyOptions"`
}

// propertyJSON is a property as the API tells it.
type propertyJSON struct {
	UpdatedAt    string   `json:"updatedAt"`
	CreatedAt    string   `json:"createdAt"`
	Name         string   `json:"name"`
	Label        string   `json:"label"`
	Type         string   `json:"type"`
	FieldType    string   `json:"fieldType"`
	Description  string   `json:"description"`
	GroupName    string   `json:"groupName"`
	Options      []Option `json:"options"`
	Referenced   string   `json:"referencedObjectType,omitempty"`
	DisplayOrder int      `json:"displayOrder"`
	Calculated   bool     `json:"calculated"`
	External     bool     `json:"externalOptions"`
	Unique       bool     `json:"hasUniqueValue"`
	Hidden       bool     `json:"hidden"`
	Standard     bool     `json:"hubspotDefined"`
	Archived     bool     `json:"archived"`
	FormField    bool     `json:"formField"`
	Sensitivity  string   `json:"dataSensitivity"`
	Metadata     metadata `json:"modificationMetadata"`
}

func (p *property) tell() propertyJSON {
	readOnly := p.readOnly || p.protected
	sensitivity := "non_sensitive"
	if p.sensitive {
		sensitivity = "sensitive"
	}
	options := p.options
	if options == nil {
		options = []Option{}
	}
	return propertyJSON{
		UpdatedAt: formatTime(p.updated), CreatedAt: formatTime(p.created), Name: p.name, Label: p.label, Type: p.kind,
		FieldType: p.field, Description: p.description, GroupName: p.group, Options: options, Referenced: p.referred,
		DisplayOrder: -1, Calculated: p.calculated, External: p.referred == "OWNER", Unique: p.unique, Hidden: p.hidden,
		Standard: p.standard, Archived: p.archived, FormField: !readOnly && !p.hidden, Sensitivity: sensitivity,
		Metadata: metadata{Archivable: !p.standard, ReadOnlyDef: p.standard, ReadOnlyValue: readOnly, ReadOnlyOptions: p.standard},
	}
}

// propertyInput is a property as clients send it; nil says nothing.
type propertyInput struct {
	Name        string    `json:"name"`
	Label       *string   `json:"label"`
	Type        *string   `json:"type"`
	FieldType   *string   `json:"fieldType"`
	Group       *string   `json:"groupName"`
	Description *string   `json:"description"`
	Options     *[]Option `json:"options"`
	Hidden      *bool     `json:"hidden"`
	Unique      bool      `json:"hasUniqueValue"`
	Sensitivity string    `json:"dataSensitivity"`
}

func (in *propertyInput) onto(p *property) {
	put := func(to, v *string) {
		if v != nil {
			*to = *v
		}
	}
	put(&p.label, in.Label)
	put(&p.kind, in.Type)
	put(&p.field, in.FieldType)
	put(&p.group, in.Group)
	put(&p.description, in.Description)
	if in.Options != nil {
		p.options = *in.Options
	}
	if in.Hidden != nil {
		p.hidden = *in.Hidden
	}
}

// serveProperties serves what is below /crm/properties/{version}.
func (c *call) serveProperties() *Error {
	if len(c.path) == 0 {
		return notFound()
	}
	o := c.store.object(c.path[0])
	if o == nil {
		return invalid("Unable to infer object type from: " + c.path[0])
	}
	verb, kind := "read", CallProperties
	if c.writes() {
		verb, kind = "write", CallWriteProperty
	}
	if err := c.scope("crm.schemas." + o.name + "." + verb); err != nil {
		return err
	}
	c.calls.count(kind, o.name)
	rest := c.path[1:]
	switch {
	case len(rest) > 0 && rest[0] == "groups":
		return c.propertyGroups(o, rest[1:])
	case len(rest) == 2 && rest[0] == "batch" && c.r.Method == http.MethodPost:
		return c.propertyBatch(o, rest[1])
	case len(rest) == 0 && c.r.Method == http.MethodGet:
		return c.listProperties(o)
	case len(rest) == 0 && c.r.Method == http.MethodPost:
		return c.postProperty(o)
	case len(rest) == 1:
		return c.serveProperty(o, rest[0])
	}
	return notFound()
}

// listed tells whether a list shows the property: neither archived nor
// sensitive ones unless asked for.
func (c *call) listed(p *property) bool {
	q := c.query()
	return p.archived == (q.Get("archived") == "true") && p.sensitive == (q.Get("dataSensitivity") == "sensitive")
}

func (c *call) listProperties(o *objectType) *Error {
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	list := []propertyJSON{}
	for _, p := range o.props {
		if c.listed(p) {
			list = append(list, p.tell())
		}
	}
	c.sendValue(http.StatusOK, map[string]any{"results": list})
	return nil
}

func noProperty(name string) *Error {
	e := notFound()
	e.Message = `Property "` + name + `" does not exist`
	e.SubCategory = "Properties.PROPERTY_NOT_FOUND"
	return e
}

func (c *call) postProperty(o *objectType) *Error {
	var in propertyInput
	if err := c.read(&in); err != nil {
		return err
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	p, err := c.store.makeProperty(o, &in)
	if err != nil {
		return err
	}
	c.sendValue(http.StatusCreated, p.tell())
	return nil
}

// makeProperty makes a property, or brings back an archived one of that name.
func (s *store) makeProperty(o *objectType, in *propertyInput) (*property, *Error) {
	if old := o.byName[in.Name]; old != nil {
		if !old.archived {
			return nil, &Error{
				Status: http.StatusConflict, Category: "OBJECT_ALREADY_EXISTS", SubCategory: "Properties.PROPERTY_WITH_NAME_EXISTS",
				Message: "A property named '" + in.Name + "' already exists.",
			}
		}
		old.archived, old.updated = false, s.now()
		return old, nil
	}
	if in.Type == nil || in.FieldType == nil || in.Label == nil || in.Group == nil {
		return nil, invalid("name, label, type, fieldType and groupName are required")
	}
	if !slices.Contains(o.groups, *in.Group) {
		return nil, invalid("There is no property group named " + *in.Group)
	}
	p := &property{name: in.Name, unique: in.Unique, sensitive: strings.HasSuffix(in.Sensitivity, "sensitive") && in.Sensitivity != "non_sensitive"}
	in.onto(p)
	if err := p.complete(); err != nil {
		return nil, invalid(err.Error())
	}
	if p.unique && o.customUnique() >= maxUnique {
		return nil, invalid(fmt.Sprintf("An object may have %d properties with unique values at most", maxUnique))
	}
	p.created = s.now()
	p.updated = p.created
	o.add(p)
	return p, nil
}

func (o *objectType) customUnique() int {
	n := 0
	for _, p := range o.props {
		if p.unique && !p.standard && !p.archived {
			n++
		}
	}
	return n
}

func (c *call) serveProperty(o *objectType, name string) *Error {
	var in propertyInput
	if c.r.Method == http.MethodPatch {
		if err := c.read(&in); err != nil {
			return err
		}
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	p := o.byName[name]
	archivedToo := c.query().Get("archived") == "true" && c.r.Method == http.MethodGet
	if p == nil || p.archived != archivedToo {
		return noProperty(name)
	}
	switch c.r.Method {
	case http.MethodGet:
	case http.MethodPatch:
		in.onto(p)
		p.updated = c.store.now()
	case http.MethodDelete:
		if p.standard {
			return invalid("A property that HubSpot defined cannot be archived")
		}
		p.archived, p.updated = true, c.store.now()
		o.seq++
		c.status = http.StatusNoContent
		return nil
	default:
		return notAllowed()
	}
	c.sendValue(http.StatusOK, p.tell())
	return nil
}

func (c *call) propertyBatch(o *objectType, verb string) *Error {
	var in struct {
		Inputs []propertyInput `json:"inputs"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if len(in.Inputs) > maxBatch {
		return tooLarge(maxBatch, len(in.Inputs))
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	list, errs := []propertyJSON{}, []*Error{}
	for i := range in.Inputs {
		x := &in.Inputs[i]
		p, err := c.batchOne(o, verb, x)
		if err != nil {
			errs = append(errs, err.inBatch("", x.Name))
			continue
		}
		list = append(list, p.tell())
	}
	status := http.StatusOK
	switch verb {
	case "archive":
		c.status = http.StatusNoContent
		return nil
	case "create":
		status = http.StatusCreated
	}
	now := formatTime(c.store.now())
	answer := map[string]any{"status": "COMPLETE", "results": list, "startedAt": now, "completedAt": now}
	if len(errs) > 0 {
		status = http.StatusMultiStatus
		answer["numErrors"], answer["errors"] = len(errs), errs
	}
	c.sendValue(status, answer)
	return nil
}

func (c *call) batchOne(o *objectType, verb string, in *propertyInput) (*property, *Error) {
	if verb == "create" {
		return c.store.makeProperty(o, in)
	}
	p := o.byName[in.Name]
	if p == nil || p.archived {
		return nil, noProperty(in.Name)
	}
	if verb == "archive" && !p.standard {
		p.archived = true
		o.seq++
	}
	return p, nil
}

func (c *call) propertyGroups(o *objectType, rest []string) *Error {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	if len(rest) == 0 && c.r.Method == http.MethodPost {
		var in struct {
			Name string `json:"name"`
		}
		if err := c.read(&in); err != nil {
			return err
		}
		if !slices.Contains(o.groups, in.Name) {
			o.groups = append(o.groups, in.Name)
		}
		c.sendValue(http.StatusCreated, tellGroup(in.Name))
		return nil
	}
	list := []map[string]any{}
	for _, g := range o.groups {
		if len(rest) == 1 && g == rest[0] {
			c.sendValue(http.StatusOK, tellGroup(g))
			return nil
		}
		list = append(list, tellGroup(g))
	}
	if len(rest) > 0 {
		return notFound()
	}
	c.sendValue(http.StatusOK, map[string]any{"results": list})
	return nil
}

func tellGroup(name string) map[string]any {
	return map[string]any{"name": name, "label": name, "displayOrder": -1, "archived": false}
}
