package qbenchsim

import "time"

// Options are the switches of a simulator. The zero value is a plain v1 and v2
// tenant that shows what changed nowhere. All but Clock, ClientID, ClientSecret
// and Token may be turned while it runs, with Configure.
type Options struct {
	// ClientID and ClientSecret are what the token exchange accepts.
	// Empty ones mean DefaultClientID and DefaultClientSecret.
	ClientID, ClientSecret string
	// Token, if set, is a bearer token that is always accepted and never expires.
	Token string
	// Clock tells the server's time; time.Now if nil.
	Clock func() time.Time

	// TokenLife is how long a token is good for: one hour if zero.
	TokenLife time.Duration
	// TokenCalls, if above 0, ends each token after so many calls.
	TokenCalls int
	// Expired says what a call with an expired token is told.
	Expired ExpiredAs
	// Leeway is how far a client's clock may be ahead; 5 seconds if zero.
	Leeway time.Duration

	// MaxPageSize is the largest page, 50 if zero. Benchmarks may lift it.
	MaxPageSize int
	// RateLimit is how many requests are allowed in 60 seconds: 300 if zero,
	// no limit if negative.
	RateLimit int
	// NewestFirst lists the newest record first, so that an addition shifts every
	// later page, as a removal does in either order.
	NewestFirst bool
	// OmitTotalCount leaves total_count out of v2 lists.
	OmitTotalCount bool

	// LastUpdated adds last_updated to every record, as a Unix-seconds string.
	LastUpdated bool
	// Dates adds date_created to every record, in the chosen form.
	Dates DateForm
	// Zone is the zone of the slash dates; UTC if nil.
	Zone *time.Location
	// HideCustomerIDs leaves customer_ids out of contacts, so that only
	// /contacts/{id}/customers and the customer_id filter tell.
	HideCustomerIDs bool
	// Hidden are keys left out of every record, as if the administrator had
	// removed the field.
	Hidden []string
}

// ExpiredAs is how an expired token shows.
type ExpiredAs uint8

// The ways an expired token shows; clients have met both.
const (
	// Expired401 is a 401 with error invalid_token.
	Expired401 ExpiredAs = iota
	// Expired400 is a 400 with error invalid_grant.
	Expired400
)

// DateForm is the form of a date field.
type DateForm uint8

// The date forms that third-party clients have met. DatesMixed takes another
// form in every record, by its id.
const (
	NoDates       DateForm = iota
	DateSlash              // 10/16/2020
	DateTimeSlash          // 10/16/2020 09:05 AM
	DateISO                // 2020-10-16T09:05:00+0000
	DateUnix               // "1602839100"
	DatesMixed
)

// What the simulator accepts unless told otherwise.
const (
	DefaultClientID     = "qbench-sim-client"
	DefaultClientSecret = "qbench-sim-secret-for-rehearsals-only"
)

func (o Options) withDefaults() Options {
	if o.ClientID == "" {
		o.ClientID = DefaultClientID
	}
	if o.ClientSecret == "" {
		o.ClientSecret = DefaultClientSecret
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.TokenLife == 0 {
		o.TokenLife = time.Hour
	}
	if o.Leeway == 0 {
		o.Leeway = 5 * time.Second
	}
	if o.MaxPageSize <= 0 {
		o.MaxPageSize = 50
	}
	if o.RateLimit == 0 {
		o.RateLimit = 300
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	return o
}
