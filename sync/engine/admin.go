package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// What follows is for people: looking at the hub, and the few things that only
// a person may decide. Its views hold customers' values on purpose; they go to
// the one who asked and to no log.

// Errors of the questions and decisions of people.
var (
	ErrNoObject = errors.New("the hub has no such object")
	ErrNoRoute  = errors.New("no route has this object")
	ErrNoRecord = errors.New("no such record")
	ErrLinked   = errors.New("already linked")
	ErrNoPlan   = errors.New("there is no plan")
)

// RecordView is one hub record as people see it.
type RecordView struct {
	Object string            `json:"object"`
	ID     string            `json:"hub_id"`
	State  string            `json:"state"`
	Label  string            `json:"label,omitempty"` // what people know it by
	IDs    map[string]string `json:"ids,omitempty"`   // crm_account_id and the like, told by the links (R42, R43)
	Fields []FieldView       `json:"fields"`
	Links  []LinkView        `json:"links,omitempty"`
	Holds  []HoldView        `json:"holds,omitempty"`
}

// FieldView is one field with where it came from and when.
type FieldView struct {
	Name   string    `json:"name"`
	Value  string    `json:"value"`
	Refers string    `json:"refers_to,omitempty"` // what people know the record by that a reference names
	Source string    `json:"source,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	Rule   string    `json:"rule,omitempty"`
}

// LinkView is the record's counterpart in one object of one system.
type LinkView struct {
	System    string    `json:"system"`
	Object    string    `json:"object"`
	Remote    string    `json:"remote_id"`
	State     string    `json:"state"`
	Origin    string    `json:"origin"`
	Closed    string    `json:"closed,omitempty"` // why
	ClosedAt  time.Time `json:"closed_at,omitzero"`
	Successor string    `json:"successor,omitempty"`
	Wrote     time.Time `json:"wrote,omitzero"`
	Damaged   bool      `json:"damaged,omitempty"`
	// Unread is set where the hub record stands in for one that others name and
	// that was never read itself (R113).
	Unread  bool             `json:"unread,omitempty"`
	Differs []DifferenceView `json:"tolerated,omitempty"`
}

// DifferenceView is a field in which the two sides differ and may.
type DifferenceView struct {
	Field  string `json:"field"`
	Remote string `json:"remote"`
	Reason string `json:"reason"`
}

// HoldView is a hold as people see it.
type HoldView struct {
	Key        string    `json:"key"`
	System     string    `json:"system"`
	Object     string    `json:"object"`
	HubObject  string    `json:"hub_object,omitempty"`
	Hub        string    `json:"hub_id,omitempty"`
	Remote     string    `json:"remote_id,omitempty"`
	Label      string    `json:"label,omitempty"`
	Field      string    `json:"field,omitempty"`
	Reason     string    `json:"reason"`
	Detail     string    `json:"detail,omitempty"`
	Candidates []string  `json:"candidates,omitempty"`
	Since      time.Time `json:"since,omitzero"`
	Last       time.Time `json:"last,omitzero"`
	Attempts   int       `json:"attempts,omitempty"`
	Dropped    bool      `json:"dropped,omitempty"`
	Mend       string    `json:"mend,omitempty"`
}

// lookupChunk is how many records one read transaction scans, so that none
// stays open for long and keeps the file from being tidied.
const lookupChunk = 5000

// Lookup returns every record that goes by this key: its hub id, its identity
// field, its id in one of the systems, else its e-mail or name without regard
// to case (R24).
func (e *Engine) Lookup(object, key string) ([]RecordView, error) {
	o, shows, err := e.asked(object)
	if err != nil {
		return nil, err
	}
	ids, err := e.lookupExact(o, key)
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		if ids, err = e.lookupScan(o, key); err != nil {
			return nil, err
		}
	}
	views := make([]RecordView, 0, len(ids))
	err = e.opt.Store.View(func(tx *state.Tx) error {
		for _, id := range ids {
			var rec state.HubRecord
			if ok, err := tx.Hub(o.Name).Get(id, &rec); err != nil || !ok {
				return err
			}
			if !shows(&rec) {
				continue
			}
			v, err := e.view(tx, o, &rec)
			if err != nil {
				return err
			}
			views = append(views, v)
		}
		return nil
	})
	return views, err
}

// lookupExact finds records by what an index holds.
func (e *Engine) lookupExact(o *fieldmap.HubObject, key string) ([]state.HubID, error) {
	if id, ok := namedBy(o.Name, key); ok {
		key = "hub:" + id
	}
	var ids []state.HubID
	add := func(id state.HubID) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	err := e.opt.Store.View(func(tx *state.Tx) error {
		hub := tx.Hub(o.Name)
		var rec state.HubRecord
		if id, err := state.ParseHubID(strings.TrimPrefix(key, "hub:")); err == nil {
			if ok, err := hub.Get(id, &rec); err != nil {
				return err
			} else if ok && rec.State != state.HubAlias {
				add(id)
			} else if ok {
				add(rec.AliasOf)
			}
		}
		if strings.HasPrefix(key, "hub:") {
			return nil
		}
		for _, r := range e.book.Routes {
			if r.Hub != o {
				continue
			}
			if id, ok := r.Links(tx).ByRemote(key); ok {
				add(id)
			}
		}
		return e.lookupID(hub, o, key, add)
	})
	return ids, err
}

// namedBy takes the id off a key such as contact/61, as holds name records of
// this hub object.
func namedBy(object, key string) (id string, ok bool) {
	id, ok = strings.CutPrefix(key, object+"/")
	if _, err := state.ParseHubID(id); !ok || err != nil {
		return "", false
	}
	return id, true
}

// lookupID finds records by the identity field, whose index keeps retired keys,
// so each hit is compared again.
func (e *Engine) lookupID(hub *state.Hub, o *fieldmap.HubObject, key string, add func(state.HubID)) error {
	if o.ID == nil {
		return nil
	}
	ik, ok := e.book.IndexKey(ledger.Index{Field: o.ID, Form: fieldmap.Exact}, record.Of(key))
	if !ok {
		return nil
	}
	hits, err := hub.Find(ik)
	if err != nil {
		return err
	}
	var rec state.HubRecord
	for _, id := range hits {
		ok, err := hub.Get(id, &rec)
		if err != nil {
			return err
		}
		if ok && rec.Get(e.book.Nums(o)[o.ID.Index]).Text() == key {
			add(id)
		}
	}
	return nil
}

// lookupScan finds records by e-mail and by name, which need no index for the
// few times that a person asks.
func (e *Engine) lookupScan(o *fieldmap.HubObject, key string) ([]state.HubID, error) {
	want := fieldmap.Fold.Key(record.Of(strings.TrimSpace(key)))
	var ids []state.HubID
	err := e.eachRecord(o.Name, func(_ *state.Tx, rec *state.HubRecord) error {
		if rec.State == state.HubActive || rec.State == state.HubOut {
			if slices.ContainsFunc(e.goesBy(o, rec), func(v record.Value) bool {
				return v.IsSet() && fieldmap.Fold.Key(v) == want
			}) {
				ids = append(ids, rec.ID)
			}
		}
		return nil
	})
	return ids, err
}

// goesBy returns what a person may call a record.
func (e *Engine) goesBy(o *fieldmap.HubObject, rec *state.HubRecord) []record.Value {
	get := func(name string) record.Value {
		f := o.ByName[name]
		if f == nil {
			return record.Value{}
		}
		return rec.Get(e.book.Nums(o)[f.Index])
	}
	first, last := get("first_name"), get("last_name")
	full := strings.TrimSpace(first.Text() + " " + last.Text())
	if o.Name == fieldmap.User {
		return []record.Value{get("name"), get("email")}
	}
	return []record.Value{get("email"), get("name"), record.Of(full), last, get("subject")}
}

// eachRecord walks an object's records, a chunk per read transaction.
func (e *Engine) eachRecord(object string, fn func(tx *state.Tx, rec *state.HubRecord) error) error {
	from := state.HubID(0)
	for more := true; more; {
		more = false
		n := 0
		err := e.opt.Store.View(func(tx *state.Tx) error {
			return tx.Hub(object).Each(from, func(rec *state.HubRecord) error {
				if n++; n > lookupChunk {
					from, more = rec.ID, true
					return state.ErrStop
				}
				return fn(tx, rec)
			})
		})
		if err != nil {
			return fmt.Errorf("walk the hub's %s records: %w", object, err)
		}
	}
	return nil
}

func hubStateName(s state.HubState) string {
	return [...]string{"active", "out_of_scope", "alias", "forgotten"}[s&3]
}

// view shows one record.
func (e *Engine) view(tx *state.Tx, o *fieldmap.HubObject, rec *state.HubRecord) (RecordView, error) {
	v := RecordView{
		Object: o.Name, ID: rec.ID.String(), State: hubStateName(rec.State),
		Label: e.label(o, rec), IDs: e.idsOf(tx, o, rec), Fields: e.fieldViews(tx, o, rec),
	}
	seen := map[string]bool{}
	for _, r := range e.book.Routes {
		if r.Hub != o || seen[r.Key()] {
			continue
		}
		seen[r.Key()] = true
		lv, ok, err := e.linkView(tx, r, rec.ID)
		if err != nil {
			return v, err
		}
		if ok {
			v.Links = append(v.Links, lv)
		}
		for _, h := range r.Holds(tx, rec.ID, lv.Remote) {
			v.Holds = append(v.Holds, e.holdView(tx, h))
		}
	}
	return v, nil
}

func (e *Engine) fieldViews(tx *state.Tx, o *fieldmap.HubObject, rec *state.HubRecord) []FieldView {
	var out []FieldView
	nums := e.book.Nums(o)
	for i, f := range o.Fields {
		for j := range rec.Values {
			hv := &rec.Values[j]
			if hv.Field != nums[i] || !hv.Value.IsSet() {
				continue
			}
			fv := FieldView{
				Name: f.Name, Value: plainText(f.Type, hv.Value),
				Source: strings.TrimPrefix(e.opt.Store.Name(hv.Source), "s:"),
				Rule:   strings.TrimPrefix(e.opt.Store.Name(hv.Rule), "r:"),
			}
			if hv.At != 0 {
				fv.Since = time.Unix(hv.At, 0).UTC()
			}
			if f.Type == record.Reference {
				fv.Refers = e.refLabel(tx, f, hv.Value)
			}
			out = append(out, fv)
		}
	}
	return out
}

// plainText is a value as people write it.
func plainText(t record.Type, v record.Value) string {
	if t == record.MultiSet || t == record.Reference {
		return strings.Join(v.Elems(), "; ")
	}
	return v.Text()
}

func (e *Engine) refLabel(tx *state.Tx, f *fieldmap.HubField, v record.Value) string {
	o := e.opt.Mapping.Hub[f.RefTo]
	id, err := state.ParseHubID(v.Text())
	if o == nil || err != nil {
		return ""
	}
	var rec state.HubRecord
	if ok, err := tx.Hub(o.Name).Get(id, &rec); err != nil || !ok {
		return ""
	}
	return e.label(o, &rec)
}

// label is what people know a record by: its id field with its name, else its
// e-mail or name.
func (e *Engine) label(o *fieldmap.HubObject, rec *state.HubRecord) string {
	id := ""
	if o.ID != nil {
		id = rec.Get(e.book.Nums(o)[o.ID.Index]).Text()
	}
	for _, v := range e.goesBy(o, rec) {
		switch {
		case !v.IsSet() || v.Text() == id:
		case id == "":
			return v.Text()
		default:
			return id + " " + v.Text()
		}
	}
	return id
}

// derivedID is an id that a link tells: that of a hub object in the system
// which hub.yaml names for it (D17).
type derivedID struct {
	name, object, system string
	via                  string // the reference field to follow first
}

func (e *Engine) derivedIDs(object string) []derivedID {
	m := e.opt.Mapping
	switch object {
	case "account":
		return []derivedID{
			{"crm_account_id", object, m.CRM, ""},
			{"billing_account_id", object, m.Billing, ""},
			{"support_account_id", object, m.Support, ""},
		}
	case "contact":
		return []derivedID{
			{"crm_account_user_id", object, m.CRM, ""},
			{"crm_account_id", "account", m.CRM, "account"},
		}
	}
	return nil
}

// idsOf returns the ids that the record's links tell (R42, R43).
func (e *Engine) idsOf(tx *state.Tx, o *fieldmap.HubObject, rec *state.HubRecord) map[string]string {
	out := map[string]string{}
	for _, d := range e.derivedIDs(o.Name) {
		id := rec.ID
		if d.via != "" {
			f := o.ByName[d.via]
			if f == nil {
				continue
			}
			var err error
			if id, err = state.ParseHubID(rec.Get(e.book.Nums(o)[f.Index]).Text()); err != nil {
				continue
			}
		}
		if remote := e.remoteIn(tx, d.system, d.object, id); remote != "" {
			out[d.name] = remote
		}
	}
	return out
}

// remoteIn is the id of a hub record's open link in one system, empty if none.
func (e *Engine) remoteIn(tx *state.Tx, system, hubObject string, id state.HubID) string {
	if system == "" {
		return ""
	}
	var l state.Link
	for _, r := range e.book.RoutesOf(system) {
		if r.Hub.Name != hubObject {
			continue
		}
		ok, err := r.Links(tx).Get(id, &l)
		if (ok || errors.Is(err, state.ErrDamaged)) && l.State != state.LinkClosed {
			return l.Remote
		}
	}
	return ""
}
