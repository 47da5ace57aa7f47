package closeiosim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"crmsyncd/providers/internal/faults"
	"crmsyncd/providers/internal/simrules"
)

// Sim is one simulated organization. It is an http.Handler; its methods are the
// hands of a test, or of a person who works in Close. It is safe for
// concurrent use.
type Sim struct {
	*simrules.Keeper

	clock   func() time.Time
	store   *store
	auth    *auth
	limits  *limits
	faults  *faults.Switches
	handler http.Handler

	gate  sync.Mutex
	calls map[string]int
	hook  func(call string)
}

// A Write is one change that a client made through the API. What tests and
// people change in Close itself is not among them.
type Write struct {
	Time   time.Time                  `json:"time"`
	Method string                     `json:"method"`
	Path   string                     `json:"path"`
	Object string                     `json:"object"`
	ID     string                     `json:"id"`
	Fields map[string]json.RawMessage `json:"fields,omitempty"`
}

// New makes an organization. It fails if the options or the schema are unsound.
func New(o Options) (*Sim, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	st := &store{opt: o, ids: namer{seed: o.Seed}, traces: namer{seed: ^o.Seed}, cursors: map[string]*cursor{}, lists: map[string]*listing{}, fieldByN: map[uint16]*customField{}}
	for k := range st.tables {
		st.tables[k] = newTable()
	}
	st.buildSchemas()
	st.buildOrganization()
	if err := st.buildFields(); err != nil {
		return nil, fmt.Errorf("make the organization: %w", err)
	}
	s := &Sim{clock: o.Clock, store: st, faults: faults.New(o.Seed), calls: map[string]int{}}
	s.Keeper = simrules.NewKeeper(&st.rules, vendor{st})
	s.auth = newAuth(o)
	s.limits = &limits{clock: o.Clock, limit: o.RateLimit, groups: map[string]*group{}}
	s.handler = s.faults.Wrap(http.HandlerFunc(s.serve))
	if o.Accounts > 0 {
		s.Seed(o.Seed, o.Accounts, o.ContactsPerAccount)
	}
	return s, nil
}

// ServeHTTP answers the API below /api/v1/ and the token path /oauth2/token/.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.clock().UTC().Format(http.TimeFormat))
	s.handler.ServeHTTP(w, r)
}

// Faults are the switches before the API: whatever they match fails as they say.
func (s *Sim) Faults() *faults.Switches { return s.faults }

// AddFault arms a fault rule in the notation of a command-line flag, for
// instance "503,path=/data/search,nth=2-5" or "drop,after,rate=0.01".
func (s *Sim) AddFault(rule string) error {
	r, err := faults.Parse(rule)
	if err != nil {
		return fmt.Errorf("arm fault: %w", err)
	}
	s.faults.Add(r)
	return nil
}

// Transport returns a RoundTripper that calls the organization in process, so
// that a client can live in virtual time.
func (s *Sim) Transport() http.RoundTripper { return &faults.Transport{Handler: s} }

// Forbid makes every call whose path and query hold the text fail as Close
// refuses by role: 403 with the plain text Forbidden under a JSON content
// type. It returns the function that ends it.
func (s *Sim) Forbid(path string) (end func()) {
	return s.faults.Add(faults.Rule{
		Path: path, Status: http.StatusForbidden, Body: "Forbidden",
		Header: map[string]string{"Content-Type": "application/json"},
	})
}

// Storm makes the share p of all calls fail with 429 under Close's RateLimit
// header, whose reset is wait with its fraction. It returns the function that
// ends it.
func (s *Sim) Storm(p float64, wait time.Duration) (end func()) {
	return s.faults.Add(faults.Rule{
		Rate: p, Status: http.StatusTooManyRequests, Body: string(limitedBody(wait)),
		Header: map[string]string{"RateLimit": rateHeader(100, 0, wait), "Retry-After": wholeSeconds(wait)},
	})
}

// OnCall has f called before each call that is let in, with the name under which Calls counts
// it. It may edit the organization: a record then changes while it is read. A
// nil f ends it.
func (s *Sim) OnCall(f func(call string)) {
	s.gate.Lock()
	defer s.gate.Unlock()
	s.hook = f
}

// Configure turns switches while the simulator runs. Credentials, clock, seed
// and sizes stay as they are.
func (s *Sim) Configure(change func(*Options)) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	o := s.store.opt
	change(&o)
	if err := o.setDefaults(); err != nil {
		return err
	}
	old := s.store.opt
	o.APIKey, o.Token, o.ClientID, o.ClientSecret, o.RefreshToken = old.APIKey, old.Token, old.ClientID, old.ClientSecret, old.RefreshToken
	o.Clock, o.Seed, o.Organization = old.Clock, old.Seed, old.Organization
	s.store.opt = o
	s.store.turn++
	s.limits.mu.Lock()
	defer s.limits.mu.Unlock()
	s.limits.limit = o.RateLimit
	return nil
}

// Calls counts the calls so far by what they asked for: search.lead,
// search.contact, list.lead … list.event, get.lead …, create.lead …,
// update.…, delete.…, merge, me, list.user, get.user, organization,
// lead_statuses, opportunity_statuses, pipelines, schema.lead …,
// custom_fields.lead …, token, and those refused as unauthorized, limited,
// redirected or unknown. One that a fault switch kept from the simulator does
// not count.
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

// Writes lists every write that a client made through the API, oldest first.
func (s *Sim) Writes() []Write {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	return slices.Clone(s.store.audit)
}

// ResetWrites forgets the writes so far.
func (s *Sim) ResetWrites() {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.audit = nil
}

// OrganizationID is the id of the organization.
func (s *Sim) OrganizationID() string {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	return s.store.organization
}

// SetOrganizationID puts another organization behind the same address: all that
// names the organization tells this id, and the access tokens of the one
// before are over. The API key and the fixed Token go on, and the records stay.
func (s *Sim) SetOrganizationID(id string) error {
	if bare, is := strings.CutPrefix(id, "orga_"); !is || bare == "" {
		return fmt.Errorf("change the organization: %q is not the id of an organization, orga_…", id)
	}
	s.store.mu.Lock()
	s.store.organization = id
	s.store.turn++
	s.store.mu.Unlock()
	s.ExpireTokens()
	return nil
}

func (s *Sim) count(call string) {
	s.gate.Lock()
	s.calls[call]++
	s.gate.Unlock()
}

func (s *Sim) note(call string) {
	s.gate.Lock()
	s.calls[call]++
	hook := s.hook
	s.gate.Unlock()
	if hook != nil {
		hook(call)
	}
}
