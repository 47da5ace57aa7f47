package hubspotsim

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"crmsyncd/providers/internal/simrules"
)

// source is who wrote a value.
type source struct {
	kind, id, label string
	user            int
}

// userID is the id of a person; an app has none.
func (x source) userID() string {
	if x.user == 0 {
		return ""
	}
	return strconv.Itoa(x.user)
}

// The sources that each portal has.
const (
	byAPI uint8 = iota
	byPerson
	byPortal // HubSpot itself
)

// store is the portal's data. Everything below mu is guarded by it.
type store struct {
	opt   *Options
	clock func() time.Time
	rules *simrules.Set

	portal atomic.Int64 // the account's number

	mu       sync.RWMutex
	objects  []*objectType
	byName   map[string]*objectType
	pairs    map[[2]uint8]*pair
	sources  []source
	owners   []Owner
	audit    []auditEntry
	lag      time.Duration
	switches switches
	found    found
}

func newStore(opt *Options) *store {
	s := &store{opt: opt, clock: opt.Clock, byName: map[string]*objectType{}, pairs: map[[2]uint8]*pair{}, lag: opt.SearchLag, rules: &simrules.Set{}}
	s.portal.Store(opt.PortalID)
	s.switches.scopes = map[string]bool{}
	app := strconv.FormatInt(opt.AppID, 10)
	s.sources = []source{
		byAPI:    {kind: "INTEGRATION", id: app, label: "crm app"},
		byPerson: {kind: "CRM_UI", id: "userId:12", user: 12},
		byPortal: {kind: "CALCULATED"},
	}
	return s
}

func (s *store) now() int64 { return s.clock().UnixMilli() }

// object finds an object by its name, singular or type id, in any case.
func (s *store) object(name string) *objectType {
	if o := s.byName[name]; o != nil {
		return o
	}
	return s.byName[strings.ToLower(name)]
}
