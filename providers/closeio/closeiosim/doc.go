// Package closeiosim is a Close organization in memory, for tests, benchmarks
// and rehearsals without credentials.
//
// It serves leads, contacts, opportunities, tasks, users, the schema and the
// event log of API v1, and has the habits that make Close hard to follow: a
// lead's date_updated moves although no field of the lead did, the search
// index lags behind, a search cursor dies after 30 seconds and ends in silence
// after 10,000 objects, a custom field without a value has no key, arrays are
// replaced whole, phone numbers come back in another form than they went in,
// deletes and merges show in the event log alone, and two quick changes of one
// object are one event. What befalls single records is told by a Rule.
//
// What Close's own documents say is marked so beside the code; the rest
// follows recorded answers and third-party clients, or is our own choice, and
// says so. Nothing here is shared with the provider that it tests.
//
// Sources, last checked 2026-11-22:
//   - https://developer.close.com/api/resources/leads
//   - https://developer.close.com/api/resources/tasks
//   - https://developer.close.com/api/resources/events
//   - https://developer.close.com/api/resources/events/list-of-event-types
//   - https://developer.close.com/api/resources/advanced-filtering
//   - https://developer.close.com/api/overview/pagination
//   - https://developer.close.com/api/overview/rate-limits
package closeiosim
