// Package closeio speaks to one Close organization through its REST API: it
// describes objects, lists leads, contacts, opportunities, tasks and users,
// reads what changed, follows the event log, and updates records.
//
// It makes no record and deletes none: Create refuses, and an update goes by
// record id and sends the fields that it was given and no others.
//
// Custom fields are named as people see them in Close, custom.Renewal Date, and
// resolved to ids anew with each listing. Close leaves a custom field out of a
// record when it is unset, so an absent one is blank as long as the schema has
// the field, and unreadable as soon as it does not: pages in which one is absent
// are handed over only after the schema was asked once more.
//
// What we rely on, each last checked 2026-11-22:
//
//   - leads and contacts that changed are found by the search alone, whose
//     cursor lives 30 seconds and whose walk ends at 10,000 records:
//     https://developer.close.com/resources/advanced-filtering
//   - opportunities and tasks have filters for their times:
//     https://developer.close.com/api/overview/pagination
//   - the event log keeps 30 days, rewrites recent events, and is the only place
//     that tells of deletes and merges:
//     https://developer.close.com/resources/events
//   - rates are per group of endpoints and told by every answer:
//     https://developer.close.com/api/overview/rate-limits
//   - a PUT changes what it names and leaves the rest:
//     https://developer.close.com/api/overview/fields
//
// What Close rewrites, leaves out or refuses is in quirks.go.
package closeio
