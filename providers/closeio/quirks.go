package closeio

import "time"

// What Close limits, rewrites or leaves out. Each was last checked 2026-11-22.
const (
	// pageSize is the largest page that every listing and the search surely give.
	// https://developer.close.com/api/overview/pagination
	pageSize = 100

	// walkCap is how many records one walk along a search's cursor gives. The
	// cursor itself lives for 30 seconds.
	// https://developer.close.com/resources/advanced-filtering
	walkCap = 10_000

	// overlap is how far a later reading looks back: the search is an index that
	// has been seen to follow a write after up to 15 seconds, and the event log
	// rewrites its latest five minutes.
	// https://github.com/thermondo/closeio
	// https://developer.close.com/resources/events
	overlap = 5 * time.Minute

	// indexLag is how long a new lead takes at most to be found.
	// https://github.com/thermondo/closeio
	indexLag = 20 * time.Second

	// eventsKept is how long the event log reaches back, eventPage its page.
	// https://developer.close.com/resources/events
	eventsKept = 30 * 24 * time.Hour
	eventPage  = 50

	// stampForm is how instants are sent: to the millisecond, which is the grain
	// of the service's own stamps.
	// https://developer.close.com/resources/advanced-filtering
	stampForm = "2006-01-02T15:04:05.000Z"

	// uriRoom is how long the address of a listing may be; beyond it all custom
	// fields are asked for by one word.
	// https://developer.close.com/api/overview/fields
	uriRoom = 4000
)

// untitled is what Close shows in place of the name of a lead that has none. It
// is no value: a record of another system would get it for its name. What a
// person wrote stands in name.
// https://developer.close.com/resources/leads
const untitled = "Untitled"

const (
	// schemaLasts is how long a schema is used again by calls that are no listing.
	schemaLasts = 10 * time.Minute

	// holdMost is how many pages wait for one more look at the schema, and
	// holdBytes how large they are together.
	holdMost  = 64
	holdBytes = 8 << 20

	// edgeMost is how many records a position remembers as given.
	edgeMost = 500
)
