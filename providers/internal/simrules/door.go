package simrules

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
)

// maxRule bounds a rule that comes by the door.
const maxRule = 1 << 20

// Keeper gives a simulator the hands and the door by which people and tests
// turn its rules.
type Keeper struct {
	set    *Set
	vendor Vendor
}

// NewKeeper returns the keeper of the rules in set.
func NewKeeper(set *Set, vendor Vendor) *Keeper { return &Keeper{set, vendor} }

// AddRule arms a rule and returns its number. It fails, and says why, on a
// rule with an unknown name, and on one that fits no record and is not about
// records to come.
func (k *Keeper) AddRule(r Rule) (id int, err error) { return k.set.Add(r, k.vendor) }

// ArmRule arms a rule that is written in JSON, and returns its number. An
// unknown key, and anything after the rule, is an error.
func (k *Keeper) ArmRule(raw []byte) (id int, err error) {
	r, err := parse(raw)
	if err != nil {
		return 0, err
	}
	return k.AddRule(r)
}

// Rules tells the rules, oldest first, and how often each fired.
func (k *Keeper) Rules() []Armed { return k.set.List() }

// RemoveRule takes a rule away and reports whether there was one.
func (k *Keeper) RemoveRule(id int) bool { return k.set.Remove(id) }

// ClearRules takes all rules away.
func (k *Keeper) ClearRules() { k.set.Clear() }

// RulesDoor serves the rules:
//
//	GET    /_sim/rules       the rules, and how often each fired
//	POST   /_sim/rules       arm one; 400 says what is wrong with it
//	DELETE /_sim/rules       take all away
//	DELETE /_sim/rules/{id}  take one away
func (k *Keeper) RulesDoor() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sim/rules", func(w http.ResponseWriter, _ *http.Request) {
		sendJSON(w, http.StatusOK, map[string]any{"rules": k.Rules()})
	})
	mux.HandleFunc("POST /_sim/rules", k.arm)
	mux.HandleFunc("DELETE /_sim/rules", func(w http.ResponseWriter, _ *http.Request) {
		k.ClearRules()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /_sim/rules/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.Atoi(r.PathValue("id"))
		if err != nil || !k.RemoveRule(id) {
			http.Error(w, "there is no rule "+r.PathValue("id")+"; GET /_sim/rules lists them", http.StatusNotFound)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func (k *Keeper) arm(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRule))
	if err != nil {
		http.Error(w, "read the rule: "+err.Error(), http.StatusBadRequest)
		return
	}
	id, err := k.ArmRule(raw)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	sendJSON(w, http.StatusCreated, map[string]int{"id": id})
}

func sendJSON(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "encode the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}
