package closeio

import (
	"context"
	"strconv"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
)

// userList lists all users: the members page by page, and after them those that
// have departed, whom only the organization's memberships tell. Records go on
// pointing to them (R111).
//
// https://developer.close.com/resources/users and
// https://github.com/closeio/close-api-scripts, last checked 2026-11-22.
type userList struct {
	c    *Client
	call call
	q    *question

	skip    int
	members map[string]struct{}
	done    bool // with the members
}

func (w *userList) next(ctx context.Context, s *sheet) error {
	if w.done {
		return w.departed(ctx, s)
	}
	if w.members == nil {
		w.members = map[string]struct{}{}
	}
	asked := time.Now()
	resp, err := w.c.get(ctx, w.call, "/user/?_limit="+strconv.Itoa(pageSize)+"&_skip="+strconv.Itoa(w.skip))
	if err != nil {
		return err
	}
	if err := s.read(w.call.op, resp, asked); err != nil {
		return err
	}
	for i := range s.doc.Len() {
		id := s.id(i)
		if _, known := w.members[id]; !known {
			w.members[id] = struct{}{}
			s.take(i)
		}
	}
	w.skip += s.doc.Len()
	more := string(s.head(headMore)) == "true"
	if more && s.doc.Len() == 0 {
		return providers.Errorf(providers.Broken, w.call.op, "the listing says that there is more and does not give it")
	}
	w.done = !more
	return nil
}

// departed makes the last page. A member who did not come in the pages before
// slipped by between two of them.
func (w *userList) departed(ctx context.Context, s *sheet) error {
	me, err := w.c.me(ctx)
	if err != nil {
		return err
	}
	asked := time.Now()
	resp, err := w.c.get(ctx, w.call, "/organization/"+me.org.Org+"/?_fields=id,memberships,inactive_memberships")
	if err != nil {
		return err
	}
	s.clear()
	s.resp, s.readAt, s.last = resp, asked, true
	walk := jsonwalk.New(jsonwalk.Shape{
		Array: "inactive_memberships", Head: []string{"memberships"}, Fields: []string{"user_id", "user_full_name", "user_email"},
	})
	p, werr := walk.Walk(resp.Body)
	if werr != nil || !p.Found {
		return providers.Errorf(providers.Broken, w.call.op, "the answer lists no memberships, not even none")
	}
	if err := w.checkMembers(p.Head[0]); err != nil {
		return err
	}
	for i := range p.Len() {
		row := p.Row(i)
		if row == nil {
			continue
		}
		id, ok := jsonwalk.Text(row[0])
		if !ok || !validID(id) {
			return providers.Errorf(providers.Broken, w.call.op, "a membership of the answer names no user")
		}
		if _, known := w.members[id]; known {
			continue
		}
		w.members[id] = struct{}{}
		s.records = append(s.records, record.Record{ID: id, Raw: departedUser(w.q.fields, row)})
	}
	return nil
}

func (w *userList) checkMembers(raw []byte) error {
	members, ok := jsonwalk.Elements(raw)
	if !ok {
		return nil // it does not tell
	}
	walk := jsonwalk.New(jsonwalk.Shape{Fields: []string{"user_id"}})
	for _, one := range members {
		p, err := walk.Walk(append(append([]byte{'['}, one...), ']'))
		if err != nil || p.Len() != 1 || p.Row(0) == nil {
			continue
		}
		id, ok := jsonwalk.Text(p.Row(0)[0])
		if _, known := w.members[id]; ok && !known {
			return providers.Errorf(providers.Transient, w.call.op, "users came or went while they were listed; the next run tries again")
		}
	}
	return nil
}

// departedUser returns what a membership tells of a user.
func departedUser(fields []record.Field, row [][]byte) [][]byte {
	raw := make([][]byte, len(fields))
	for i, f := range fields {
		switch f.Name {
		case "id":
			raw[i] = row[0]
		case "name":
			raw[i] = row[1]
		case "first_name", "last_name":
			if row[1] != nil {
				raw[i] = splitName(nil, row[1], f.Name == "first_name")
			}
		case "email":
			raw[i] = row[2]
		case "is_active":
			raw[i] = []byte("false")
		}
	}
	return raw
}
