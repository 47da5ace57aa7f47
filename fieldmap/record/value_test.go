package record_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crmsyncd/fieldmap/record"
)

// TestF12_FourStates: a blank is not what was not read, and neither is what
// cannot be read.
func TestF12_FourStates(t *testing.T) {
	t.Parallel()
	values := []record.Value{{}, record.UnreadableValue(), record.NullValue(), record.Of("0")}
	for i, a := range values {
		for j, b := range values {
			if (a == b) != (i == j) {
				t.Errorf("%v and %v: equal is %v", a, b, a == b)
			}
		}
	}
	for i, known := range []bool{false, false, true, true} {
		if values[i].Known() != known || values[i].IsSet() != (i == 3) || values[i].IsNull() != (i == 2) {
			t.Errorf("%v is taken for another state", values[i])
		}
	}
	if record.Of("") != record.NullValue() || record.Multi() != record.NullValue() {
		t.Error("no text is null")
	}
	if diff := cmp.Diff([]string{"a", "b"}, record.Multi("a", "b").Elems()); diff != "" {
		t.Error(diff)
	}
}

// TestValuesStayOutOfLogs: no way of printing shows a customer's data.
func TestValuesStayOutOfLogs(t *testing.T) {
	t.Parallel()
	v := record.Of("ann@example.com")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "value", v)
	for _, text := range []string{fmt.Sprint(v), fmt.Sprintf("%s %q", v, v), v.String(), log.String()} {
		if strings.Contains(text, "ann") {
			t.Errorf("%s", text)
		}
	}
}

// TestTypeNumbers: the numbers stand in stored digests and are never reused.
func TestTypeNumbers(t *testing.T) {
	t.Parallel()
	for i, name := range []string{"text", "id", "int", "decimal", "bool", "date", "datetime", "picklist", "multi", "ref"} {
		typ, ok := record.ParseType(name)
		if !ok || int(typ) != i+1 || typ.String() != name {
			t.Errorf("%s is type %d", name, typ)
		}
	}
	if _, ok := record.ParseType(""); ok || record.Type(0).String() == "" {
		t.Error("there is a type without a name")
	}
}

// TestDigest: a digest depends on key, type and value, tells null from nothing
// read, and is the same in every build, for it is stored.
func TestDigest(t *testing.T) {
	t.Parallel()
	key, other := record.NewKey([16]byte{1}), record.NewKey([16]byte{2})
	v := record.Of("12")
	if key.Value(record.Text, v) == other.Value(record.Text, v) || key.Value(record.Text, v) == key.Value(record.ID, v) {
		t.Error("key and type are part of a digest")
	}
	if key.Value(record.Text, record.Value{}) != 0 || key.Value(record.Text, record.UnreadableValue()) != 0 {
		t.Error("what was not read has no digest")
	}
	if key.Value(record.Text, record.NullValue()) == 0 {
		t.Error("null has a digest")
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		same := key.Value(record.Text, record.Of(a)) == key.Value(record.Text, record.Of(b))
		if same != (a == b) {
			t.Fatalf("%q, %q: same digest is %v", a, b, same)
		}
	})
}

// TestRawDigest: moving a byte from one field to the next is a change, and so
// is another fingerprint.
func TestRawDigest(t *testing.T) {
	t.Parallel()
	key := record.NewKey([16]byte{1})
	digest := func(fingerprint uint64, raw ...string) record.Digest {
		r := record.Record{}
		for _, text := range raw {
			r.Raw = append(r.Raw, []byte(text))
		}
		d, _ := key.Raw(fingerprint, &r, nil)
		return d
	}
	first := digest(1, "ab", "c")
	if again := digest(1, "ab", "c"); first != again {
		t.Error("two digests of one record")
	}
	for _, d := range []record.Digest{digest(1, "a", "bc"), digest(2, "ab", "c"), digest(1, "abc"), digest(1, "ab", "c", "")} {
		if d == first {
			t.Error("one digest of two records")
		}
	}
	if got, want := (record.Ref{System: "s", Object: "o", ID: "1"}).String(), "s/o/1"; got != want {
		t.Errorf("%s", got)
	}
}
