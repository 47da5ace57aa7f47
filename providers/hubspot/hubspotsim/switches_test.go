package hubspotsim_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/hubspot/hubspotsim"
)

func TestServiceKeys(t *testing.T) {
	p := newPortal(t)
	status := func(key string) int {
		p.token = key
		return p.do("GET", v9+"/companies", "").status
	}
	for key, want := range map[string]int{token: 200, "": 401, "nope": 401, strings.ToUpper(token): 401} {
		if got := status(key); got != want {
			t.Errorf("%q: %d", key, got)
		}
	}
	p.token = "nope"
	if got := p.code(p.do("GET", v9+"/companies", ""), http.StatusUnauthorized); got != "INVALID_AUTHENTICATION" {
		t.Errorf("got %s", got)
	}
	p.RotateToken("pat-second", false)
	if status(token) != 200 || status("pat-second") != 200 {
		t.Error("both keys are good for a week")
	}
	p.clock.add(7*24*time.Hour + time.Second)
	if status(token) != 401 || status("pat-second") != 200 {
		t.Error("the old key ends after a week")
	}
	p.RotateToken("pat-third", true)
	if status("pat-second") != 401 || status("pat-third") != 200 {
		t.Error("rotated at once")
	}
}

func TestAnyTokenWithoutOptions(t *testing.T) {
	sim, err := hubspotsim.New(hubspotsim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := &portal{Sim: sim, t: t, token: "whatever"}
	if a := p.do("GET", v9+"/companies", ""); a.status != http.StatusOK {
		t.Errorf("got %d", a.status)
	}
}

type granted struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`
	HubID        int64  `json:"hub_id"`
	Status       string `json:"status"`
	Error        string `json:"error"`
}

func TestOAuth(t *testing.T) {
	p := newPortal(t, func(o *hubspotsim.Options) {
		o.Token, o.ClientID, o.ClientSecret, o.RefreshToken = "", "cid", "secret", "rtok"
	})
	form := func(pairs ...string) string {
		v := url.Values{"grant_type": {"refresh_token"}, "client_id": {"cid"}, "client_secret": {"secret"}, "refresh_token": {"rtok"}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v.Encode()
	}
	for _, version := range []string{"v1", "v3", "2026-03", "2026-09"} {
		got := into[granted](p, p.do("POST", "/oauth/"+version+"/token", form()), http.StatusOK)
		if got.ExpiresIn != 1800 || got.RefreshToken != "rtok" || len(got.AccessToken) < 300 || got.HubID != 48000001 {
			t.Errorf("%s: %+v", version, got)
		}
	}
	if a := p.do("POST", "/oauth/2026-09/token?"+form(), ""); a.status != http.StatusBadRequest {
		t.Errorf("parameters belong in the body: %d", a.status)
	}
	if a := p.do("POST", "/oauth/v1/token?"+form(), ""); a.status != http.StatusOK {
		t.Errorf("but for v1: %d", a.status)
	}
	for want, body := range map[string]string{
		"BAD_REFRESH_TOKEN": form("refresh_token", "x"), "BAD_CLIENT_ID": form("client_id", "x"),
		"BAD_CLIENT_SECRET": form("client_secret", "x"), "BAD_GRANT_TYPE": form("grant_type", "x"), "BAD_AUTH_CODE": form("grant_type", "authorization_code"),
	} {
		if got := into[granted](p, p.do("POST", "/oauth/2026-09/token", body), http.StatusBadRequest); got.Status != want || got.Error == "" {
			t.Errorf("%s: %+v", want, got)
		}
	}
	p.token = into[granted](p, p.do("POST", "/oauth/2026-09/token", form()), http.StatusOK).AccessToken
	a := p.do("GET", v9+"/companies", "")
	if a.status != http.StatusOK || a.header.Get("X-HubSpot-RateLimit-Daily") != "" {
		t.Errorf("apps are told nothing of the day: %d %v", a.status, a.header)
	}
	p.clock.add(30*time.Minute + 5*time.Second)
	e := into[problem](p, p.do("GET", v9+"/companies", ""), http.StatusUnauthorized)
	if e.Category != "EXPIRED_AUTHENTICATION" || e.Message != "The OAuth token used to make this call expired 5 second(s) ago." {
		t.Errorf("got %+v", e)
	}
	p.token = into[granted](p, p.do("POST", "/oauth/2026-09/token", form()), http.StatusOK).AccessToken
	p.ExpireTokens()
	if a := p.do("GET", v9+"/companies", ""); a.status != http.StatusUnauthorized {
		t.Errorf("expired by the switch: %d", a.status)
	}
	p.RevokeRefreshToken("")
	if got := into[granted](p, p.do("POST", "/oauth/2026-09/token", form()), http.StatusBadRequest); got.Error != "invalid_grant" {
		t.Errorf("after an uninstall: %+v", got)
	}
	fresh := into[granted](p, p.do("POST", "/oauth/2026-09/token", form("grant_type", "authorization_code", "code", "c")), http.StatusOK)
	if fresh.RefreshToken == "" || p.do("POST", "/oauth/2026-09/token", form("refresh_token", fresh.RefreshToken)).status != http.StatusOK {
		t.Errorf("a new install: %+v", fresh)
	}
}

func TestRateLimits(t *testing.T) {
	p := newPortal(t, func(o *hubspotsim.Options) {
		o.RateLimit, o.SearchLimit, o.DailyLimit = 3, 2, 40
		o.TimeZone = time.FixedZone("east", 2*3600)
	})
	get := func() answer { return p.do("GET", v9+"/companies", "") }
	search := func() answer { return p.do("POST", v9+"/companies/search", `{}`) }
	ties := func() answer { return p.do("POST", ties9+"read", `{"inputs":[]}`) }
	a := get()
	if a.header.Get("X-HubSpot-RateLimit-Max") != "3" || a.header.Get("X-HubSpot-RateLimit-Remaining") != "2" ||
		a.header.Get("X-HubSpot-RateLimit-Interval-Milliseconds") != "10000" ||
		a.header.Get("X-HubSpot-RateLimit-Daily") != "40" || a.header.Get("X-HubSpot-RateLimit-Daily-Remaining") != "39" {
		t.Errorf("headers: %v", a.header)
	}
	p.clock.add(9 * time.Second)
	get()
	get()
	e := into[problem](p, get(), http.StatusTooManyRequests)
	if e.PolicyName != "TEN_SECONDLY_ROLLING" || e.Status != "error" {
		t.Errorf("got %+v", e)
	}
	if s := search(); s.status != http.StatusOK || s.header.Get("X-HubSpot-RateLimit-Max") != "" || s.header.Get("X-HubSpot-Correlation-Id") == "" {
		t.Errorf("searches have a limit of their own, and no headers: %d %v", s.status, s.header)
	}
	if ties().status != http.StatusOK {
		t.Error("association batches are exempt")
	}
	search()
	if e := into[problem](p, search(), http.StatusTooManyRequests); e.PolicyName != "SECONDLY" || e.Message != "You have reached your secondly limit." {
		t.Errorf("got %+v", e)
	}
	p.clock.add(time.Second)
	if get().status != http.StatusOK || search().status != http.StatusOK {
		t.Error("the windows roll")
	}
	for p.CallsToday() < 40 {
		ties()
	}
	if e := into[problem](p, ties(), http.StatusTooManyRequests); e.PolicyName != "DAILY" {
		t.Errorf("got %+v", e)
	}
	p.clock.add(14 * time.Hour) // 21:25 UTC is 23:25 in the account's zone
	if get().status != http.StatusTooManyRequests {
		t.Error("the same day in the account's zone")
	}
	p.clock.add(time.Hour)
	if get().status != http.StatusOK {
		t.Error("after the account's midnight")
	}
}

func TestRefusals(t *testing.T) {
	p := newPortal(t)
	get := func() answer { return p.do("GET", v9+"/companies", "") }
	post := func() answer { return p.do("POST", v9+"/companies", `{"properties":{"name":"A"}}`) }
	p.RefuseCalls(hubspotsim.PolicyDaily, 2)
	for i, want := range []int{429, 429, 200} {
		if got := get().status; got != want {
			t.Errorf("refuse two: call %d: %d", i, got)
		}
	}
	p.RefuseCalls(hubspotsim.PolicyTenSecond, -1)
	for range 3 {
		if got := get().status; got != 429 {
			t.Errorf("refuse without end: %d", got)
		}
	}
	p.RefuseCalls(hubspotsim.PolicyTenSecond, 0)

	p.LockWrites(1)
	if get().status != 200 || post().status != http.StatusLocked || p.do("POST", v9+"/companies/search", `{}`).status != 200 {
		t.Error("a lock refuses writes only")
	}
	p.clock.add(1999 * time.Millisecond)
	if post().status != http.StatusLocked {
		t.Error("a lock lasts two seconds")
	}
	p.clock.add(time.Millisecond)
	if post().status != http.StatusCreated {
		t.Error("the lock ends")
	}

	p.MoveDataCenter(90 * time.Minute)
	if a := get(); a.status != 477 || a.header.Get("Retry-After") != "5400" {
		t.Errorf("moving: %d %v", a.status, a.header)
	}
	p.clock.add(90 * time.Minute)
	if get().status != 200 {
		t.Error("moved")
	}

	p.RevokeScope("crm.objects.companies.write", true)
	e := into[problem](p, post(), http.StatusForbidden)
	if e.Category != "MISSING_SCOPES" || !cmp.Equal(e.Errors[0].Context["requiredGranularScopes"], []string{"crm.objects.companies.write"}) || get().status != 200 {
		t.Errorf("got %+v", e)
	}
	p.RevokeScope("crm.objects.companies.write", false)

	end := p.LoseAnswers(524, 1)
	before := p.Count("companies")
	if a := post(); a.status != 524 || strings.HasPrefix(a.body, "{") || p.Count("companies") != before+1 {
		t.Errorf("the answer is lost, the write happened: %d", a.status)
	}
	if post().status != http.StatusCreated {
		t.Error("one answer only")
	}
	end()

	p.SilenceBatches(1)
	body := inputs(upsert("Q1", `"name":"A"`))
	got := into[many](p, p.do("POST", v9+"/companies/batch/upsert", body), http.StatusOK)
	if len(got.Results) != 0 || got.NumErrors != 0 || len(p.Find("companies", "qbench_customer_id", "Q1")) != 0 {
		t.Errorf("silence: %+v", got)
	}
	p.SetWholeBatches(true)
	if a := p.do("POST", v9+"/companies/batch/upsert", inputs(upsert("Q1", `"name":"A"`), upsert("Q2", `"industry":"x"`))); a.status != 400 {
		t.Errorf("whole batches: %d", a.status)
	}
	p.ok(p.AddFault("503,nth=1"))
	if get().status != 503 || get().status != 200 || p.AddFault("nonsense") == nil {
		t.Error("fault rules")
	}
}

func TestRule(t *testing.T) {
	p := newPortal(t)
	p.SetRule(func(w hubspotsim.Write) *hubspotsim.Error {
		if w.Fields["city"] == "Ulm" {
			return &hubspotsim.Error{Status: 400, Category: "VALIDATION_ERROR", Message: "not Ulm"}
		}
		return nil
	})
	a := p.do("POST", v9+"/companies/batch/upsert", inputs(upsert("Q1", `"name":"A","city":"Ulm"`), upsert("Q2", `"name":"B"`)))
	if got := into[many](p, a, http.StatusMultiStatus); len(got.Results) != 1 || got.NumErrors != 1 || got.Errors[0].Message != "not Ulm" {
		t.Errorf("got %s", a.body)
	}
	if a := p.do("POST", v9+"/companies", `{"properties":{"name":"A","city":"Ulm"}}`); !strings.Contains(a.body, "not Ulm") {
		t.Errorf("got %d %s", a.status, a.body)
	}
	p.must("companies", "name", "B", "city", "Ulm") // people may
}

func TestAuditAndCalls(t *testing.T) {
	p := newPortal(t)
	byHand := p.must("companies", "name", "A")
	p.do("POST", v9+"/companies/batch/upsert", inputs(upsert("Q1", `"name":"B","city":""`)))
	made := p.Find("companies", "qbench_customer_id", "Q1")[0]
	contact := into[record](p, p.do("POST", v9+"/contacts", `{"properties":{"email":"A@a.test"},"associations":[{"to":{"id":"`+made+`"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":1}]}]}`), http.StatusCreated).ID
	p.do("PATCH", v9+"/companies/"+byHand, `{"properties":{"name":"x","industry":"nope"}}`)
	p.do("DELETE", v9+"/companies/"+byHand, "")
	at := p.clock.now().UTC()
	want := []hubspotsim.Write{
		{Time: at, Op: hubspotsim.OpUpsert, Created: true, Object: "companies", ID: made, Fields: map[string]string{"name": "B", "city": "", "qbench_customer_id": "Q1"}},
		{Time: at, Op: hubspotsim.OpCreate, Created: true, Object: "contacts", ID: contact, Fields: map[string]string{"email": "a@a.test"}},
		{Time: at, Op: hubspotsim.OpAssociate, Object: "contacts", ID: contact, To: "companies", ToID: made, Types: []int{1}},
		{Time: at, Op: hubspotsim.OpArchive, Object: "companies", ID: byHand},
	}
	if diff := cmp.Diff(want, p.Audit()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	calls := p.Calls()
	if calls.Of(hubspotsim.CallUpsertMany, "companies") != 1 || calls.Writes() != 4 || calls.Reads() != 0 || calls.Total() != 4 || calls.Of(hubspotsim.CallCreate) != 1 {
		t.Errorf("calls: %s", calls)
	}
	p.ResetAudit()
	p.ResetCalls()
	if len(p.Audit()) != 0 || p.Calls().Total() != 0 {
		t.Error("not reset")
	}
}

func TestPropertiesAPI(t *testing.T) {
	p := newPortal(t)
	base := "/crm/properties/2026-09/companies"
	body := func(name, more string) string {
		return `{"groupName":"companyinformation","name":"` + name + `","label":"L","type":"string","fieldType":"text"` + more + `}`
	}
	type property struct {
		Name, Type           string
		HasUniqueValue       bool
		Calculated           bool
		Options              []struct{ Value string }
		ModificationMetadata struct{ ReadOnlyValue bool }
	}
	type list struct{ Results []property }
	find := func(query, name string) *property {
		for _, x := range into[list](p, p.do("GET", base+query, ""), http.StatusOK).Results {
			if x.Name == name {
				return &x
			}
		}
		return nil
	}
	if x := find("", "industry"); x == nil || len(x.Options) != 148 || x.HasUniqueValue {
		t.Errorf("industry: %+v", x)
	}
	if x := find("", "domain"); x.HasUniqueValue {
		t.Error("domain is no key")
	}
	if x := find("", "hs_lastmodifieddate"); !x.ModificationMetadata.ReadOnlyValue || x.Calculated {
		t.Errorf("read-only but not calculated: %+v", x)
	}
	made := into[property](p, p.do("POST", base, body("vat", `,"hasUniqueValue":true`)), http.StatusCreated)
	if !made.HasUniqueValue {
		t.Errorf("made: %+v", made)
	}
	e := into[problem](p, p.do("POST", base, body("vat", "")), http.StatusConflict)
	if e.Category != "OBJECT_ALREADY_EXISTS" || e.SubCategory != "Properties.PROPERTY_WITH_NAME_EXISTS" {
		t.Errorf("got %+v", e)
	}
	if got := p.code(p.do("GET", base+"/nope", ""), http.StatusNotFound); got != "OBJECT_NOT_FOUND" {
		t.Errorf("got %s", got)
	}
	if p.do("DELETE", base+"/vat", "").status != 204 || p.do("GET", base+"/vat", "").status != 404 || p.do("GET", base+"/vat?archived=true", "").status != 200 {
		t.Error("archived")
	}
	if back := into[property](p, p.do("POST", base, body("vat", "")), http.StatusCreated); !back.HasUniqueValue {
		t.Error("making an archived property again restores it as it was")
	}
	for name, bad := range map[string]string{
		"no group": strings.Replace(body("x", ""), "companyinformation", "nope", 1), "name": body("X y", ""),
		"type": strings.Replace(body("x", ""), `"string"`, `"text"`, 1), "missing": `{"name":"x"}`,
	} {
		if a := p.do("POST", base, bad); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	p.ok(p.AddProperty("companies", hubspotsim.Property{Name: "secret", Sensitive: true}))
	if find("", "secret") != nil || find("?dataSensitivity=sensitive", "secret") == nil {
		t.Error("sensitive properties are hidden unless asked for")
	}
	for i := range 8 {
		into[property](p, p.do("POST", base, body("u"+string(rune('0'+i)), `,"hasUniqueValue":true`)), http.StatusCreated)
	}
	if a := p.do("POST", base, body("u9", `,"hasUniqueValue":true`)); a.status != http.StatusBadRequest {
		t.Errorf("an eleventh unique property: %d", a.status)
	}
	p.ok(p.SetOptions("companies", "type", hubspotsim.Option{Label: "X", Value: "x"}))
	if x := find("", "type"); len(x.Options) != 1 {
		t.Errorf("options: %+v", x)
	}
}

func TestAccountAndOwners(t *testing.T) {
	p := newPortal(t)
	for _, version := range []string{"v3", "2026-03", "2026-09"} {
		got := into[struct{ PortalID int64 }](p, p.do("GET", "/account-info/"+version+"/details", ""), http.StatusOK)
		if got.PortalID != 48000001 {
			t.Errorf("%s: %+v", version, got)
		}
	}
	usage := into[struct {
		Results []struct {
			UsageLimit, CurrentUsage int
			ResetsAt                 time.Time
		}
	}](p, p.do("GET", "/account-info/2026-09/api-usage/daily/private-apps", ""), http.StatusOK)
	if usage.Results[0].UsageLimit != 625000 || usage.Results[0].CurrentUsage != 4 || usage.Results[0].ResetsAt.Hour() != 0 {
		t.Errorf("usage: %+v", usage)
	}
	third := p.AddOwner(hubspotsim.Owner{Email: "x@acme.test"})
	p.ok(p.ArchiveOwner(third, true))
	type owners struct {
		Results []struct{ ID, Email string }
		Paging  struct{ Next struct{ After string } }
	}
	first := into[owners](p, p.do("GET", "/crm/owners/2026-09?limit=1", ""), http.StatusOK)
	rest := into[owners](p, p.do("GET", "/crm/v3/owners/?after="+first.Paging.Next.After, ""), http.StatusOK)
	gone := into[owners](p, p.do("GET", "/crm/v3/owners?archived=true", ""), http.StatusOK)
	if len(first.Results) != 1 || len(rest.Results) != 1 || rest.Paging.Next.After != "" || len(gone.Results) != 1 || gone.Results[0].ID != third {
		t.Errorf("got %+v %+v %+v", first, rest, gone)
	}
	one := into[struct{ Email string }](p, p.do("GET", "/crm/v3/owners/12?idProperty=userId", ""), http.StatusOK)
	if one.Email != first.Results[0].Email || p.do("GET", "/crm/v3/owners/12", "").status != 404 {
		t.Errorf("got %+v", one)
	}
}

func TestVersions(t *testing.T) {
	p := newPortal(t, func(o *hubspotsim.Options) { o.NoLegacy, o.Versions = true, []string{"2027-03"} })
	for path, want := range map[string]int{
		"/crm/objects/2027-03/companies": 200, "/crm/v3/objects/companies": 404, v9 + "/companies": 404,
		"/crm/v4/objects/contacts/1/associations/companies": 404, "/account-info/v3/details": 404,
	} {
		if a := p.do("GET", path, ""); a.status != want {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func TestSchema(t *testing.T) {
	sc, err := hubspotsim.ReadSchema(strings.NewReader(`
objects:
  labs:
    singular: lab
    type_id: 2-1001
    mandatory: [lab_name]
    properties:
      - {name: lab_name}
      - {name: level, type: enumeration, options: [a=Grade A, b]}
  companies:
    properties:
      - {name: qbench_id, unique: true}
      - {name: industry, label: Branch}
`))
	if err != nil {
		t.Fatal(err)
	}
	p := newPortal(t, func(o *hubspotsim.Options) { o.Schema = sc })
	lab := p.must("2-1001", "lab_name", "L", "level", "a")
	company := p.must("companies", "name", "A", "qbench_id", "1", "industry", "anything")
	p.ok(p.Associate("labs", lab, "companies", company))
	if got := p.Associations("companies", company, "labs"); len(got) != 1 || !json.Valid([]byte(got[0].ToID)) {
		t.Errorf("got %+v", got)
	}
	if _, err := p.Insert("labs", map[string]string{"level": "b"}); err == nil {
		t.Error("lab_name is mandatory")
	}
	for text, want := range map[string]string{
		"":                                 "empty",
		"objects: {labs: {nope: 1}}":       "line 1",
		"objects: {labs: {singular: lab}}": "type_id",
		"objects: {labs: {singular: company, type_id: 2-1}}":                         "taken",
		"objects: {companies: {properties: [{name: x, type: text}]}}":                "companies.x",
		"objects: {companies: {properties: [{name: hs_object_id}]}}":                 "store itself",
		"objects: {companies: {properties: [{name: name, unique: true}]}}":           "cannot change",
		"objects: {companies: {properties: [{name: Bad Name}, {name: y, type: z}]}}": "companies.y",
	} {
		sc, err := hubspotsim.ReadSchema(strings.NewReader(text))
		if err == nil {
			_, err = hubspotsim.New(hubspotsim.Options{Schema: sc})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestEditsByHand(t *testing.T) {
	p := newPortal(t)
	id := p.must("companies", "name", "A")
	p.clock.add(time.Second)
	p.ok(p.Touch("companies", id))
	if r := p.Record("companies", id); r["hs_lastmodifieddate"] != "2026-05-01T07:25:38.400Z" || r["createdate"] != "2026-05-01T07:25:37.400Z" || r["hs_object_source"] != "CRM_UI" {
		t.Errorf("got %v", r)
	}
	if p.Record("companies", "1") != nil || p.Record("things", id) != nil || !p.Archived("companies", "1") || p.Archived("companies", id) {
		t.Error("records that are not there")
	}
	for name, err := range map[string]error{
		"edit":    p.Edit("companies", "1", nil),
		"touch":   p.Touch("things", id),
		"merge":   p.Merge("companies", id, id),
		"restore": p.Restore("companies", id),
		"protect": p.ProtectProperty("companies", "nope", true),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	p.ok(p.Delete("companies", id))
	p.Purge()
	if p.Record("companies", id) != nil || p.Restore("companies", id) == nil {
		t.Error("purged")
	}
	if got := p.Objects(); !cmp.Equal(got, []string{"companies", "contacts", "deals", "tasks"}) {
		t.Errorf("got %v", got)
	}
	if got := p.Find("companies", "name", "A"); got != nil {
		t.Errorf("got %v", got)
	}
}
