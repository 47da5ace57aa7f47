// Package simrules holds the rules that the simulators share: which record and
// which write of it is refused, ignored, rewritten, hidden or told in broken
// JSON, as vendors do for reasons that no client can foresee.
//
// It knows no vendor. A simulator says which names it has and answers a refusal
// in its own shape.
package simrules
