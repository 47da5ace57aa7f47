package providertest

import (
	"context"
	"iter"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/faults"
)

// Harness makes a provider beside a simulator.
type Harness struct {
	// New returns a fresh pair. It is called inside a synctest bubble, for every
	// test, and must use no socket.
	New func(t *testing.T) Setup
}

// Setup is a provider and the simulator that it talks to.
type Setup struct {
	Provider providers.Provider
	Wire     *Wire            // the provider's Transport, around the simulator
	Faults   *faults.Switches // in front of the simulator

	Object  string
	Fields  []record.Field // of Object, none of them Costly
	Records int            // of Object in the simulator: at least three pages
	// ReadPath is part of the address of every page of a listing, and of nothing
	// else. TokenPath is part of the token exchange's.
	ReadPath, TokenPath string
	ExpireTokens        func()
	AbsentID            string   // has the form of an id and is none
	Secrets             []string // what no error may show, beside the tokens
	// Elsewhere is a good first page that names a next page on another host.
	// Empty where the vendor sends no such addresses.
	Elsewhere string

	Write *Writes // nil where the provider is no Writer
}

// Writes says how to try a Writer.
type Writes struct {
	Object string
	Path   string // part of the address of every create and update
	// Patch is a create that the vendor takes; each i makes another record.
	Patch func(i int) record.Patch
	// Bad is a create that the vendor refuses for its values.
	Bad func() record.Patch
	// Change sets one field of a record.
	Change record.FieldValue
	// Stored returns what the simulator holds of a record, without fields that
	// the vendor changes itself with every write; false when there is none.
	Stored func(id string) (map[string]string, bool)
	Count  func() int // records of Object in the simulator
	Absent string     // has the form of an id and is none
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for _, group := range []struct {
		name  string
		tests map[string]func(*testing.T, Setup)
	}{{"read", reading()}, {"faults", hostile()}, {"auth", credentials()}, {"get", getting()}, {"write", writing()}, {"echo", echoing()}} {
		t.Run(group.name, func(t *testing.T) {
			for name, test := range group.tests {
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { test(t, h.New(t)) })
				})
			}
		})
	}
}

// listing is everything that a Read yielded, copied.
type listing struct {
	rows   map[string][]record.Value
	stamps map[string]stamp
	seen   map[string]int // how often each id came
	pages  int
	last   bool
	err    error
}

// stamp is when a record changed last, and who did it.
type stamp struct {
	version time.Time
	by      record.Author
}

// list reads the whole object. stop, if set, is asked after each page.
func (s *Setup) list(ctx context.Context, t *testing.T, stop func(page int) bool) listing {
	t.Helper()
	l := listing{rows: map[string][]record.Value{}, stamps: map[string]stamp{}, seen: map[string]int{}}
	for page, err := range s.pages(ctx, t) {
		if l.last {
			t.Error("a page came after the last")
		}
		if err != nil {
			l.err = err
			s.keepsSecrets(t, err)
			continue
		}
		l.pages++
		l.last = page.Last
		for i := range page.Records {
			r := &page.Records[i]
			l.seen[r.ID]++
			l.rows[r.ID] = s.values(t, r)
			l.stamps[r.ID] = stamp{r.Version, r.By}
		}
		if stop != nil && stop(l.pages) {
			break
		}
	}
	if l.err != nil && l.last {
		t.Error("a listing that failed calls itself complete")
	}
	return l
}

func (s *Setup) pages(ctx context.Context, t *testing.T) iter.Seq2[record.Page, error] {
	t.Helper()
	r, ok := s.Provider.(providers.Reader)
	if !ok {
		t.Skip("it is no Reader")
	}
	return r.Read(ctx, providers.Query{Object: s.Object, Fields: s.Fields, Full: true})
}

func (s *Setup) values(t *testing.T, r *record.Record) []record.Value {
	t.Helper()
	if len(r.Raw) != len(s.Fields) {
		t.Fatalf("a record has %d literals for %d fields", len(r.Raw), len(s.Fields))
	}
	vals := make([]record.Value, len(s.Fields))
	for i, f := range s.Fields {
		v, err := s.Provider.Convert(s.Object, f, r.Raw[i])
		if err != nil {
			t.Fatalf("convert %s: %v", f.Name, err)
		}
		vals[i] = v
	}
	return vals
}

// whole fails unless l is a complete listing with every record once.
func (s *Setup) whole(t *testing.T, l listing) {
	t.Helper()
	if l.err != nil || !l.last || len(l.rows) != s.Records {
		t.Fatalf("got %d of %d records, complete %v, error %v", len(l.rows), s.Records, l.last, l.err)
	}
	for id, n := range l.seen {
		if n != 1 {
			t.Errorf("record %s came %d times", id, n)
		}
	}
}

func (s *Setup) same(t *testing.T, a, b listing) {
	t.Helper()
	if diff := cmp.Diff(texts(a.rows), texts(b.rows)); diff != "" {
		t.Error(diff)
	}
}

// texts shows values, which hide themselves.
func texts(rows map[string][]record.Value) map[string][]string {
	out := map[string][]string{}
	for id, vals := range rows {
		for _, v := range vals {
			out[id] = append(out[id], v.String()+" "+v.Text())
		}
	}
	return out
}

// fails checks that the listing ended in an error of one of these kinds.
func (s *Setup) fails(t *testing.T, l listing, kinds ...providers.Kind) {
	t.Helper()
	if l.err == nil {
		t.Fatalf("no error; %d records, complete %v", len(l.rows), l.last)
	}
	for _, k := range kinds {
		if providers.KindOf(l.err) == k {
			return
		}
	}
	t.Errorf("got kind %v, want one of %v: %v", providers.KindOf(l.err), kinds, l.err)
}

// keepsSecrets checks that an error shows nothing that opens a door.
func (s *Setup) keepsSecrets(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	text := said(err)
	for secret := range maps.Keys(s.Wire.secrets(s.Secrets)) {
		if strings.Contains(text, secret) {
			t.Errorf("an error shows a secret: %s", strings.ReplaceAll(text, secret, "<SECRET>"))
		}
	}
}
