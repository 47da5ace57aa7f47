package providertest

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/faults"
)

func writing() map[string]func(*testing.T, Setup) {
	lost := func(r faults.Rule) func(*testing.T, Setup) {
		return func(t *testing.T, s Setup) { testLostAnswer(t, s, r) }
	}
	tests := map[string]func(*testing.T, Setup){
		"creates in order":                       testCreateOrder,
		"an update writes what it was given":     testUpdateOnly,
		"a refused record leaves the others":     testPartial,
		"a record that is gone":                  testUpdateGone,
		"a create that exists already":           testExists,
		"an answer lost with the connection F8":  lost(faults.Rule{Drop: true, After: true}),
		"an answer lost behind a 503 F8":         lost(faults.Rule{Status: http.StatusServiceUnavailable, After: true}),
		"an answer that breaks off F8":           lost(faults.Rule{Truncate: true}),
		"a create refused by 429 is not doubled": testCreateThrottled,
	}
	for name, test := range tests {
		tests[name] = func(t *testing.T, s Setup) {
			if s.Write == nil {
				t.Skip("it is no Writer")
			}
			test(t, s)
		}
	}
	return tests
}

func (s *Setup) writer(t *testing.T) providers.Writer {
	t.Helper()
	w, ok := s.Provider.(providers.Writer)
	if !ok {
		t.Fatal("it is no Writer")
	}
	return w
}

func (s *Setup) create(t *testing.T, patches ...record.Patch) []providers.Result {
	t.Helper()
	res, err := s.writer(t).Create(t.Context(), s.Write.Object, patches)
	if err != nil || len(res) != len(patches) {
		t.Fatalf("%d results for %d patches, %v", len(res), len(patches), err)
	}
	for i, r := range res {
		if r.Err != nil {
			s.keepsSecrets(t, r.Err)
		} else if r.ID == "" {
			t.Errorf("result %d has neither an id nor an error", i)
		}
	}
	return res
}

// holds checks that a record has the values of a patch.
func (s *Setup) holds(t *testing.T, id string, p record.Patch) {
	t.Helper()
	got, ok := s.Write.Stored(id)
	if !ok {
		t.Errorf("record %s is not there", id)
		return
	}
	for _, f := range p.Fields {
		if f.Value.IsSet() && got[f.Name] != f.Value.Text() {
			t.Errorf("record %s: %s does not hold what was sent", id, f.Name)
		}
	}
}

func testCreateOrder(t *testing.T, s Setup) {
	w := s.writer(t)
	n, before := min(w.BatchSize(s.Write.Object), 20), s.Write.Count()
	var patches []record.Patch
	for i := range n {
		patches = append(patches, s.Write.Patch(i))
	}
	for i, r := range s.create(t, patches...) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		s.holds(t, r.ID, patches[i])
	}
	if got := s.Write.Count() - before; got != n {
		t.Errorf("%d records were made, want %d", got, n)
	}
}

func testUpdateOnly(t *testing.T, s Setup) {
	w := s.writer(t)
	id := s.create(t, s.Write.Patch(1))[0].ID
	want, _ := s.Write.Stored(id)
	want[s.Write.Change.Name] = s.Write.Change.Value.Text()
	res, err := w.Update(t.Context(), s.Write.Object, []record.Patch{{ID: id, Fields: []record.FieldValue{s.Write.Change}}})
	if err != nil || len(res) != 1 || res[0].Err != nil || res[0].ID != id {
		t.Fatalf("got %+v, %v", res, err)
	}
	got, _ := s.Write.Stored(id)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// testPartial proves F16: results are told apart by position.
func testPartial(t *testing.T, s Setup) {
	if s.writer(t).BatchSize(s.Write.Object) < 3 {
		t.Skip("it writes one at a time")
	}
	before := s.Write.Count()
	good := []record.Patch{s.Write.Patch(1), s.Write.Patch(2)}
	res := s.create(t, good[0], s.Write.Bad(), good[1])
	if res[0].Err != nil || res[2].Err != nil {
		t.Fatalf("the good ones were refused: %v, %v", res[0].Err, res[2].Err)
	}
	if res[1].Err == nil || res[1].Err.Kind != providers.Rejected || res[1].Err.Code == "" {
		t.Errorf("the bad one got %+v, want rejected with the vendor's code", res[1].Err)
	}
	s.holds(t, res[0].ID, good[0])
	s.holds(t, res[2].ID, good[1])
	if got := s.Write.Count() - before; got != 2 {
		t.Errorf("%d records were made, want 2", got)
	}
}

func testUpdateGone(t *testing.T, s Setup) {
	w := s.writer(t)
	before := s.Write.Count()
	res, err := w.Update(t.Context(), s.Write.Object, []record.Patch{{ID: s.Write.Absent, Fields: []record.FieldValue{s.Write.Change}}})
	if err != nil || len(res) != 1 || res[0].Err == nil || res[0].Err.Kind != providers.Missing {
		t.Fatalf("got %+v, %v, want one result of kind missing", res, err)
	}
	if s.Write.Count() != before {
		t.Error("an update made a record")
	}
}

func testExists(t *testing.T, s Setup) {
	s.create(t, s.Write.Patch(1))
	before := s.Write.Count()
	res := s.create(t, s.Write.Patch(1))
	if res[0].Err == nil || res[0].Err.Kind != providers.Exists {
		t.Errorf("got %+v, want exists", res[0])
	}
	if s.Write.Count() != before {
		t.Error("the second create made a record")
	}
}

// testLostAnswer proves the provider's part of F8: a create whose answer was
// lost is not sent again, and says that nobody knows.
func testLostAnswer(t *testing.T, s Setup, r faults.Rule) {
	w := s.writer(t)
	s.create(t, s.Write.Patch(0))
	before, calls := s.Write.Count(), s.Wire.Count(s.Write.Path)
	r.Path, r.From, r.To = s.Write.Path, 1, 1
	s.Faults.Add(r)
	_, err := w.Create(t.Context(), s.Write.Object, []record.Patch{s.Write.Patch(1), s.Write.Patch(2)})
	if providers.KindOf(err) != providers.Unknown || err == nil {
		t.Errorf("got %v, want an error of kind unknown", err)
	}
	s.keepsSecrets(t, err)
	if n := s.Wire.Count(s.Write.Path) - calls; n != 1 {
		t.Errorf("the create was sent %d times", n)
	}
	if got := s.Write.Count() - before; got != 2 {
		t.Errorf("%d records were made, want 2", got)
	}
}

func testCreateThrottled(t *testing.T, s Setup) {
	w := s.writer(t)
	before := s.Write.Count()
	s.Faults.Add(faults.Rule{Path: s.Write.Path, From: 1, To: 2, Status: http.StatusTooManyRequests})
	res, err := w.Create(t.Context(), s.Write.Object, []record.Patch{s.Write.Patch(1)})
	made := s.Write.Count() - before
	switch {
	case err == nil && len(res) == 1 && res[0].Err == nil && made == 1:
	case err != nil && providers.KindOf(err) == providers.Transient && made == 0:
	default:
		t.Errorf("got %+v, %v with %d records made", res, err, made)
	}
}
