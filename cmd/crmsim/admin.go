package main

import (
	"encoding/json"
	"net/http"

	"crmsyncd/providers/salesforce/salesforcesim"
)

const maxEdit = 1 << 20

// withAdmin adds rehearsal paths, which no vendor has, to the org's own. They
// need no token; what they change counts as a person's edit.
//
//	GET    /_sim/audit          every write made through the API
//	PATCH  /_sim/{object}/{id}  edit: {"Phone": "303-555-0100"}, values as text
//	DELETE /_sim/{object}/{id}  move to the recycle bin
func withAdmin(sim *salesforcesim.Sim) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", sim)
	mux.HandleFunc("GET /_sim/audit", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"writes": sim.Audit()})
	})
	mux.HandleFunc("PATCH /_sim/{object}/{id}", func(w http.ResponseWriter, r *http.Request) {
		var fields map[string]string
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxEdit)).Decode(&fields); err != nil {
			http.Error(w, "the body must be an object of field names and texts", http.StatusBadRequest)
			return
		}
		answerEdit(w, sim.Edit(r.PathValue("object"), r.PathValue("id"), fields))
	})
	mux.HandleFunc("DELETE /_sim/{object}/{id}", func(w http.ResponseWriter, r *http.Request) {
		answerEdit(w, sim.Delete(r.PathValue("object"), r.PathValue("id")))
	})
	return mux
}

func answerEdit(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func writeJSON(w http.ResponseWriter, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "encode the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(raw)
}
