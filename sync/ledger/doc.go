// Package ledger is the mapping bound to the state: what a route of the admin's
// file is called in rows, and what stands in them about it, within one transaction.
//
// Rows name fields, rules and systems by numbers, which the state gives out once
// and keeps for good: the number of a rule outlives its line, so that a link still
// knows what it settled with under a line that is gone. A Book asks for all numbers
// when it is made, and nothing here asks for one afterwards; a name that is new to
// the state costs one small write at the start of the process.
package ledger
