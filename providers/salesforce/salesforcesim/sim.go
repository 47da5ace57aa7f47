package salesforcesim

import (
	"crypto/rsa"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"crmsyncd/providers/internal/faults"
	"crmsyncd/providers/internal/simrules"
)

// Options are what an org is made of. The zero Options make an org that
// accepts any client.
type Options struct {
	// BaseURL is the org's own address, told as instance_url. If empty, the
	// request's host is told.
	BaseURL string
	// OrgID is the id of the organization, 15 or 18 characters.
	OrgID string
	// OrgName, OrgType and Sandbox are fields of the Organization record.
	OrgName, OrgType string
	Sandbox          bool

	// Token is a bearer token that is always accepted and never expires.
	Token string
	// ClientID and ClientSecret are the one app that may ask for tokens; if
	// ClientID is empty, any app may.
	ClientID, ClientSecret string
	// Username and Password are the one user of the JWT and password flows; if
	// empty, any will do. Password is the password with the security token behind.
	Username, Password string
	// RefreshToken is the one accepted; if empty, any is, until rotation ends it.
	RefreshToken string
	// RotateRefreshTokens makes each refresh end the token used and give a new one.
	RotateRefreshTokens bool
	// JWTKey verifies the signature of JWT bearer assertions; if nil, it is not looked at.
	JWTKey *rsa.PublicKey
	// SessionTTL is how long a token lives; 0 is for ever.
	SessionTTL time.Duration

	// Clock is the org's clock; time.Now if nil.
	Clock func() time.Time
	// Seed drives the random fault rates.
	Seed uint64
	// Schema adds objects and fields to the standard ones.
	Schema *Schema
	// MinVersion and MaxVersion are the API versions served, 31 and 66 by
	// default. Versions from 21 to below MinVersion are answered with 410.
	MinVersion, MaxVersion int
	// PageSize is the page of a query without Sforce-Query-Options, 2000 by default.
	PageSize int
	// Quota is the number of API calls that the limits tell of, 15000 by default.
	Quota int
	// NoAudit saves the memory of the audit.
	NoAudit bool
}

// Sim is one simulated org. It is safe for concurrent use.
type Sim struct {
	*simrules.Keeper

	opt     Options
	store   *store
	auth    *auth
	calls   calls
	quota   quota
	faults  *faults.Switches
	handler http.Handler
	buffers sync.Pool
	orgID   atomic.Pointer[string]

	mu       sync.Mutex
	locators map[string]*locator
	nextLoc  uint32
}

// New makes an org with the standard objects, an Organization record and two
// users: the one that API calls run as, and the one behind the Go API's edits.
// It fails if the options contradict each other or the schema is unsound.
func New(opt Options) (*Sim, error) {
	opt.setDefaults()
	orgID, err := readOrgID(opt.OrgID)
	if err != nil {
		return nil, fmt.Errorf("make the org: %w", err)
	}
	opt.OrgID = orgID
	if opt.MinVersion > opt.MaxVersion {
		return nil, fmt.Errorf("make the org: MinVersion %d is above MaxVersion %d", opt.MinVersion, opt.MaxVersion)
	}
	sc := newSchema()
	standard, err := standardSchema()
	if err != nil {
		return nil, err
	}
	if err := sc.extend(standard); err != nil {
		return nil, fmt.Errorf("read the standard objects: %w", err)
	}
	if opt.Schema != nil {
		if err := sc.extend(opt.Schema); err != nil {
			return nil, fmt.Errorf("use the schema: %w", err)
		}
	}
	s := &Sim{opt: opt, store: newStore(sc, opt.Clock), faults: faults.New(opt.Seed), locators: map[string]*locator{}}
	s.orgID.Store(&orgID)
	s.Keeper = simrules.NewKeeper(s.store.rules, vendor{s.store})
	s.store.noAudit = opt.NoAudit
	s.auth = newAuth(s)
	s.quota.max = opt.Quota
	s.buffers.New = func() any { return new([]byte) }
	s.handler = s.faults.Wrap(http.HandlerFunc(s.serve))
	if err := s.seedOrg(); err != nil {
		return nil, err
	}
	return s, nil
}

