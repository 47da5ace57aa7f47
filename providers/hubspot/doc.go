// Package hubspot speaks to one HubSpot portal through its REST API: it
// describes objects, lists them, reads what changed, looks records up by their
// unique properties, and creates and updates them in batches of a hundred.
//
// It has no upsert and no delete. A create carries the record's custom unique
// property, so that the service itself refuses a repeat; an update goes by
// record id and never creates. A create whose answer was lost is reported as
// unknown and is never sent again from here. An association is never removed.
//
// A field named associations.company (or another name of associationOf) is no
// property: it is the record that this one belongs to. It goes inline with a
// create, and with an update by a call of its own, which alone confirms it.
//
// What we rely on, each last checked 2026-11-22:
//
//   - paths carry the version's date; one is supported for 18 months:
//     https://developers.hubspot.com/docs/developer-tooling/platform/versioning
//   - a batch answers record by record, in no order that is promised, when each
//     of its inputs has a trace id of its own; and it may fail as a whole:
//     https://developers.hubspot.com/docs/api-reference/error-handling
//   - a listing goes by id and shows what was just written; a search lags, ends
//     at 10,000 records and must not be paged while records change:
//     https://developers.hubspot.com/docs/api/crm/search
//   - rates are per key and ten seconds, the day's quota is the portal's:
//     https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
//
// What HubSpot refuses, drops or rewrites is in quirks.go.
package hubspot
