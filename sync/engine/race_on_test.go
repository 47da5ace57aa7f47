//go:build race

package engine_test

// underRace is set where the race detector makes everything some ten times as
// slow. Tests that try everything in one goroutine then try a part; `make whole`
// runs them in full.
const underRace = true
