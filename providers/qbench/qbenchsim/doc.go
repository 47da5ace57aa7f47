// Package qbenchsim is a QBench-style laboratory system in memory, for tests,
// benchmarks and rehearsals without credentials.
//
// It serves customers and contacts in the shapes of API v1 and v2, behind the
// JWT-bearer token exchange, and has the habits that make such a system hard
// to read: no way to ask for what changed, pages of at most 50, pages that
// shift while they are read, dates in four forms, addresses as text, as an
// object or not at all, and a limit of 300 requests a minute.
//
// What QBench's own help center documents is marked so beside the code; the
// rest follows third-party clients or is our own choice, and says so. Nothing
// here is shared with the provider that it tests.
//
// Sources, last checked 2026-11-22:
//   - https://junctionconcepts.zendesk.com/hc/en-us/articles/360030760992 (v1)
//   - https://junctionconcepts.zendesk.com/hc/en-us/articles/360044676891 (v1 customers)
//   - https://junctionconcepts.zendesk.com/hc/en-us/articles/360044676971 (v1 contacts)
//   - https://junctionconcepts.zendesk.com/hc/en-us/articles/44738612231181 (v2 setup)
package qbenchsim
