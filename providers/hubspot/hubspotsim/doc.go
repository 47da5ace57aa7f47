// Package hubspotsim is a stateful HubSpot portal in one process: an
// http.Handler with the paths, auth, batches, search, associations, limits,
// error bodies and habits of the HubSpot CRM API, as far as a sync daemon and
// the vendor's client libraries use them.
//
// It is written from the vendor's documentation, its published OpenAPI files
// and recordings of real portals, never from the code of the provider that is
// tested against it.
//
//	https://developers.hubspot.com/docs/api/overview
//	https://github.com/HubSpot/HubSpot-public-api-spec-collection
//
// (last checked 2026-11-22)
//
// Habits that clients trip over are on by default: properties that do not
// exist are left out of answers in silence, a batch update passes over unknown
// ids in silence, one conflict refuses a whole upsert, domain fills website,
// e-mail addresses become lower case, a record lists its primary company
// twice, writing a pair's association anew takes people's labels off, two
// companies may share a domain, archived and merged records are gone from the
// search, and what a search finds stops at 10,000. Any accepted write moves
// the record's last-modified stamp, even one that changes nothing.
//
// What breaks at random in real life is a switch: see Sim's Set methods, Rule
// for what befalls single records, and Faults for failures of the connection
// and the edge. Where the vendor documents nothing, the stricter reading is built: batch reads and updates do
// not follow merged ids, and an archived record gives its unique values free.
//
// It does not simulate webhooks, imports, lists, pipelines' own API, custom
// objects other than those of a Schema, or marketing.
package hubspotsim
