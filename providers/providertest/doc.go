// Package providertest is the one conformance suite that every provider passes,
// beside its simulator and in virtual time: what the engine relies on whatever
// the vendor, in fair weather and in foul.
package providertest
