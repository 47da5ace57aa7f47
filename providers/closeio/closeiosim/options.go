package closeiosim

import (
	"errors"
	"fmt"
	"time"
)

// Options are what an organization is made of. The zero Options make an empty
// one with the usual custom fields, statuses and users.
type Options struct {
	// APIKey is the key that Basic authorization takes; DefaultAPIKey if empty.
	APIKey string
	// Token, if set, is a bearer token that is always accepted and never expires.
	Token string
	// ClientID, ClientSecret and RefreshToken are what /oauth2/token/ accepts;
	// empty ones mean the defaults.
	ClientID, ClientSecret, RefreshToken string
	// RotateRefreshTokens makes each refresh end the token used and give a new one.
	RotateRefreshTokens bool
	// TokenLife is how long an access token is good for: one hour if zero.
	TokenLife time.Duration
	// NonAdmin gives the credentials to a user who is no admin: the event log
	// tells values for an hour only, and fields kept for admins cannot be written.
	NonAdmin bool

	// Clock is the server's clock; time.Now if nil.
	Clock func() time.Time
	// Seed drives ids, invented data and the random fault rates.
	Seed uint64
	// Accounts and ContactsPerAccount, if above 0, fill the organization as
	// Sim.Seed does.
	Accounts, ContactsPerAccount int
	// Schema adds custom fields to the usual ones.
	Schema *Schema
	// Organization is the id of the organization; made up if empty.
	Organization string

	// PageMax caps _limit everywhere, event log and search included. Without it
	// each resource has its own cap, as connectors have met them.
	PageMax int
	// MaxSkip is the largest _skip: 250,000 if zero, as a recorded error told.
	// Close's caps differ by resource and are not published.
	MaxSkip int
	// IndexLag is how long a write takes to show in the search: 2 seconds if
	// zero, none if negative.
	IndexLag time.Duration
	// SearchGrain, if set, rounds the moments of a search down to it.
	SearchGrain time.Duration
	// CursorLife is how long a search cursor lives: 30 seconds if zero.
	CursorLife time.Duration
	// WalkMax is how many records one walk by cursor gives before it ends in
	// silence: 10,000 if zero.
	WalkMax int
	// ConsolidateWithin is how soon a change follows another of the same object
	// to become part of its event: one minute if zero, never if negative. Close
	// says only "a short time frame".
	ConsolidateWithin time.Duration
	// ExactUpdates keeps a lead's date_updated still while its contacts,
	// opportunities and tasks change, which Close does not.
	ExactUpdates bool
	// RateLimit is how many calls each endpoint group takes in 5 seconds: 100
	// if zero, no limit if negative. Close does not publish its numbers.
	RateLimit int
	// NoAudit saves the memory of the audit.
	NoAudit bool
}

// What the simulator accepts unless told otherwise.
const (
	DefaultAPIKey       = "api_rehearsal.only"
	DefaultClientID     = "oa2client_rehearsal"
	DefaultClientSecret = "close-sim-secret-for-rehearsals-only"
	DefaultRefreshToken = "close-sim-refresh-token"
)

func orElse[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

func (o *Options) setDefaults() error {
	if o.Accounts < 0 || o.ContactsPerAccount < 0 {
		return errors.New("make the organization: Accounts and ContactsPerAccount must not be negative")
	}
	if o.PageMax < 0 || o.MaxSkip < 0 || o.WalkMax < 0 {
		return fmt.Errorf("make the organization: PageMax %d, MaxSkip %d and WalkMax %d must not be negative", o.PageMax, o.MaxSkip, o.WalkMax)
	}
	orElse(&o.APIKey, DefaultAPIKey)
	orElse(&o.ClientID, DefaultClientID)
	orElse(&o.ClientSecret, DefaultClientSecret)
	orElse(&o.RefreshToken, DefaultRefreshToken)
	orElse(&o.TokenLife, time.Hour)
	orElse(&o.MaxSkip, 250_000)
	orElse(&o.IndexLag, 2*time.Second)
	orElse(&o.CursorLife, 30*time.Second)
	orElse(&o.WalkMax, 10_000)
	orElse(&o.ConsolidateWithin, time.Minute)
	orElse(&o.RateLimit, 100)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return nil
}
