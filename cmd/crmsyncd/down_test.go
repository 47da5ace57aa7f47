package main

import (
	"testing"

	"crmsyncd/sync/daemon"
)

// Where the only errors are that systems do not answer, nothing is wrong with the
// configuration, and check --live ends with 1.
func TestCheckOfASystemThatIsDown(t *testing.T) {
	for _, tc := range []struct {
		failure, want string
		code          int
	}{
		{"identify s: read the account: status 503, down", "s does not answer (503): nothing is wrong with your files; try again later", 1},
		{
			"identify s: GET /api/v1/me/: dial tcp 127.0.0.1:8198: connect: connection refused",
			"s does not answer (connection refused): if its base_url is right, nothing is wrong with your files; try again later", 1,
		},
		{"identify s: fetch an access token: status 401, down", "", 78},
		{"identify s: status 401, the gate said status 503", "", 78},
		{"dial tcp: lookup typo.example: no such host", "", 78},
		{"status 503, down\nfix: no right", "", 78},
		{"another organization answers", "", 78},
	} {
		if got := downText("s", tc.failure); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.failure, got, tc.want)
		}
		var res checkResult
		res.count(daemon.CheckView{System: "s", Error: tc.failure})
		res.count(daemon.CheckView{System: "other"})
		if code := exitCode(res.verdict()); code != tc.code {
			t.Errorf("%q ends with %d, want %d", tc.failure, code, tc.code)
		}
		res.count(daemon.CheckView{System: "other", Findings: []daemon.FindingView{{Message: "no such field"}}})
		if code := exitCode(res.verdict()); code != 78 {
			t.Errorf("%q and a wrong field end with %d", tc.failure, code)
		}
	}
	if code := exitCode(checkResult{}.verdict()); code != 0 {
		t.Errorf("nothing wrong ends with %d", code)
	}
}
