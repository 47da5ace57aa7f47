// Package salesforcesim is a stateful Salesforce org in one process: an
// http.Handler with the paths, auth, SOQL, limits, error bodies and habits of
// the Salesforce REST API, as far as a sync daemon and the usual client
// libraries use them.
//
// It is written from the vendor's documentation and from recordings of real
// orgs, never from the code of the provider that is tested against it.
//
//	https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/ (last checked 2026-11-22)
//
// Habits that clients trip over are on by default: one-second stamps, trimmed
// text, ” stored as null, 18-character answers to 15-character ids, numbers
// in Java notation (3.5E8), statusCode in collections but errorCode elsewhere,
// 204 without a quota header, a query locator that dies with its session.
// What breaks at random in real life is a switch: see Sim's Set methods, Rule
// for what befalls single records, and Faults for failures of the connection
// and the edge.
//
// It does not simulate bulk jobs, Apex, triggers, sharing rules, formulas,
// aggregates other than COUNT, or child subqueries; each is refused with an
// error of the vendor's shape.
package salesforcesim
