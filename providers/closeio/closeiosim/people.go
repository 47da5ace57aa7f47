package closeiosim

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

type user struct {
	id, email, first, last string
	created, updated       int64
	departed               bool
	membership, role       string
}

func (u *user) name() string { return strings.TrimSpace(u.first + " " + u.last) }

type status struct {
	id, label, kind string // the kind is active, won or lost; empty for leads
	pipeline        *pipeline
}

type pipeline struct {
	id, name string
	statuses []*status
	created  int64
}

func (s *store) user(id string) *user {
	for _, u := range s.users {
		if u.id == id {
			return u
		}
	}
	return nil
}

func (s *store) status(id string) *status {
	for _, st := range s.statuses {
		if st.id == id {
			return st
		}
	}
	return nil
}

// buildOrganization makes what every organization has: two users, the statuses
// of leads, and a pipeline.
func (s *store) buildOrganization() {
	s.organization = s.opt.Organization
	if s.organization == "" {
		s.organization = s.ids.next("orga_")
	}
	s.keyID = s.ids.next("api_")
	s.me = s.addUser("Integration", "Bot", "bot@close-sim.example")
	if s.opt.NonAdmin {
		s.me.role = s.ids.next("role_")
	}
	s.addUser("Grace", "Holloway", "grace.holloway@close-sim.example")
	for _, label := range []string{"Potential", "Qualified", "Customer", "Bad Fit", "Canceled"} {
		s.statuses = append(s.statuses, &status{id: s.ids.next("stat_"), label: label})
	}
	s.addPipeline("Sales", "Proposal Sent", "Contract Sent")
	s.addPipeline("Renewals", "Up for renewal", "Negotiating")
}

func (s *store) addUser(first, last, email string) *user {
	now := s.now()
	u := &user{
		id: s.ids.next("user_"), membership: s.ids.next("memb_"), role: "admin",
		first: first, last: last, email: email, created: now, updated: now,
	}
	s.users = append(s.users, u)
	return u
}

func (s *store) addPipeline(name string, active ...string) {
	p := &pipeline{id: s.ids.next("pipe_"), name: name, created: s.now()}
	add := func(label, kind string) {
		p.statuses = append(p.statuses, &status{id: s.ids.next("stat_"), label: label, kind: kind, pipeline: p})
	}
	for _, label := range active {
		add(label, "active")
	}
	add("Won", "won")
	add("Lost", "lost")
	s.pipelines = append(s.pipelines, p)
	s.statuses = append(s.statuses, p.statuses...)
}

func (s *store) appendUser(b []byte, u *user) []byte {
	return append(b, encode(s.userObject(u))...)
}

func (s *store) userObject(u *user) map[string]any {
	return map[string]any{
		"id": u.id, "email": u.email, "first_name": u.first, "last_name": u.last,
		"image":              "https://secure.gravatar.com/avatar/" + u.id[5:21],
		"last_used_timezone": "America/Denver", "organizations": []string{s.organization},
		"date_created": stamp(u.created), "date_updated": stamp(u.updated),
	}
}

func stamp(ms int64) json.RawMessage { return appendStamp(nil, ms) }

func (s *store) statusObjects(list []*status, of func(*status) bool) []map[string]any {
	out := []map[string]any{}
	for _, st := range list {
		if !of(st) {
			continue
		}
		d := map[string]any{"id": st.id, "label": st.label, "organization_id": s.organization}
		if st.pipeline != nil {
			d["type"], d["pipeline_id"] = st.kind, st.pipeline.id
		}
		out = append(out, d)
	}
	return out
}

func ofLeads(st *status) bool { return st.pipeline == nil }
func ofDeals(st *status) bool { return st.pipeline != nil }

// pipelineObjects show true microseconds, without an offset.
func (s *store) pipelineObjects() []map[string]any {
	out := make([]map[string]any, len(s.pipelines))
	for i, p := range s.pipelines {
		at := string(appendNaive(nil, p.created-p.created%1000)) + ".013049"
		out[i] = map[string]any{
			"id": p.id, "name": p.name, "organization_id": s.organization, "created_by": s.me.id, "updated_by": s.me.id,
			"date_created": at, "date_updated": at, "statuses": s.statusObjects(p.statuses, ofDeals),
		}
	}
	return out
}

func (c *call) showMe() answer {
	s := c.store
	d := s.userObject(s.me)
	d["organizations"] = []map[string]any{{
		"id": s.organization, "name": "Close Simulation", "date_created": stamp(s.me.created), "date_updated": stamp(s.me.updated),
		"lead_statuses": s.statusObjects(s.statuses, ofLeads), "pipelines": s.pipelineObjects(),
	}}
	d["memberships"] = []map[string]any{{
		"id": s.me.membership, "organization_id": s.organization, "user_id": s.me.id, "role_id": s.me.role,
	}}
	return ok(encode(c.only(d)))
}

