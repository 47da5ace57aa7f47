package salesforce

import (
	"strings"
	"time"
)

// What Salesforce refuses, rewrites or leaves out. Each was last checked
// 2026-11-22.
const (
	// statusCannotRoute is answered by the edge while it does not know yet where
	// an organization lives.
	// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
	statusCannotRoute = 420

	// recordsPerCall is the most that one collections call takes, and what one
	// read of the same size answers.
	// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm
	recordsPerCall = 200

	// uriRoom is how long a request target may be. The service stops at 16,384
	// bytes for it and all headers together; tokens alone reach 2,000.
	// https://help.salesforce.com/s/articleView?id=000386264
	uriRoom = 12_000

	// soqlRoom is how long a query may be, short of the 100,000 characters that
	// the service takes; textRoom bounds one quoted text.
	// https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta
	soqlRoom = 90_000
	textRoom = 4_000

	// overlap is how far a later read looks back. A record carries the stamp of
	// the moment inside its transaction and can be seen only once that commits,
	// up to ten minutes later: it then appears behind a cursor that has passed.
	overlap = 15 * time.Minute

	// stampForm is how date-times are sent to us: without a colon in the
	// offset, which no RFC 3339 layout takes. Milliseconds are always zero.
	stampForm = "2006-01-02T15:04:05.000-0700"

	// literalForm is how a date-time stands in a query: unquoted and with Z,
	// for a plus sign would have to be escaped in the address.
	literalForm = "2006-01-02T15:04:05Z"

	// oldestVersion is the first version in which collections answer as this
	// package expects.
	oldestVersion = 46
)

// mergeable lists the objects whose records can be merged, the only ones that
// have a MasterRecordId.
// https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_merge.htm
func mergeable(object string) bool {
	switch object {
	case "Account", "Contact", "Lead", "Case":
		return true
	}
	return false
}

// sessionIsWrong lists the two answers of 401 that a new token cannot mend.
// Asking for one each time would lock the user out.
// https://github.com/jsforce/jsforce/blob/main/src/http-api.ts
func sessionIsWrong(message string) bool {
	return strings.Contains(message, "not valid for use with the REST API") ||
		strings.Contains(message, "Connected app is not attached to Agent")
}
