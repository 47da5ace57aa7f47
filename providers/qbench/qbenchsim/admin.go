package qbenchsim

import "net/http"

// routesAdmin adds the rehearsal paths, which no vendor has. They need no
// token and are no API calls: what they change counts as a person's edit.
//
//	GET    /_sim/                       what is stored, and how often it was asked for
//	GET    /_sim/audit                  every write made through the API
//	POST   /_sim/customers              add; PATCH and DELETE /_sim/customers/{id}
//	POST   /_sim/contacts               add; PATCH and DELETE /_sim/contacts/{id}
//	POST   /_sim/rules                  arm a rule; GET and DELETE, see RulesDoor
//	POST   /_sim/faults?rule=503,nth=1  arm a fault; DELETE takes all away
//	POST   /_sim/expire                 end every token
//
// A PATCH with "quiet": true does not move last_updated. Of its organization
// QBench tells nothing but the host, so there is no door to another one.
func (s *Sim) routesAdmin(mux *http.ServeMux) {
	mux.HandleFunc("GET /_sim/{$}", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{
			"customers": len(s.CustomerIDs()), "contacts": len(s.ContactIDs()),
			"writes": len(s.Audit()), "calls": s.Calls(), "faults_fired": s.faults.Fired(),
		})
	})
	mux.HandleFunc("GET /_sim/audit", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"writes": s.Audit()})
	})
	mux.HandleFunc("POST /_sim/faults", func(w http.ResponseWriter, r *http.Request) {
		if err := s.AddFault(r.URL.Query().Get("rule")); err != nil {
			refuse(w, http.StatusBadRequest, "invalid_parameter", err.Error())
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /_sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.faults.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.Handle("/_sim/rules", s.RulesDoor())
	mux.Handle("/_sim/rules/{id}", s.RulesDoor())
	mux.HandleFunc("POST /_sim/expire", func(w http.ResponseWriter, _ *http.Request) {
		s.ExpireTokens()
		w.WriteHeader(http.StatusNoContent)
	})
	for _, o := range []object{customer, contact} {
		base := "/_sim/" + o.String() + "s"
		mux.HandleFunc("POST "+base, s.editAdd(o))
		mux.HandleFunc("GET "+base+"/{id}", s.editShow(o))
		mux.HandleFunc("PATCH "+base+"/{id}", s.editChange(o))
		mux.HandleFunc("DELETE "+base+"/{id}", s.editRemove(o))
	}
}

func (s *Sim) editAdd(o object) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, ok := readBody[Fields](w, r)
		if !ok {
			return
		}
		if _, is := f["quiet"].(bool); is {
			refuse(w, http.StatusBadRequest, "validation_failed", "quiet goes with an edit, not with a new record")
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		id, err := s.add(o, f)
		if err != nil {
			refuse(w, http.StatusBadRequest, "validation_failed", err.Error())
			return
		}
		writeJSON(w, http.StatusOK, map[string]int64{"id": id})
	}
}

// editShow shows a record whatever the rules hide.
func (s *Sim) editShow(o object) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, ok := pathID(w, r, o)
		if !ok {
			return
		}
		s.mu.RLock()
		defer s.mu.RUnlock()
		found := s.table(o).find(id)
		if found == nil {
			refuseMissing(w, o)
			return
		}
		writeRaw(w, http.StatusOK, s.opts.appendRow(nil, o, found))
	}
}

func (s *Sim) editChange(o object) http.HandlerFunc {
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
		if s.table(o).find(id) == nil {
			refuseMissing(w, o)
			return
		}
		quiet, _ := f["quiet"].(bool)
		delete(f, "quiet")
		if err := s.overlay(o, id, f, quiet); err != nil {
			refuse(w, http.StatusBadRequest, "validation_failed", err.Error())
			return
		}
		writeJSON(w, http.StatusOK, map[string]int64{"id": id})
	}
}

func (s *Sim) editRemove(o object) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, ok := pathID(w, r, o)
		if !ok {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.drop(o, id) {
			refuseMissing(w, o)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