func (o *Options) setDefaults() {
	if o.OrgID == "" {
		o.OrgID = "00D8d0000000001"
	}
	if o.OrgName == "" {
		o.OrgName = "Acme Labs"
	}
	if o.OrgType == "" {
		o.OrgType = "Enterprise Edition"
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.MinVersion == 0 {
		o.MinVersion = 31
	}
	if o.MaxVersion == 0 {
		o.MaxVersion = 66
	}
	if o.PageSize == 0 {
		o.PageSize = 2000
	}
	if o.Quota == 0 {
		o.Quota = 15000
	}
}

func (s *Sim) seedOrg() error {
	org := s.store.table("Organization")
	org.soleID = s.OrgID()
	user := s.opt.Username
	if user == "" {
		user = "integration@acme.test"
	}
	sandbox := "false"
	if s.opt.Sandbox {
		sandbox = "true"
	}
	for _, r := range []struct {
		t      *table
		fields map[string]string
	}{
		{org, map[string]string{"Name": s.opt.OrgName, "OrganizationType": s.opt.OrgType, "IsSandbox": sandbox, "InstanceName": "SIM1"}},
		{s.store.table("User"), map[string]string{"LastName": "Integration", "FirstName": "API", "Username": user, "Email": "integration@acme.test", "UserType": "Standard", "IsActive": "true"}},
		{s.store.table("User"), map[string]string{"LastName": "Doe", "FirstName": "Jo", "Username": "jo.doe@acme.test", "Email": "jo.doe@acme.test", "UserType": "Standard", "IsActive": "true"}},
	} {
		d := s.store.textDraft(r.t, r.fields)
		wasReadOnly := r.t.obj.readOnly
		r.t.obj.readOnly = false
		out := s.store.write([]draft{d}, writeOptions{op: OpCreate, human: true})
		r.t.obj.readOnly = wasReadOnly
		if err := out[0].err; err != nil {
			return fmt.Errorf("make the %s record: %w", r.t.obj.name, err)
		}
	}
	return nil
}

// ServeHTTP serves the org's REST API.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Faults are the switches before the API: whatever they match fails as they say.
func (s *Sim) Faults() *faults.Switches { return s.faults }

// AddFault arms a fault rule in the notation of a command-line flag, for
// instance "503,path=/query,nth=2-5" or "drop,after,rate=0.01".
func (s *Sim) AddFault(text string) error {
	r, err := faults.Parse(text)
	if err != nil {
		return fmt.Errorf("switch a fault on: %w", err)
	}
	s.faults.Add(r)
	return nil
}

// Transport returns a RoundTripper that calls the org in process, so that a
// client can live in virtual time.
func (s *Sim) Transport() http.RoundTripper { return &faults.Transport{Handler: s} }

// OrgID is the organization's id, 18 characters.
func (s *Sim) OrgID() string { return *s.orgID.Load() }

// SetOrgID puts another organization behind the same address: token, identity
// and Organization record tell its id, and the sessions of the one before are
// over. The fixed Token goes on, and the records stay.
func (s *Sim) SetOrgID(id string) error {
	canonical, err := readOrgID(id)
	if err != nil {
		return fmt.Errorf("change the organization: %w", err)
	}
	s.store.mu.Lock()
	s.store.table("Organization").soleID = canonical
	s.orgID.Store(&canonical)
	s.store.mu.Unlock()
	s.ExpireTokens()
	return nil
}

func readOrgID(id string) (string, error) {
	canonical, ok := CanonicalID(id)
	if !ok || canonical[:3] != "00D" {
		return "", fmt.Errorf("OrgID %q is not the id of an organization (00D and 12 or 15 more letters and digits)", id)
	}
	return canonical, nil
}
