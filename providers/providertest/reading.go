package providertest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/faults"
	"crmsyncd/providers/internal/rest"
)

func reading() map[string]func(*testing.T, Setup) {
	return map[string]func(*testing.T, Setup){
		"names its organization":   testIdentify,
		"proves it by one call":    testProofCost,
		"stays with it":            testPinned,
		"never leaves it":          testPinnedElsewhere,
		"everything once, paged":   testReadsAll,
		"the same twice":           testReadsSame,
		"stops when told":          testStops,
		"counts its calls":         testCounts,
		"knows what it is asked":   testDescribe,
		"refuses unknown objects":  testUnknownObject,
		"null and missing differ":  testNullAndMissing,
		"ends with its context":    testCancel,
		"waits no longer than ctx": testCancelWait,
	}
}

func testIdentify(t *testing.T, s Setup) {
	one, err := s.Provider.Identify(t.Context())
	if err != nil || one.Org == "" {
		t.Fatalf("got %+v, %v", one, err)
	}
	two, err := s.Provider.Identify(t.Context())
	if err != nil || one != two {
		t.Errorf("got %+v and %+v, %v", one, two, err)
	}
}

// testProofCost: the proof of the organization costs one call at most, and none
// where the token's answer carries it (C3).
func testProofCost(t *testing.T, s Setup) {
	calls := func() int {
		if s.TokenPath == "" {
			return s.Wire.Count("")
		}
		return s.Wire.Count("") - s.Wire.Count(s.TokenPath)
	}
	var told string
	if o, ok := s.Provider.(providers.Organizer); ok {
		id, err := o.Organization(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		told = id.Org
		if n := calls(); n != 0 {
			t.Errorf("what the token tells cost %d calls", n)
		}
	}
	id, err := s.Provider.Identify(t.Context())
	if err != nil || told != "" && told != id.Org {
		t.Errorf("the token told %q, got %+v, %v", told, id, err)
	}
	if n := calls(); n > 1 {
		t.Errorf("the proof cost %d calls", n)
	}
}

func (s *Setup) pinner(t *testing.T) providers.Pinner {
	t.Helper()
	p, ok := s.Provider.(providers.Pinner)
	if !ok {
		t.Skip("its address is its organization")
	}
	return p
}

// testPinned: nothing changes for a provider that is held to its organization,
// and a token that is renewed costs no further proof.
func testPinned(t *testing.T, s Setup) {
	p := s.pinner(t)
	id, err := s.Provider.Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.Pin(id.Org)
	before := s.Wire.Count("")
	s.whole(t, s.list(t.Context(), t, nil))
	plain := s.Wire.Count("") - before
	renewed := 0
	if s.ExpireTokens != nil {
		s.ExpireTokens()
		renewed = 2 // the call that was refused, and the token
	}
	before = s.Wire.Count("")
	s.whole(t, s.list(t.Context(), t, nil))
	if n := s.Wire.Count("") - before; n > plain+renewed {
		t.Errorf("%d calls with a new token, want at most %d", n, plain+renewed)
	}
}

// testPinnedElsewhere: a credential of another organization is used for nothing
// but to learn that (C3.1).
func testPinnedElsewhere(t *testing.T, s Setup) {
	s.pinner(t).Pin("another organization")
	for range 2 {
		l := s.list(t.Context(), t, nil)
		s.fails(t, l, providers.Denied)
		var e *providers.Error
		if !errors.As(l.err, &e) || e.Hint == "" || e.Elsewhere == nil || e.Elsewhere.Org == "" {
			t.Errorf("got %+v", l.err)
		}
	}
	if n := s.Wire.Count(s.ReadPath); n != 0 {
		t.Errorf("%d pages were read of another organization", n)
	}
}

func testReadsAll(t *testing.T, s Setup) {
	l := s.list(t.Context(), t, nil)
	s.whole(t, l)
	if l.pages < 3 {
		t.Errorf("%d pages: too few to prove paging", l.pages)
	}
}

func testReadsSame(t *testing.T, s Setup) {
	a, b := s.list(t.Context(), t, nil), s.list(t.Context(), t, nil)
	s.whole(t, a)
	s.whole(t, b)
	s.same(t, a, b)
}

func testStops(t *testing.T, s Setup) {
	l := s.list(t.Context(), t, func(int) bool { return true })
	if l.pages != 1 || l.last || l.err != nil {
		t.Fatalf("%d pages, complete %v, error %v", l.pages, l.last, l.err)
	}
	if n := s.Wire.Count(s.ReadPath); n > 2 {
		t.Errorf("%d pages were fetched after the caller stopped at the first", n)
	}
}

func testCounts(t *testing.T, s Setup) {
	s.whole(t, s.list(t.Context(), t, nil))
	sum := 0
	for _, n := range s.Provider.Usage().Calls {
		sum += n
	}
	if want := s.Wire.Count(""); sum != want {
		t.Errorf("%d calls were counted, %d were made: %v", sum, want, s.Provider.Usage().Calls)
	}
}

func testDescribe(t *testing.T, s Setup) {
	d, ok := s.Provider.(providers.Describer)
	if !ok {
		t.Skip("it is no Describer")
	}
	schema, err := d.Describe(t.Context(), s.Object)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Fields {
		got, ok := schema.Fields[f.Name]
		if !ok && !schema.Partial {
			t.Errorf("field %s is not described", f.Name)
		}
		if ok && got.Name != f.Name {
			t.Errorf("field %s is described as %s", f.Name, got.Name)
		}
	}
	if len(schema.Fields) == 0 {
		t.Error("no field is described")
	}
}

func testUnknownObject(t *testing.T, s Setup) {
	s.Object = "NoSuchObject__x"
	s.Fields = nil
	s.fails(t, s.list(t.Context(), t, nil), providers.Broken)
}

func testNullAndMissing(t *testing.T, s Setup) {
	for _, f := range s.Fields {
		v, err := s.Provider.Convert(s.Object, f, []byte("null"))
		if err != nil || !v.IsNull() {
			t.Errorf("null of %s became %v, %v", f.Name, v, err)
		}
		if v, err := s.Provider.Convert(s.Object, f, nil); err != nil || v.IsSet() {
			t.Errorf("nothing of %s became %v, %v", f.Name, v, err)
		}
	}
}

func testCancel(t *testing.T, s Setup) {
	ctx, cancel := context.WithCancel(t.Context())
	l := s.list(ctx, t, func(int) bool { cancel(); return false })
	if !errors.Is(l.err, context.Canceled) {
		t.Errorf("got %v, want the context's error", l.err)
	}
	if n := s.Wire.Count(s.ReadPath); n > 2 {
		t.Errorf("%d pages were fetched", n)
	}
}

func testCancelWait(t *testing.T, s Setup) {
	s.Faults.Add(faults.Rule{Path: s.ReadPath, Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "60"}})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	start := time.Now()
	l := s.list(ctx, t, nil)
	if !errors.Is(l.err, context.DeadlineExceeded) || time.Since(start) > 6*time.Second {
		t.Errorf("got %v after %v", l.err, time.Since(start))
	}
}

