// Package qbench reads customers and contacts of a QBench laboratory system,
// over its API v1 or v2. It only reads: it has no Writer.
//
// QBench has no documented way to ask for what changed, so every read is a
// complete listing, proven complete: the last page was reached and as many
// different records were seen as the system says it has.
//
// Objects are named customer and contact, fields as QBench spells them.
// address.city reaches into an address that is sent as an object. customer_ids
// are the customers of a contact; where the list does not tell them, Complete
// asks for them, one call per contact.
//
// What is documented, last checked 2026-11-22:
//   - https://junctionconcepts.zendesk.com/hc/en-us/articles/360030760992 (API v1)
//   - https://junctionconcepts.zendesk.com/hc/en-us/articles/360044676891 (customers)
//   - https://junctionconcepts.zendesk.com/hc/en-us/articles/360044676971 (contacts)
//   - https://junctionconcepts.zendesk.com/hc/en-us/articles/44738612231181 (API v2)
//
// The rest is a QBench-style profile of our own, drawn from third-party clients
// and marked so beside the code; the description of v2 is open to a tenant's
// own users only.
package qbench
