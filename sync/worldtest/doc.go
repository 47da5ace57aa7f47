// Package worldtest is a small world for tests: simulated QBench, Close,
// Salesforce and HubSpot, the shipped configuration between them, and an engine
// on a state file in memory. A seed gives it a History: people who work on all
// sides, and what disturbs them, such as kills, faults, refusals, edited lines
// and swapped organizations. A history ends with the audit and is compared with
// its twin, in which the same people did the same and nothing disturbed them.
//
// A World lives in virtual time: use it within [testing/synctest.Test]. Nothing
// of the product imports this package.
package worldtest
