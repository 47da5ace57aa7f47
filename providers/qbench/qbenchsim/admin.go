package qbenchsim

import "net/http"

// routesAdmin adds the rehearsal paths, which no vendor has. They need no
// token and are no API calls: what they change counts as a person's edit.
//
//	GET    /_sim/                       what is stored, and how often it was asked for
//	GET    /_sim/audit                  every write made through the API
//	POST   /_sim/customers              add; PATCH and DELETE /_sim/customers/{id}
//	POST   /_sim/contacts               add; PATCH and DELETE /_sim/contacts/{id}
//	POST   /_sim/faults?rule=503,nth=1  arm a fault; DELETE takes all away
//	POST   /_sim/expire                 end every token
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
	mux.HandleFunc("POST /_sim/expire", func(w http.ResponseWriter, _ *http.Request) {
		s.ExpireTokens()
		w.WriteHeader(http.StatusNoContent)
	})
	for _, o := range []object{customer, contact} {
		base := "/_sim/" + o.String() + "s"
		mux.HandleFunc("POST "+base, s.editAdd(o))
		mux.HandleFunc("GET "+base+"/{id}", s.get(o))
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
		if err := s.update(o, id, f); err != nil {
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
