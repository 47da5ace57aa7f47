package rest

import (
	"net/http"
	"strings"
	"testing"
)

// TestClockSurvivesALocalClockSetBack: the moment of the last answer keeps its
// monotonic reading, which is what makes a difference to it independent of the
// wall clock. No test can set that clock, so the reading itself is looked for.
func TestClockSurvivesALocalClockSetBack(t *testing.T) {
	t.Parallel()
	var c Clock
	c.Learn(http.Header{"Date": {"Sun, 22 Nov 2026 12:00:00 GMT"}})
	if !strings.Contains(c.when.String(), " m=") {
		t.Errorf("%v follows the wall clock", c.when)
	}
}
