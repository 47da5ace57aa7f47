package hubspotsim

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"crmsyncd/providers/internal/faults"
	"crmsyncd/providers/internal/simrules"
)

// Unlimited switches a limit off.
const Unlimited = -1

// Options are what a portal is made of. The zero Options make a portal that
// takes any bearer token.
type Options struct {
	// PortalID is the account's number, 48000001 by default.
	PortalID int64
	// AppID is the id under which writes of the API stand in histories, 7700001 by default.
	AppID int64
	// TimeZone is the account's zone: its midnight ends the day of the daily
	// limit. UTC by default.
	TimeZone *time.Location

	// Token is the service key or private-app token. With neither it nor a
	// RefreshToken, any bearer token is taken.
	Token string
	// ClientID and ClientSecret are the one app that may ask for OAuth tokens;
	// empty is any.
	ClientID, ClientSecret string
	// RefreshToken is the one accepted; if empty, any is.
	RefreshToken string
	// TokenTTL is the life of an access token, 30 minutes by default.
	TokenTTL time.Duration

	// Clock is the portal's clock; time.Now if nil.
	Clock func() time.Time
	// Seed drives the random fault rates and the correlation ids.
	Seed uint64
	// Schema adds objects and properties to the standard ones.
	Schema *Schema
	// Versions are the dated API versions served, 2026-03 and 2026-09 by default.
	Versions []string
	// NoLegacy takes the v1, v3 and v4 paths away.
	NoLegacy bool

	// RateLimit is the number of calls in ten seconds (190), SearchLimit that of
	// searches in one second (5), DailyLimit that of calls in a day (625000).
	// Unlimited is none.
	RateLimit, SearchLimit, DailyLimit int
	// SearchLag is how long the search index stays behind; see SetSearchLag.
	SearchLag time.Duration
	// FoldUnique makes unique properties compare without case, as e-mail does anyway.
	FoldUnique bool
	// History is the number of old values kept per property, 20 by default.
	History int
	// NoAudit saves the memory of the audit.
	NoAudit bool
}

// Sim is one simulated portal. It is safe for concurrent use.
type Sim struct {
	*simrules.Keeper

	opt     Options
	store   *store
	auth    *auth
	calls   calls
	limits  limits
	faults  *faults.Switches
	handler http.Handler
	buffers sync.Pool
	serial  serial
}

// New makes a portal with the standard objects and two owners, and no record.
// It fails if the options contradict each other or the schema is unsound.
func New(opt Options) (*Sim, error) {
	opt.setDefaults()
	if opt.PortalID < 1 || opt.AppID < 1 {
		return nil, errors.New("make the portal: PortalID and AppID must be positive")
	}
	st := newStore(&opt)
	standard, err := standardSchema()
	if err != nil {
		return nil, err
	}
	if err := st.extend(standard, true); err != nil {
		return nil, fmt.Errorf("read the standard objects: %w", err)
	}
	if err := st.setIndustries(); err != nil {
		return nil, fmt.Errorf("read the standard objects: %w", err)
	}
	if opt.Schema != nil {
		if err := st.extend(opt.Schema, false); err != nil {
			return nil, fmt.Errorf("use the schema: %w", err)
		}
	}
	if err := st.makePairs(); err != nil {
		return nil, fmt.Errorf("relate the objects: %w", err)
	}
	s := &Sim{opt: opt, store: st, faults: faults.New(opt.Seed)}
	s.Keeper = simrules.NewKeeper(st.rules, vendor{st})
	s.serial.seed = opt.Seed
	s.auth = newAuth(&s.opt)
	s.limits.opt = &s.opt
	s.buffers.New = func() any { return new([]byte) }
	s.handler = s.faults.Wrap(http.HandlerFunc(s.serve))
	for _, o := range []Owner{
		{Email: "jo.doe@acme.test", FirstName: "Jo", LastName: "Doe"},
		{Email: "kim.poe@acme.test", FirstName: "Kim", LastName: "Poe"},
	} {
		s.AddOwner(o)
	}
	return s, nil
}

func (o *Options) setDefaults() {
	fill(&o.PortalID, 48000001)
	fill(&o.AppID, 7700001)
	fill(&o.TokenTTL, 30*time.Minute)
	fill(&o.RateLimit, 190)
	fill(&o.SearchLimit, 5)
	fill(&o.DailyLimit, 625000)
	fill(&o.History, 20)
	if o.TimeZone == nil {
		o.TimeZone = time.UTC
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Versions == nil {
		o.Versions = []string{"2026-03", "2026-09"}
	}
}

func fill[T comparable](v *T, standard T) {
	var zero T
	if *v == zero {
		*v = standard
	}
}

// ServeHTTP serves the portal's API.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Faults are the switches before the API: whatever they match fails as they say.
func (s *Sim) Faults() *faults.Switches { return s.faults }

// AddFault arms a fault rule in the notation of a command-line flag, for
// instance "502,path=/companies/batch,nth=2-5" or "524,after,rate=0.01".
func (s *Sim) AddFault(text string) error {
	r, err := faults.Parse(text)
	if err != nil {
		return fmt.Errorf("switch a fault on: %w", err)
	}
	s.faults.Add(r)
	return nil
}

// Transport returns a RoundTripper that calls the portal in process, so that a
// client can live in virtual time.
func (s *Sim) Transport() http.RoundTripper { return &faults.Transport{Handler: s} }

// PortalID is the account's number, as text.
func (s *Sim) PortalID() string { return strconv.FormatInt(s.store.portal.Load(), 10) }

// SetPortalID puts another account behind the same address: details, tokens
// and texts tell its number, and the OAuth tokens of the one before are over.
// A service key goes on, and the records stay.
func (s *Sim) SetPortalID(id string) error {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n < 1 {
		return fmt.Errorf("change the portal: %q is not the number of an account", id)
	}
	s.store.portal.Store(n)
	s.ExpireTokens()
	return nil
}
