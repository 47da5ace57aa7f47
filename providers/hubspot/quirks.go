package hubspot

import "time"

// What HubSpot refuses, rewrites or leaves out. Each was last checked
// 2026-11-22.
const (
	// recordsPerCall is the most that one batch of records takes, and one page
	// of a listing gives.
	// https://developers.hubspot.com/docs/api/crm/contacts
	recordsPerCall = 100

	// historiesPerCall is the most that one batch read takes when it asks for
	// the history of a property: one more and it is refused as a whole.
	// https://github.com/activepieces/activepieces/pull/9359
	historiesPerCall = 50

	// linksPerRead and linksPerWrite are the most that one call about
	// associations takes.
	// https://developers.hubspot.com/docs/api/crm/associations
	linksPerRead  = 1000
	linksPerWrite = 2000

	// foundPerCall is the largest page of a search, and searchRoom the longest
	// body that it takes, in characters.
	// https://developers.hubspot.com/docs/api/crm/search
	foundPerCall = 200
	searchRoom   = 2900

	// uriRoom is how long the address of a listing may be. The service answers
	// 414 somewhere past 16,000 characters.
	// https://github.com/PostHog/posthog/pull/31617
	uriRoom = 12_000

	// overlap is how far a later search looks back: its index follows a write
	// after moments, and recent changes have been seen to arrive out of order
	// for up to an hour.
	// https://github.com/airbytehq/airbyte/issues/69203
	overlap = time.Hour

	// epoch is the earliest moment to search from. A filter at zero is answered
	// by an internal error.
	// https://github.com/estuary/connectors/pull/1861
	epoch = 1000

	// stampForm is how instants are sent to us and read by the service: in
	// milliseconds.
	stampForm = "2006-01-02T15:04:05.000Z"

	// textLimit is how much a text property holds, in characters.
	// https://developers.hubspot.com/docs/api/crm/properties
	textLimit = 65_536

	// statusLocked refuses a write beside too many others to one area, for two
	// seconds; statusMoving is answered while the portal moves between data
	// centers, for up to a day; statusBadKey comes from the edge for a
	// credential that cannot be one.
	// https://developers.hubspot.com/docs/api-reference/error-handling
	statusLocked = 423
	statusMoving = 477
	statusBadKey = 530
	lockedFor    = 2 * time.Second
)

// The rates. A key may call 100 times in ten seconds, 190 times in the larger
// editions, which the answers tell; some room is left for a second process.
// Search has a rate of its own, five a second for the whole portal, and tells
// nothing.
//
// https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
const (
	slowRate    = 9.0
	fastRate    = 17.0
	fastFrom    = 190
	searchRate  = 4.0
	groupSlow   = ""
	groupFast   = "fast"
	groupSearch = "search"
)
