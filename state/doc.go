// Package state keeps everything that crmsyncd remembers in one bbolt file:
// the hub's records and change numbers, links, match keys, positions, intents,
// holds, the journal, runs, plans and configurations.
//
// It promises that what a committed transaction wrote is still there after a
// kill or a power cut, that every packed value carries a checksum, and that a
// damaged row is an error and never looks like a record that was not seen yet.
// It knows no rule and no system, and it is the only package that imports
// bbolt.
package state
