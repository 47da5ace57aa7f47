package main

import (
	"encoding/json"
	"net/http"
	"strings"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/hubspot/hubspotsim"
	"crmsyncd/providers/salesforce/salesforcesim"
)

const maxEdit = 1 << 20

// org is a simulated CRM.
type org interface {
	http.Handler
	edited
	faulty
	Record(object, id string) map[string]string
}

// edited is what a CRM lets people do.
type edited interface {
	Insert(object string, fields map[string]string) (id string, err error)
	Edit(object, id string, fields map[string]string) error
	EditQuietly(object, id string, fields map[string]string) error
	Delete(object, id string) error
}

// faulty is what may go wrong.
type faulty interface {
	AddFault(rule string) error
	ExpireTokens()
	RulesDoor() http.Handler
}

// extras are what the simulators name alike and type differently.
type extras struct {
	audit           func() any
	clearFaults     func()
	organization    func() string
	setOrganization func(id string) error
}

func extrasOfSalesforce(s *salesforcesim.Sim) extras {
	return extras{func() any { return s.Audit() }, s.Faults().Clear, s.OrgID, s.SetOrgID}
}

func extrasOfHubSpot(s *hubspotsim.Sim) extras {
	return extras{func() any { return s.Audit() }, s.Faults().Clear, s.PortalID, s.SetPortalID}
}

func extrasOfClose(s *closeiosim.Sim) extras {
	return extras{func() any { return s.Writes() }, s.Faults().Clear, s.OrganizationID, s.SetOrganizationID}
}

// withAdmin adds rehearsal paths, which no vendor has, to a CRM's own. They
// need no token; what they change counts as a person's edit.
//
//	GET    /_sim/audit                  every write made through the API
//	POST   /_sim/{object}               make a record: {"Name": "Acme"}, values as text
//	GET    /_sim/{object}/{id}          what it holds
//	PATCH  /_sim/{object}/{id}          edit as a person: {"Phone": "303-555-0100"}; with
//	                                    "quiet": true no stamp and no modifier moves
//	DELETE /_sim/{object}/{id}          move to the recycle bin
//	POST   /_sim/faults?rule=503,nth=1  arm a fault; DELETE takes all away
//	POST   /_sim/expire                 end every OAuth token
//	POST   /_sim/rules                  arm a rule; GET lists, DELETE takes all away
//	DELETE /_sim/rules/{id}             take one rule away
//	GET    /_sim/organization           {"id": "…"}; PUT puts another one behind the address
func withAdmin(sim org, x extras) http.Handler {
	admin := adminPaths(sim, x)
	// The vendor's paths are not given to a mux, which would tidy them.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_sim/") {
			admin.ServeHTTP(w, r)
			return
		}
		sim.ServeHTTP(w, r)
	})
}

func adminPaths(sim org, x extras) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sim/audit", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"writes": x.audit()})
	})
	mux.HandleFunc("POST /_sim/faults", func(w http.ResponseWriter, r *http.Request) {
		answerEdit(w, sim.AddFault(r.URL.Query().Get("rule")))
	})
	mux.HandleFunc("DELETE /_sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		x.clearFaults()
		answerEdit(w, nil)
	})
	mux.HandleFunc("POST /_sim/expire", func(w http.ResponseWriter, _ *http.Request) {
		sim.ExpireTokens()
		answerEdit(w, nil)
	})
	for _, pattern := range []string{"GET /_sim/rules", "POST /_sim/rules", "DELETE /_sim/rules", "DELETE /_sim/rules/{id}"} {
		mux.Handle(pattern, sim.RulesDoor())
	}
	organizationPaths(mux, x)
	recordPaths(mux, sim)
	return mux
}

func organizationPaths(mux *http.ServeMux, x extras) {
	mux.HandleFunc("GET /_sim/organization", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]string{"id": x.organization()})
	})
	mux.HandleFunc("PUT /_sim/organization", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			ID string `json:"id"`
		}
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxEdit))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&in); err != nil {
			http.Error(w, `the body must be {"id": "…"}`, http.StatusBadRequest)
			return
		}
		answerEdit(w, x.setOrganization(in.ID))
	})
}

func recordPaths(mux *http.ServeMux, sim org) {
	mux.HandleFunc("POST /_sim/{object}", func(w http.ResponseWriter, r *http.Request) {
		fields, quiet, ok := readEdit(w, r)
		if !ok {
			return
		}
		if quiet {
			http.Error(w, "quiet goes with an edit, not with a new record", http.StatusBadRequest)
			return
		}
		id, err := sim.Insert(r.PathValue("object"), fields)
		if err != nil {
			answerEdit(w, err)
			return
		}
		writeJSON(w, map[string]any{"id": id})
	})
	mux.HandleFunc("GET /_sim/{object}/{id}", func(w http.ResponseWriter, r *http.Request) {
		fields := sim.Record(r.PathValue("object"), r.PathValue("id"))
		if fields == nil {
			http.Error(w, "there is no such record", http.StatusNotFound)
			return
		}
		writeJSON(w, fields)
	})
	mux.HandleFunc("PATCH /_sim/{object}/{id}", func(w http.ResponseWriter, r *http.Request) {
		fields, quiet, ok := readEdit(w, r)
		if !ok {
			return
		}
		edit := sim.Edit
		if quiet {
			edit = sim.EditQuietly
		}
		answerEdit(w, edit(r.PathValue("object"), r.PathValue("id"), fields))
	})
	mux.HandleFunc("DELETE /_sim/{object}/{id}", func(w http.ResponseWriter, r *http.Request) {
		answerEdit(w, sim.Delete(r.PathValue("object"), r.PathValue("id")))
	})
}

// readEdit reads what a person types, and whether it shall leave no trace, or
// refuses it. The key quiet is a field like any other where it holds a text.
func readEdit(w http.ResponseWriter, r *http.Request) (fields map[string]string, quiet, ok bool) {
	var in map[string]any
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxEdit)).Decode(&in); err != nil || in == nil {
		http.Error(w, "the body must be an object of field names and texts", http.StatusBadRequest)
		return nil, false, false
	}
	fields = make(map[string]string, len(in))
	for name, v := range in {
		switch v := v.(type) {
		case string:
			fields[name] = v
			continue
		case bool:
			if name == "quiet" {
				quiet = v
				continue
			}
		}
		http.Error(w, name+" must be a text", http.StatusBadRequest)
		return nil, false, false
	}
	return fields, quiet, true
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