func hostile() map[string]func(*testing.T, Setup) {
	broken := func(r faults.Rule, kinds ...providers.Kind) func(*testing.T, Setup) {
		return func(t *testing.T, s Setup) {
			// From the second page on, for ever.
			r.Path, r.From, r.To = s.ReadPath, 2, 1<<30
			s.Faults.Add(r)
			s.fails(t, s.list(t.Context(), t, nil), kinds...)
		}
	}
	passing := func(r faults.Rule) func(*testing.T, Setup) {
		return func(t *testing.T, s Setup) {
			r.Path, r.From, r.To = s.ReadPath, 2, 3
			s.Faults.Add(r)
			s.whole(t, s.list(t.Context(), t, nil))
			if s.Faults.Fired() == 0 {
				t.Error("the fault never struck")
			}
		}
	}
	return map[string]func(*testing.T, Setup){
		"429 is waited out":          testRetryAfter,
		"429 for longer than a run":  testLongWait,
		"429 in a storm":             testStorm,
		"one value that is no JSON":  testBadValues,
		"503 passes":                 passing(faults.Rule{Status: http.StatusServiceUnavailable}),
		"502 as HTML passes":         passing(faults.Rule{Status: http.StatusBadGateway, Answer: faults.HTML}),
		"a lost connection passes":   passing(faults.Rule{Drop: true}),
		"a truncated answer passes":  passing(faults.Rule{Truncate: true}),
		"503 for ever":               broken(faults.Rule{Status: http.StatusServiceUnavailable}, providers.Transient),
		"429 for ever":               broken(faults.Rule{Status: http.StatusTooManyRequests}, providers.Transient),
		"a lost connection for ever": broken(faults.Rule{Drop: true}, providers.Transient),
		"truncated for ever":         broken(faults.Rule{Truncate: true}, providers.Transient, providers.Broken),
		"truncated JSON":             broken(faults.Rule{Status: http.StatusOK, Body: `{"data":[{"id":1`}, providers.Broken),
		"another document":           broken(faults.Rule{Status: http.StatusOK, Body: `{"hello":"world"}`}, providers.Broken),
		"HTML":                       broken(faults.Rule{Answer: faults.HTML}, providers.Broken, providers.Transient),
		"nothing at all":             broken(faults.Rule{Answer: faults.Empty}, providers.Broken, providers.Transient),
		"deep nesting":               broken(faults.Rule{Answer: faults.Deep}, providers.Broken),
		"control characters":         broken(faults.Rule{Answer: faults.Control}, providers.Broken),
		"100 MB":                     testHuge,
		"a next page elsewhere":      testElsewhere,
		"a redirect elsewhere":       testRedirect,
	}
}

