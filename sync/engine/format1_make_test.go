package engine_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// makeFixtures is the environment variable that lets TestMakeFormat1 write.
const makeFixtures = "CRMSYNCD_MAKE_FORMAT1"

// TestMakeFormat1 makes the fixtures anew when the environment says so. The
// build of commit af314f3 made those that stand in testdata/format1; a build
// that writes another format of the state file cannot.
func TestMakeFormat1(t *testing.T) {
	if os.Getenv(makeFixtures) == "" {
		t.Skip("only with " + makeFixtures)
	}
	for _, f := range format1Fixtures() {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { makeFormat1(t, f) })
			synctest.Test(t, func(t *testing.T) { _ = openFormat1(t, f).store.Close() })
		})
	}
}

// makeFormat1 plays a scenario with the engine and keeps what comes of it.
func makeFormat1(t *testing.T, f fixture) {
	s := newTheater(t, f, true, func(*theater) {})
	f.play(s)
	if !f.killed {
		if err := s.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	db, err := os.ReadFile(s.statePath())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(db, []byte(`"Format":1,`)) {
		t.Fatal("this build does not write format 1: it cannot make these fixtures")
	}
	gen, err := os.ReadFile(s.statePath() + ".gen")
	if err != nil {
		t.Fatal(err)
	}
	s.tape.Content, s.tape.Size = s.content(), int64(len(db))
	tape, err := json.Marshal(s.tape)
	if err != nil {
		t.Fatal(err)
	}
	s.keep(".db.gz", gzipped(t, bytes.TrimRight(db, "\x00")))
	s.keep(".gen", gen)
	s.keep(".tape.gz", gzipped(t, tape))
	_ = s.store.Close()
}

func (s *theater) keep(suffix string, b []byte) {
	s.t.Helper()
	if err := os.WriteFile(s.file(suffix), b, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	_, err = z.Write(b)
	if cerr := z.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// writeGolden is the environment variable that lets TestFormat1Opens write what
// it expects.
const writeGolden = "CRMSYNCD_GOLDEN_FORMAT1"

// golden compares a text with the file of the fixture that holds it, and writes
// it when the environment says so.
func (s *theater) golden(suffix, got string) {
	s.t.Helper()
	if os.Getenv(writeGolden) != "" {
		s.keep(suffix, []byte(got))
		return
	}
	want, err := os.ReadFile(s.file(suffix))
	if err != nil {
		s.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		s.t.Errorf("%s (-want +got):\n%s", s.file(suffix), diff)
	}
}
