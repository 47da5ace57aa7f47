// Package faults holds the fault switches that the simulators share: an http
// middleware that makes chosen requests fail, before or after the simulator
// took effect, so that a client's handling of a broken vendor can be tested.
//
// It knows no vendor. What a vendor-specific failure looks like (an error body,
// a quota header) is given in the rule by the simulator or the test.
package faults