func testRetryAfter(t *testing.T, s Setup) {
	s.Faults.Add(faults.Rule{Path: s.ReadPath, From: 2, Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "45"}})
	start := time.Now()
	s.whole(t, s.list(t.Context(), t, nil))
	if took := time.Since(start); took < 45*time.Second || took > 3*time.Minute {
		t.Errorf("it took %v, want a little over the 45 s asked for", took)
	}
}

// testLongWait: a wait of ten minutes is kept and ends the run at once, with
// the word when to go on; nothing of the kind is asked for meanwhile (C13.4).
func testLongWait(t *testing.T, s Setup) {
	s.Faults.Add(faults.Rule{Path: s.ReadPath, From: 2, Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "600"}})
	start := time.Now()
	for range 3 {
		l := s.list(t.Context(), t, nil)
		s.fails(t, l, providers.Transient)
		var e *providers.Error
		if left := 10*time.Minute - time.Since(start); !errors.As(l.err, &e) || (e.RetryAfter-left).Abs() > 2*time.Second {
			t.Errorf("%v left, the error tells %+v", left, e)
		}
		time.Sleep(150 * time.Second)
	}
	if took := time.Since(start); took > 8*time.Minute {
		t.Errorf("it waited itself: %v", took)
	}
	if n := s.Wire.Count(s.ReadPath); n > 2 {
		t.Errorf("it was asked %d times", n)
	}
	time.Sleep(time.Until(start.Add(605 * time.Second)))
	s.whole(t, s.list(t.Context(), t, nil))
}

func testStorm(t *testing.T, s Setup) {
	l := s.list(t.Context(), t, nil)
	s.whole(t, l)
	plain := s.Wire.Count(s.ReadPath)
	s.Faults.Storm(0.3, 2*time.Second)
	for range 3 {
		s.whole(t, s.list(t.Context(), t, nil))
	}
	if n := s.Wire.Count(s.ReadPath) - plain - s.Faults.Fired(); n > 3*plain {
		t.Errorf("%d calls beside the refused ones, %d are needed", n, 3*plain)
	}
}

