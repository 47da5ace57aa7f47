package qbenchsim

import (
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"crmsyncd/providers/internal/faults"
	"crmsyncd/providers/internal/simrules"
)

// Sim is one simulated tenant. It is an http.Handler; its methods are the hands
// of a test, or of a person who edits at the source. It is safe for concurrent use.
type Sim struct {
	*simrules.Keeper

	rules   simrules.Set
	faults  *faults.Switches
	handler http.Handler
	pages   sync.Pool // of *page, so that reading millions of records allocates little

	mu        sync.RWMutex
	opts      Options
	customers table
	contacts  table
	members   map[int64][]int64 // customer id to contact ids; nil until asked for
	audit     []Write

	gate   sync.Mutex // guards what every request touches
	tokens map[string]*token
	minted int
	window time.Time
	used   int
	calls  map[string]int
}

// A Write is one change that a client made through the API. What tests and
// people change at the source is not among them.
type Write struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Object string    `json:"object"`
	ID     int64     `json:"id"`
	Fields Fields    `json:"fields,omitempty"`
}

// New returns an empty tenant.
func New(o Options) *Sim {
	s := &Sim{
		faults:    faults.New(1),
		opts:      o.withDefaults(),
		customers: newTable(customerKeys(), 1000),
		contacts:  newTable(contactKeys(), 5000),
		tokens:    map[string]*token{},
		calls:     map[string]int{},
	}
	s.Keeper = simrules.NewKeeper(&s.rules, vendor{s})
	s.handler = s.routes()
	return s
}

// ServeHTTP answers the API below /qbench/ and the rehearsal paths below /_sim/.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	s.handler.ServeHTTP(w, r)
}

// Faults are the fault switches in front of the API. They do not touch /_sim/.
func (s *Sim) Faults() *faults.Switches { return s.faults }

// AddFault arms a fault written as text, for example "503,nth=2" or
// "429,rate=0.1"; the words are those of the fault switches' Parse.
func (s *Sim) AddFault(rule string) error {
	r, err := faults.Parse(rule)
	if err != nil {
		return fmt.Errorf("arm fault: %w", err)
	}
	s.faults.Add(r)
	return nil
}

// Transport returns a RoundTripper that calls the tenant in process, so that a
// client can live in virtual time.
func (s *Sim) Transport() http.RoundTripper { return &faults.Transport{Handler: s} }

// Storm makes the share p of all calls fail with the vendor's own 429, which
// names ttl as the time to wait. It returns the function that ends it.
func (s *Sim) Storm(p float64, ttl time.Duration) (end func()) {
	n := wholeSeconds(ttl)
	return s.faults.Add(faults.Rule{
		Rate:   p,
		Status: http.StatusTooManyRequests,
		Header: map[string]string{throttleHeader: fmt.Sprint(n)},
		Body:   string(throttleBody(300, n)),
	})
}

// Configure turns switches while the simulator runs.
func (s *Sim) Configure(change func(*Options)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.opts)
	s.opts = s.opts.withDefaults()
}

// Calls counts the requests so far by kind: token, list_customers,
// get_customer, list_contacts, get_contact, customer_contacts,
// contact_customers, write, and those refused as throttled, unauthorized or
// unknown. A refused request counts as refused only; one that a fault switch
// kept from the simulator does not count.
func (s *Sim) Calls() map[string]int {
	s.gate.Lock()
	defer s.gate.Unlock()
	return maps.Clone(s.calls)
}

// ResetCalls starts the counts of Calls anew.
func (s *Sim) ResetCalls() {
	s.gate.Lock()
	defer s.gate.Unlock()
	clear(s.calls)
}

// Audit lists every write that a client made through the API, oldest first.
func (s *Sim) Audit() []Write {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return append([]Write(nil), s.audit...)
}

func (s *Sim) now() time.Time { return s.options().Clock() }

func (s *Sim) options() Options {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.opts
}

func (s *Sim) count(kind string) {
	s.gate.Lock()
	defer s.gate.Unlock()
	s.calls[kind]++
}

func (s *Sim) routes() http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("POST /qbench/oauth2/v1/token", s.serveToken)
	s.routesV1(api)
	s.routesV2(api)
	api.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		s.count("unknown")
		refuse(w, http.StatusNotFound, "not_found", "no such path")
	})
	root := http.NewServeMux()
	root.Handle("/", s.faults.Wrap(api))
	s.routesAdmin(root)
	return root
}

func (s *Sim) routesV1(mux *http.ServeMux) {
	const base = "/qbench/api/v1"
	mux.HandleFunc("GET "+base+"/customer", s.guard("list_customers", s.list(customer, false)))
	mux.HandleFunc("GET "+base+"/customer/{id}", s.guard("get_customer", s.get(customer)))
	mux.HandleFunc("POST "+base+"/customer", s.guard("write", s.createOne(customer)))
	mux.HandleFunc("PUT "+base+"/customer/{id}", s.guard("write", s.updateOne(customer)))
	mux.HandleFunc("GET "+base+"/contact", s.guard("list_contacts", s.list(contact, false)))
	mux.HandleFunc("GET "+base+"/contact/{id}", s.guard("get_contact", s.get(contact)))
	mux.HandleFunc("POST "+base+"/contact", s.guard("write", s.createOne(contact)))
	mux.HandleFunc("PUT "+base+"/contact/{id}", s.guard("write", s.updateOne(contact)))
}

// routesV2 follows a third-party client; the vendor's v2 description is open
// to each tenant's own users only.
func (s *Sim) routesV2(mux *http.ServeMux) {
	const base = "/qbench/api/v2"
	mux.HandleFunc("GET "+base+"/customers/{id}/contacts", s.guard("customer_contacts", s.listContactsOf))
	mux.HandleFunc("GET "+base+"/contacts/{id}/customers", s.guard("contact_customers", s.listCustomersOf))
	for _, o := range []object{customer, contact} {
		all := base + "/" + o.String() + "s"
		mux.HandleFunc("GET "+all, s.guard("list_"+o.String()+"s", s.list(o, true)))
		mux.HandleFunc("GET "+all+"/{id}", s.guard("get_"+o.String(), s.get(o)))
		mux.HandleFunc("POST "+all, s.guard("write", s.createMany(o)))
		mux.HandleFunc("PATCH "+all, s.guard("write", s.updateMany(o)))
		mux.HandleFunc("DELETE "+all+"/{id}", s.guard("write", s.remove(o)))
	}
}
