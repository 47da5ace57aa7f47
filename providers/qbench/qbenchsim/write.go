package qbenchsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// createOne is the v1 create: one object in, its id out.
func (s *Sim) createOne(o object) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, ok := readBody[Fields](w, r)
		if !ok {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if no := s.refusal(r, o, newRecord, f); no != nil {
			refuse(w, http.StatusBadRequest, no.Code, no.Text)
			return
		}
		id, err := s.add(o, s.bent(r, o, newRecord, f))
		if err != nil {
			refuse(w, http.StatusBadRequest, "validation_failed", err.Error())
			return
		}
		s.record(r, o, id, f)
		writeJSON(w, http.StatusOK, map[string]int64{"id": id})
	}
}

// updateOne is the v1 update; the fields not given stay as they are.
func (s *Sim) updateOne(o object) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, ok := pathID(w, r, o)
		if !ok {
			return
		}
		f, ok := readBody[Fields](w, r)
		if !ok {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.seen(o, id) == nil {
			refuseMissing(w, o)
			return
		}
		if no := s.refusal(r, o, id, f); no != nil {
			refuse(w, http.StatusBadRequest, no.Code, no.Text)
			return
		}
		if err := s.update(o, id, s.bent(r, o, id, f)); err != nil {
			refuse(w, http.StatusBadRequest, "validation_failed", err.Error())
			return
		}
		s.record(r, o, id, f)
		writeJSON(w, http.StatusOK, map[string]int64{"id": id})
	}
}

// createMany is the v2 create, which takes an array. Nothing is stored unless
// all of it is good.
func (s *Sim) createMany(o object) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		list, ok := readBody[[]Fields](w, r)
		if !ok {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, f := range list {
			if no := s.refusal(r, o, newRecord, f); no != nil {
				refuse(w, http.StatusBadRequest, no.Code, fmt.Sprintf("item %d: %s", i, no.Text))
				return
			}
		}
		ids := make([]int64, 0, len(list))
		for _, f := range list {
			id, err := s.add(o, s.bent(r, o, newRecord, f))
			if err != nil {
				refuse(w, http.StatusBadRequest, "validation_failed", err.Error())
				return
			}
			s.record(r, o, id, f)
			ids = append(ids, id)
		}
		s.sendStored(w, o, ids)
	}
}

// updateMany is the v2 update, which takes an array of objects with their ids.
// Nothing is stored unless all of it is good.
func (s *Sim) updateMany(o object) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		list, ok := readBody[[]Fields](w, r)
		if !ok {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		ids := make([]int64, len(list))
		for i, f := range list {
			id, err := strconv.ParseInt(jsonText(f["id"]), 10, 64)
			if err != nil || s.seen(o, id) == nil {
				refuse(w, http.StatusNotFound, "not_found", fmt.Sprintf("item %d: no such %s", i, o))
				return
			}
			if no := s.refusal(r, o, id, f); no != nil {
				refuse(w, http.StatusBadRequest, no.Code, fmt.Sprintf("item %d: %s", i, no.Text))
				return
			}
			ids[i] = id
		}
		for i, f := range list {
			if err := s.update(o, ids[i], s.bent(r, o, ids[i], f)); err != nil {
				refuse(w, http.StatusBadRequest, "validation_failed", err.Error())
				return
			}
			s.record(r, o, ids[i], f)
		}
		s.sendStored(w, o, ids)
	}
}

func (s *Sim) remove(o object) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, ok := pathID(w, r, o)
		if !ok {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.seen(o, id) == nil || !s.drop(o, id) {
			refuseMissing(w, o)
			return
		}
		s.record(r, o, id, nil)
		w.WriteHeader(http.StatusNoContent)
	}
}

// sendStored answers a bulk write. The caller holds s.mu.
func (s *Sim) sendStored(w http.ResponseWriter, o object, ids []int64) {
	out := []byte(`{"data":[`)
	for i, id := range ids {
		if i > 0 {
			out = append(out, ',')
		}
		out = s.appendSeen(out, &s.opts, o, s.table(o).find(id))
	}
	writeRaw(w, http.StatusOK, append(out, ']', '}'))
}

// checkNew refuses a contact without first and last name, as the vendor
// documents. The caller holds s.mu.
func (s *Sim) checkNew(o object, f Fields) error {
	if o == contact {
		for _, k := range []string{"first_name", "last_name"} {
			if strings.TrimSpace(jsonText(f[k])) == "" {
				return fmt.Errorf("%s is required", k)
			}
		}
	}
	return s.checkIDs(o, f)
}

// checkIDs refuses customers that do not exist. The caller holds s.mu.
func (s *Sim) checkIDs(o object, f Fields) error {
	ids, given, err := takeIDs(f)
	if err != nil || !given || o != contact {
		return err
	}
	for _, id := range ids {
		if s.seen(customer, id) == nil {
			return fmt.Errorf("customer_ids: no customer %d", id)
		}
	}
	return nil
}

// record keeps a write for Audit. The caller holds s.mu.
func (s *Sim) record(r *http.Request, o object, id int64, f Fields) {
	s.audit = append(s.audit, Write{
		Time: s.opts.Clock(), Method: r.Method, Path: r.URL.Path, Object: o.String(), ID: id, Fields: f,
	})
}

// readBody reads one JSON value. Numbers stay as written.
func readBody[T Fields | []Fields](w http.ResponseWriter, r *http.Request) (T, bool) {
	var v T
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "too_large", "the body cannot be read")
		return v, false
	}
	dec := json.NewDecoder(&buf)
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil || v == nil || dec.More() {
		refuse(w, http.StatusBadRequest, "invalid_json", "the body is not the JSON value that this path takes")
		return v, false
	}
	return v, true
}

// jsonText is a value as text; an absent one is empty.
func jsonText(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}