// testBadValues: one value that is no JSON is an error of its own field, in its
// own record; everything else of the page comes (C5.2).
func testBadValues(t *testing.T, s Setup) {
	clean := s.list(t.Context(), t, nil)
	s.whole(t, clean)
	bad := [][]byte{[]byte(`"a\ud83d b"`), []byte("NaN"), []byte("\"a\nb\"")}
	at, ids := s.unique(t, clean, len(bad))
	s.Wire.Twist = func(req *http.Request, status int, body []byte) (int, []byte) {
		for i, id := range ids {
			body = bytes.ReplaceAll(body, []byte(`"`+clean.rows[id][at].Text()+`"`), bad[i])
		}
		return status, body
	}
	seen, refused := 0, 0
	check := func(r *record.Record) {
		for i, f := range s.Fields {
			v, err := s.Provider.Convert(s.Object, f, r.Raw[i])
			if err == nil && v == clean.rows[r.ID][i] {
				continue
			}
			var e *providers.Error
			if !slices.Contains(ids, r.ID) || !errors.As(err, &e) || e.Kind != providers.Rejected || !slices.Contains(e.Fields, f.Name) {
				t.Errorf("record %s, %s: %v, %v", r.ID, f.Name, v, err)
			}
			refused++
		}
	}
	for page, err := range s.pages(t.Context(), t) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range page.Records {
			seen++
			check(&page.Records[i])
		}
	}
	if seen != s.Records || refused < len(ids) {
		t.Errorf("%d of %d records came, %d fields of %d were refused", seen, s.Records, refused, len(ids))
	}
	s.eachByID(t, ids, check)
}

// eachByID calls fn for each of these records as it is read by id, where the
// provider can.
func (s Setup) eachByID(t *testing.T, ids []string, fn func(*record.Record)) {
	t.Helper()
	g, ok := s.Provider.(providers.Getter)
	if !ok {
		return
	}
	found, _, err := g.Get(t.Context(), s.Object, s.Fields, ids)
	if err != nil || len(found) != len(ids) {
		t.Fatalf("%d records by id, %v", len(found), err)
	}
	for i := range found {
		fn(&found[i])
	}
}

// unique returns a text field and records whose text in it no other value has.
func (s *Setup) unique(t *testing.T, l listing, n int) (at int, ids []string) {
	t.Helper()
	for at, f := range s.Fields {
		if f.Type != record.Text {
			continue
		}
		ids = ids[:0]
		for _, id := range slices.Sorted(maps.Keys(l.rows)) {
			if v := l.rows[id][at]; v.IsSet() && s.times(l, v) == 1 {
				ids = append(ids, id)
			}
			if len(ids) == n {
				return at, ids
			}
		}
	}
	t.Skip("it has no text of its own")
	return 0, nil
}

func (s *Setup) times(l listing, v record.Value) (n int) {
	for _, vals := range l.rows {
		for _, one := range vals {
			if one == v {
				n++
			}
		}
	}
	return n
}

func testHuge(t *testing.T, s Setup) {
	s.Faults.Add(faults.Rule{Path: s.ReadPath, From: 2, To: 1 << 30, Answer: faults.Huge})
	l := s.list(t.Context(), t, nil)
	s.fails(t, l, providers.Broken)
	if !errors.Is(l.err, rest.ErrTooLarge) {
		t.Errorf("got %v, want one that names the limit", l.err)
	}
}

func testElsewhere(t *testing.T, s Setup) {
	if s.Elsewhere == "" {
		t.Skip("the vendor sends no addresses of pages")
	}
	hosts := len(s.Wire.Hosts())
	s.Faults.Add(faults.Rule{Path: s.ReadPath, From: 1, Status: http.StatusOK, Body: s.Elsewhere})
	l := s.list(t.Context(), t, nil)
	s.fails(t, l, providers.Broken)
	if !errors.Is(l.err, rest.ErrForeignHost) || len(s.Wire.Hosts()) > max(hosts, 1) {
		t.Errorf("got %v; hosts called: %v", l.err, s.Wire.Hosts())
	}
}

func testRedirect(t *testing.T, s Setup) {
	s.Faults.Add(faults.Rule{
		Path: s.ReadPath, From: 2, To: 1 << 30, Status: http.StatusFound,
		Header: map[string]string{"Location": "https://elsewhere.example/q?token=x"},
	})
	l := s.list(t.Context(), t, nil)
	s.fails(t, l, providers.Broken)
	if len(s.Wire.Hosts()) != 1 {
		t.Errorf("hosts called: %v", s.Wire.Hosts())
	}
}
