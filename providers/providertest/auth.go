package providertest

import (
	"net/http"
	"slices"
	"testing"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/faults"
)

func credentials() map[string]func(*testing.T, Setup) {
	return map[string]func(*testing.T, Setup){
		"a token that expires under way": testExpiry,
		"a token that is never good":     testNeverGood,
		"no token to be had":             testNoToken,
		"a forbidden object":             testForbidden,
	}
}

func testExpiry(t *testing.T, s Setup) {
	if s.ExpireTokens == nil {
		t.Skip("its credential does not expire")
	}
	s.whole(t, s.list(t.Context(), t, func(page int) bool {
		if page == 1 {
			s.ExpireTokens()
		}
		return false
	}))
	if n := s.Wire.Count(s.TokenPath); n != 2 {
		t.Errorf("%d token calls, want 2", n)
	}
}

func testNeverGood(t *testing.T, s Setup) {
	s.Faults.Add(faults.Rule{
		Path: s.ReadPath, From: 1, To: 1 << 30, Status: http.StatusUnauthorized,
		Body: `[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]`,
	})
	s.fails(t, s.list(t.Context(), t, nil), providers.Denied)
	if n := s.Wire.Count(s.ReadPath); n > 2 {
		t.Errorf("the refused call was made %d times", n)
	}
}

func testNoToken(t *testing.T, s Setup) {
	if s.TokenPath == "" {
		t.Skip("its credential is no token")
	}
	// A server may echo what it was sent.
	body := `{"error":"invalid_client","error_description":"bad secret`
	for _, secret := range s.Secrets {
		body += " " + secret
	}
	s.Faults.Add(faults.Rule{Path: s.TokenPath, From: 1, To: 1 << 30, Status: http.StatusBadRequest, Body: body + `"}`})
	s.fails(t, s.list(t.Context(), t, nil), providers.Denied)
	if n := s.Wire.Count(s.TokenPath); n > 3 {
		t.Errorf("%d token calls", n)
	}
	if n := s.Wire.Count(s.ReadPath); n != 0 {
		t.Errorf("%d data calls without a token", n)
	}
}

func testForbidden(t *testing.T, s Setup) {
	s.Faults.Add(faults.Rule{
		Path: s.ReadPath, From: 1, To: 1 << 30, Status: http.StatusForbidden,
		Body: `[{"errorCode":"API_DISABLED_FOR_ORG","message":"The REST API is not enabled for this Organization."}]`,
	})
	s.fails(t, s.list(t.Context(), t, nil), providers.Denied)
}

func getting() map[string]func(*testing.T, Setup) {
	return map[string]func(*testing.T, Setup){
		"by id, without those that are gone": testGet,
		"by ids that are none":               testGetNonsense,
	}
}

func testGet(t *testing.T, s Setup) {
	g, ok := s.Provider.(providers.Getter)
	if !ok {
		t.Skip("it is no Getter")
	}
	all := s.list(t.Context(), t, nil)
	var ids []string
	for id := range all.rows {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	ids = ids[:3]
	found, errs, err := g.Get(t.Context(), s.Object, s.Fields, []string{ids[0], s.AbsentID, ids[1], ids[2]})
	if err != nil {
		t.Fatal(err)
	}
	if len(errs) != 1 || errs[0].Kind != providers.Missing || errs[0].Ref.ID != s.AbsentID || errs[0].Gone == providers.Told {
		t.Errorf("the absent one: got %+v, want missing, and nobody told that it was deleted", errs)
	}
	got, want := listing{rows: map[string][]record.Value{}}, listing{rows: map[string][]record.Value{}}
	for i := range found {
		r := &found[i]
		got.rows[r.ID] = s.values(t, r)
		if at := all.stamps[r.ID]; !r.Version.Equal(at.version) || r.By != at.by {
			t.Errorf("record %s: version %v by %v, in the listing %v by %v", r.ID, r.Version, r.By, at.version, at.by)
		}
	}
	for _, id := range ids {
		want.rows[id] = all.rows[id]
	}
	s.same(t, want, got)
}

func testGetNonsense(t *testing.T, s Setup) {
	g, ok := s.Provider.(providers.Getter)
	if !ok {
		t.Skip("it is no Getter")
	}
	found, errs, err := g.Get(t.Context(), s.Object, s.Fields, []string{"../../x?y=1&z", "' OR 1=1", ""})
	if err != nil && providers.KindOf(err) != providers.Rejected {
		t.Fatal(err)
	}
	if len(found) != 0 {
		t.Errorf("%d records for ids that are none, errors %v", len(found), errs)
	}
	for host := range s.Wire.Hosts() {
		t.Log("called", host)
	}
}
