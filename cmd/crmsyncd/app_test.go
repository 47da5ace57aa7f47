package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestConfigWithoutAName: an empty --config, as of an unset variable, is a mistake
// on the command line, and never the folder one stands in.
func TestConfigWithoutAName(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"status", "check", "run"} {
		var out, errs bytes.Buffer
		code := newApp(&out, &errs).execute(t.Context(), []string{command, "--config", ""})
		if code != exitUsage || !strings.Contains(errs.String(), "--config is empty: name the folder") || out.Len() > 0 {
			t.Errorf("%s: %d, %q", command, code, errs.String())
		}
	}
}
