package main

import (
	"bytes"
	"strings"
	"testing"

	"crmsyncd/sync/daemon"
)

// Where the only errors are that systems do not answer, nothing is wrong with the
// configuration, and check --live ends with 1.
func TestCheckOfASystemThatIsDown(t *testing.T) {
	for _, tc := range []struct {
		view daemon.CheckView
		says string
		code int
	}{
		{daemon.CheckView{System: "s", Error: "identify s: status 503", Down: true}, "s does not answer", 1},
		{daemon.CheckView{System: "s", Error: "identify s: status 401, the gate said status 503"}, "error: identify s", 78},
	} {
		var out bytes.Buffer
		newApp(&out, &out).printLive(tc.view)
		if !strings.Contains(out.String(), tc.says) || !strings.Contains(out.String(), tc.view.Error) {
			t.Errorf("%+v: %s", tc.view, out.String())
		}
		var res checkResult
		res.count(tc.view)
		res.count(daemon.CheckView{System: "other"})
		if code := exitCode(res.verdict()); code != tc.code {
			t.Errorf("%+v ends with %d, want %d", tc.view, code, tc.code)
		}
		res.count(daemon.CheckView{System: "other", Findings: []daemon.FindingView{{Message: "no such field"}}})
		if code := exitCode(res.verdict()); code != 78 {
			t.Errorf("%+v and a wrong field end with %d", tc.view, code)
		}
	}
	if code := exitCode(checkResult{}.verdict()); code != 0 {
		t.Errorf("nothing wrong ends with %d", code)
	}
}
