package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"crmsyncd/state"
	"crmsyncd/sync/daemon"
)

// C12.3: what a spreadsheet would take for a formula is a text, and taking one
// apostrophe off gives the value back.
func TestC12_3_CSVCells(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                            "",
		"Acme":                        "Acme",
		`=HYPERLINK("http://x","y")`:  `'=HYPERLINK("http://x","y")`,
		"+1 202 555 0102":             "'+1 202 555 0102",
		"-2+3+cmd|' /C calc'!A0":      "'-2+3+cmd|' /C calc'!A0",
		"@SUM(1)":                     "'@SUM(1)",
		"\t=1":                        "'\t=1",
		"\r=1":                        "'\r=1",
		"\n=1":                        "'\n=1",
		"＝1+1":                        "'＝1+1",
		"'s-Gravenhage":               "''s-Gravenhage",
		"-":                           "'-",
		"-12.50":                      "-12.50",
		"-7":                          "-7",
		"-7.":                         "'-7.",
		"--7":                         "'--7",
		"two\nlines, \"quoted\"\tand": "two\nlines, \"quoted\"\tand",
		"a\u009bb\u202ec\x00":         `a\u009bb\u202ec\u0000`,
	} {
		got := csvCell(in)
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if back := strings.TrimPrefix(got, "'"); back != in && !strings.ContainsRune(in, 0) {
			t.Errorf("%q comes back as %q", in, back)
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		_ = w.Write([]string{"x", got})
		w.Flush()
		row, err := csv.NewReader(&b).Read()
		if err != nil || strings.ReplaceAll(row[1], "\r\n", "\n") != strings.ReplaceAll(got, "\r\n", "\n") {
			t.Errorf("%q is read as %q, %v", got, row, err)
		}
	}
}

// C12.6: what could steer a terminal is escaped, in words and in JSON, where it
// means the same.
func TestC12_6_NothingSteersTheTerminal(t *testing.T) {
	t.Parallel()
	const evil = "a\u009b31m\u202eb\u2066c\u200ed\x7fe\u2028f\x1bg\nh\ti é 漢 \U0001f600"
	if got, want := clean(evil), `a\u009b31m\u202eb\u2066c\u200ed\u007fe\u2028f\u001bg h i é 漢 `+"\U0001f600"; got != want {
		t.Errorf("words: %q, want %q", got, want)
	}
	var out bytes.Buffer
	a := newApp(&out, &bytes.Buffer{})
	if err := a.printJSON(map[string]string{"k": evil}); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(out.String(), func(r rune) bool { return steers(r) && r != '\n' }); i >= 0 {
		t.Errorf("JSON: %q", out.String())
	}
	var back map[string]string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["k"] != evil {
		t.Errorf("JSON comes back as %q, %v", back["k"], err)
	}
	var log bytes.Buffer
	newApp(&bytes.Buffer{}, &log).logger(0).Info("x", "v", evil)
	if strings.ContainsAny(log.String(), "\u009b\u202e\x7f") {
		t.Errorf("the log: %q", log.String())
	}
}

// fullDisk takes some bytes and no more.
type fullDisk struct{ room int }

func (f *fullDisk) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errors.New("no space left on device")
	}
	return len(p), nil
}

// C12.6: output that was cut is a failure, whatever the command did, but a worse
// end stays what it is.
func TestC12_6_LostOutput(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want int
		says string
	}{
		"done":          {nil, exitFailed, "write the output: no space left on device"},
		"held":          {&coded{exitHeld, nil}, exitFailed, "write the output"},
		"red":           {&coded{exitFailed, nil}, exitFailed, "write the output"},
		"guard":         {&coded{exitGuard, nil}, exitGuard, "write the output"},
		"configuration": {configError(errors.New("bad line")), exitConfig, "bad line"},
	} {
		a := newApp(&fullDisk{}, &bytes.Buffer{})
		a.say("a line")
		err := a.lost(c.err)
		if got := exitCode(err); got != c.want || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: code %d, %v", name, got, err)
		}
	}
	for _, args := range [][]string{{"--help"}, {"version"}, {"version", "-o", "json"}, {"completion", "bash"}} {
		var errs bytes.Buffer
		if code := newApp(&fullDisk{}, &errs).execute(t.Context(), args); code != exitFailed || !strings.Contains(errs.String(), "no space left") {
			t.Errorf("%v: code %d, %q", args, code, errs.String())
		}
	}
}

// C13.1: whatever the child says, its end decides: only one that said so was done.
func TestC13_1_DeathOfTheCheck(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"unexpected fault address 0x7f\nfatal error: fault\n[signal SIGSEGV]\n": "unexpected fault address 0x7f",
		"panic: assertion failed: Page expected to be: 9\n":                     "panic: assertion failed: Page expected to be: 9",
		"": "signal: killed",
	} {
		if got := deathText(said, errors.New("signal: killed")); got != want {
			t.Errorf("%q: %q", said, got)
		}
	}
	lines := `{"progress":{"done":1,"total":2}}` + "\n" + `{"damage":{"bucket":"run","key":"1","problem":"x"}}` + "\n" + `{"done":tr`
	damage, done, said := readCheck(strings.NewReader(lines), func(daemon.Progress) {})
	if len(damage) != 1 || done || said != nil {
		t.Errorf("half an answer: %v %t %v", damage, done, said)
	}
}

// C13.5: where there is no room for a copy of the state its rows are checked all
// the same, and what was not is said.
func TestC13_5_VerifyWithoutRoom(t *testing.T) {
	t.Parallel()
	// The name leaves no room for that of a copy; a full disk cannot be had here.
	st, err := state.Open(filepath.Join(t.TempDir(), "private", strings.Repeat("x", 225)), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	progress := 0
	v, err := newChecker().store(t.Context(), st, func(daemon.Progress) { progress++ })
	if err != nil || len(v.Damage) > 0 || progress == 0 || !strings.Contains(v.Note, "only the rows were checked") {
		t.Errorf("%+v %v, %d reports", v, err, progress)
	}
}