// only keeps the keys that _fields names.
func (c *call) only(d map[string]any) map[string]any {
	if !c.query.Has("_fields") {
		return d
	}
	out := map[string]any{}
	for name := range strings.SplitSeq(c.query.Get("_fields"), ",") {
		if v, has := d[strings.TrimSpace(name)]; has {
			out[strings.TrimSpace(name)] = v
		}
	}
	return out
}

// listUsers lists the members; who has left is not among them.
func (c *call) listUsers() answer {
	var list []*user
	for _, u := range c.store.users {
		if !u.departed {
			list = append(list, u)
		}
	}
	switch c.query.Get("_order_by") {
	case "last_name,first_name":
		slices.SortStableFunc(list, func(a, b *user) int { return cmp.Or(cmp.Compare(a.last, b.last), cmp.Compare(a.first, b.first)) })
	case "first_name,last_name", "":
		slices.SortStableFunc(list, func(a, b *user) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.last, b.last)) })
	default:
		return badField("_order_by", "Not a valid choice.")
	}
	return c.page(1000, len(list), func(b []byte, i int) []byte { return c.store.appendUser(b, list[i]) }, false)
}

// getUser finds a member. Whether Close still shows one who has left is not known; here it does not.
func (c *call) getUser() answer {
	u := c.store.user(c.path[1])
	if u == nil || u.departed {
		return notFound()
	}
	return ok(c.store.appendUser(nil, u))
}

// showOrganization tells of departed users too, by id and full name.
func (c *call) showOrganization() answer {
	s := c.store
	if c.path[1] != s.organization {
		return notFound()
	}
	members, left := []map[string]any{}, []map[string]any{}
	for _, u := range s.users {
		d := map[string]any{"id": u.membership, "organization_id": s.organization, "user_id": u.id, "user_full_name": u.name(), "role_id": u.role}
		if u.departed {
			left = append(left, d)
		} else {
			members = append(members, d)
		}
	}
	d := map[string]any{
		"id": s.organization, "name": "Close Simulation", "currency": "USD",
		"date_created": stamp(s.me.created), "date_updated": stamp(s.me.updated),
		"lead_statuses": s.statusObjects(s.statuses, ofLeads), "pipelines": s.pipelineObjects(),
		"memberships": members,
	}
	if strings.Contains(c.query.Get("_fields"), "inactive_memberships") {
		d["inactive_memberships"] = left
	}
	return ok(encode(c.only(d)))
}

func (c *call) listStatuses() answer {
	of := ofLeads
	if c.path[1] == "opportunity" {
		of = ofDeals
	}
	return ok(encode(map[string]any{"data": c.store.statusObjects(c.store.statuses, of), "has_more": false}))
}

// listPipelines is one page without has_more.
func (c *call) listPipelines() answer {
	return ok(encode(map[string]any{"data": c.store.pipelineObjects()}))
}

func (c *call) fieldsOf(object string) []*customField {
	var list []*customField
	for _, f := range c.store.fields {
		if object == "shared" && f.Shared || object != "shared" && contains(f.Objects, object) {
			list = append(list, f)
		}
	}
	return list
}

// showSchema lists the custom fields of a kind in the order of the app, shared ones among them.
func (c *call) showSchema() answer {
	k, known := kindNamed(c.path[1])
	if !known || k == task {
		return notFound()
	}
	name := strings.ToUpper(k.String()[:1]) + k.String()[1:]
	b := append([]byte(`{"name":`), quoted(name)...)
	b = append(b, `,"object_type":`+quoted(k.String())+`,"organization_id":`+quoted(c.store.organization)+`,"fields":[`...)
	for i, f := range c.fieldsOf(k.String()) {
		if i > 0 {
			b = append(b, ',')
		}
		b = c.store.appendField(b, f)
	}
	return ok(append(b, "]}"...))
}

// listFields pages through the fields of a kind; shared ones have their own list.
func (c *call) listFields() answer {
	k, known := kindNamed(c.path[1])
	if (!known || k == task) && c.path[1] != "shared" {
		return notFound()
	}
	list := c.fieldsOf(c.path[1])
	if c.path[1] != "shared" {
		list = slices.DeleteFunc(list, func(f *customField) bool { return f.Shared })
	}
	return c.page(1000, len(list), func(b []byte, i int) []byte { return c.store.appendField(b, list[i]) }, false)
}

func (c *call) getField() answer {
	for _, f := range c.fieldsOf(c.path[1]) {
		if f.id == c.path[2] {
			return ok(c.store.appendField(nil, f))
		}
	}
	return notFound()
}
