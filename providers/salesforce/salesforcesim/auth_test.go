package salesforcesim_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"crmsyncd/providers/salesforce/salesforcesim"
)

// token asks the token endpoint; pairs are form keys and values.
func (o *org) token(pairs ...string) (status int, m map[string]any) {
	o.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	old := o.header
	defer func() { o.header = old }()
	o.header = old.Clone()
	o.header.Del("Authorization")
	o.header.Set("Content-Type", "application/x-www-form-urlencoded")
	a := o.do("POST", "/services/oauth2/token", form.Encode())
	m, _ = o.decode(a).(map[string]any)
	return a.status, m
}

// as makes further calls carry the token of a token answer.
func (o *org) as(m map[string]any) {
	o.header.Set("Authorization", "Bearer "+fmt.Sprint(m["access_token"]))
}

func withApp(o *salesforcesim.Options) {
	o.Token, o.ClientID, o.ClientSecret, o.RefreshToken = "", "CID", "SEC", "REF"
	o.Username, o.Password = "u@acme.test", "pwTOK"
}

func TestTokenAnswers(t *testing.T) {
	o := newOrg(t, withApp)
	status, m := o.token("grant_type", "client_credentials", "client_id", "CID", "client_secret", "SEC")
	if status != 200 || m["token_type"] != "Bearer" || m["instance_url"] != host || m["issued_at"] != "1777620337400" || m["expires_in"] != nil || m["refresh_token"] != nil {
		t.Fatalf("got %d %v", status, m)
	}
	o.as(m)
	if a := o.do("GET", v62+"/limits", ""); a.status != 200 {
		t.Errorf("the token does not work: %s", a.body)
	}
	idURL := fmt.Sprint(m["id"])
	if idURL != host+"/id/"+o.OrgID()+"/0058d0000000001AAA" {
		t.Errorf("id %s", idURL)
	}
	for _, path := range []string{strings.TrimPrefix(idURL, host), "/services/oauth2/userinfo"} {
		who, _ := o.decode(o.do("GET", path, "")).(map[string]any)
		if who["organization_id"] != o.OrgID() || who["user_id"] != "0058d0000000001AAA" || who["preferred_username"] != "u@acme.test" {
			t.Errorf("%s: %v", path, who)
		}
	}
}

func TestTokenFlows(t *testing.T) {
	tests := []struct {
		name  string
		pairs []string
		want  string // the error; "" is success
	}{
		{"client credentials", []string{"grant_type", "client_credentials", "client_id", "CID", "client_secret", "SEC"}, ""},
		{"unknown app", []string{"grant_type", "client_credentials", "client_id", "XXX", "client_secret", "SEC"}, "invalid_client_id"},
		{"wrong secret", []string{"grant_type", "client_credentials", "client_id", "CID", "client_secret", "XXX"}, "invalid_client"},
		{"no secret", []string{"grant_type", "client_credentials", "client_id", "CID"}, "invalid_client"},
		{"password", []string{"grant_type", "password", "client_id", "CID", "client_secret", "SEC", "username", "U@acme.test", "password", "pwTOK"}, ""},
		{"wrong password", []string{"grant_type", "password", "client_id", "CID", "client_secret", "SEC", "username", "u@acme.test", "password", "pw"}, "invalid_grant"},
		{"refresh", []string{"grant_type", "refresh_token", "client_id", "CID", "client_secret", "SEC", "refresh_token", "REF"}, ""},
		{"refresh without secret", []string{"grant_type", "refresh_token", "client_id", "CID", "refresh_token", "REF"}, ""},
		{"refresh with wrong secret", []string{"grant_type", "refresh_token", "client_id", "CID", "client_secret", "X", "refresh_token", "REF"}, "invalid_client"},
		{"unknown refresh token", []string{"grant_type", "refresh_token", "client_id", "CID", "refresh_token", "XXX"}, "invalid_grant"},
		{"no refresh token", []string{"grant_type", "refresh_token", "client_id", "CID"}, "invalid_grant"},
		{"other grant", []string{"grant_type", "authorization_code"}, "unsupported_grant_type"},
		{"no grant", nil, "unsupported_grant_type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOrg(t, withApp)
			status, m := o.token(tt.pairs...)
			if tt.want == "" {
				o.as(m)
				if a := o.do("GET", v62+"/limits", ""); status != 200 || a.status != 200 {
					t.Errorf("got %d %v, then %d", status, m, a.status)
				}
				return
			}
			if status != 400 || m["error"] != tt.want || m["error_description"] == nil {
				t.Errorf("got %d %v, want %s", status, m, tt.want)
			}
		})
	}
}

func TestClientCredentialsByBasicAuth(t *testing.T) {
	o := newOrg(t, withApp)
	o.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("CID:SEC")))
	o.header.Set("Content-Type", "application/x-www-form-urlencoded")
	if a := o.do("POST", "/services/oauth2/token", "grant_type=client_credentials"); a.status != 200 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := o.do("GET", "/services/oauth2/token", ""); a.status != 405 {
		t.Errorf("GET: %d", a.status)
	}
}

func TestRefreshTokenRotation(t *testing.T) {
	o := newOrg(t, withApp, func(o *salesforcesim.Options) { o.RotateRefreshTokens = true })
	refresh := func(token string) (string, any) {
		_, m := o.token("grant_type", "refresh_token", "client_id", "CID", "refresh_token", token)
		next, _ := m["refresh_token"].(string)
		return next, m["error"]
	}
	next, err := refresh("REF")
	if next == "" || next == "REF" || err != nil {
		t.Fatalf("first refresh: %q %v", next, err)
	}
	if _, err := refresh("REF"); err != "invalid_grant" {
		t.Errorf("the old token still works: %v", err)
	}
	if again, err := refresh(next); again == "" || again == next || err != nil {
		t.Errorf("second refresh: %q %v", again, err)
	}
}

func TestJWTBearer(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(k *rsa.PrivateKey, head, claims string) string {
		text := base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
		sum := sha256.Sum256([]byte(text))
		sig, err := rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return text + "." + base64.RawURLEncoding.EncodeToString(sig)
	}
	const rs256 = `{"alg":"RS256"}`
	now := time.Date(2026, 5, 1, 7, 25, 37, 0, time.UTC).Unix()
	claims := func(iss, sub, aud string, exp int64) string {
		return fmt.Sprintf(`{"iss":%q,"sub":%q,"aud":%s,"exp":%d}`, iss, sub, aud, exp)
	}
	login := `"https://login.salesforce.com"`
	good := claims("CID", "u@acme.test", login, now+180)
	tests := []struct {
		name, assertion, wantError, wantText string
	}{
		{"good", sign(key, rs256, good), "", ""},
		{"own host in a list", sign(key, rs256, claims("CID", "u@acme.test", `["`+host+`"]`, now+180)), "", ""},
		{"other key", sign(other, rs256, good), "invalid_grant", "invalid assertion"},
		{"no signature", strings.TrimRight(sign(key, `{"alg":"none"}`, good), "."), "invalid_grant", "invalid assertion"},
		{"not a JWT", "aaa.bbb.ccc", "invalid_grant", "invalid assertion"},
		{"empty", "", "invalid_grant", "invalid assertion"},
		{"other app", sign(key, rs256, claims("X", "u@acme.test", login, now+180)), "invalid_client_id", ""},
		{"other audience", sign(key, rs256, claims("CID", "u@acme.test", `"https://evil.test"`, now+180)), "invalid_grant", "audience is invalid"},
		{"ended", sign(key, rs256, claims("CID", "u@acme.test", login, now)), "invalid_grant", "expired"},
		{"other user", sign(key, rs256, claims("CID", "x@acme.test", login, now+180)), "invalid_grant", "user hasn't approved this consumer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOrg(t, withApp, func(o *salesforcesim.Options) { o.JWTKey = &key.PublicKey })
			_, m := o.token("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion", tt.assertion)
			got, _ := m["error"].(string)
			text, _ := m["error_description"].(string)
			if got != tt.wantError || !strings.Contains(text, tt.wantText) || (got == "" && m["access_token"] == nil) {
				t.Errorf("got %v", m)
			}
		})
	}
}

func TestExpiry(t *testing.T) {
	o := newOrg(t, withApp, func(o *salesforcesim.Options) { o.SessionTTL = time.Hour })
	login := func() {
		t.Helper()
		status, m := o.token("grant_type", "client_credentials", "client_id", "CID", "client_secret", "SEC")
		if status != 200 {
			t.Fatalf("got %d %v", status, m)
		}
		o.as(m)
	}
	status := func() int {
		a := o.do("GET", v62+"/limits", "")
		if a.status == 401 && a.body != `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]` {
			t.Errorf("got %s", a.body)
		}
		return a.status
	}
	want := func(what string, want int) {
		t.Helper()
		if got := status(); got != want {
			t.Errorf("%s: got %d, want %d", what, got, want)
		}
	}
	want("no login", 401)
	login()
	want("new", 200)
	o.clock.add(59 * time.Minute)
	want("in time", 200)
	o.clock.add(2 * time.Minute)
	want("too late", 401)
	login()
	o.ExpireTokens()
	want("ended", 401)
	o.ExpireTokensAfter(2)
	login()
	want("first call", 200)
	want("second call", 200)
	want("third call", 401)
	o.ExpireTokensAfter(-1)
	login()
	o.RefuseSessions(1)
	want("refused once", 401)
	want("then again", 200)
	o.RefuseSessions(-1)
	want("refused always", 401)
	login()
	want("refused always, new token", 401)
	o.RefuseSessions(0)
	want("over", 200)
	o.header.Set("Content-Type", "application/x-www-form-urlencoded")
	if a := o.do("POST", "/services/oauth2/revoke", "token="+url.QueryEscape(strings.TrimPrefix(o.header.Get("Authorization"), "Bearer "))); a.status != 200 {
		t.Errorf("revoke: %d %s", a.status, a.body)
	}
	o.header.Del("Content-Type")
	want("revoked", 401)
}

func TestFixedTokenOutlivesExpiry(t *testing.T) {
	o := newOrg(t)
	o.ExpireTokens()
	if a := o.do("GET", v62+"/limits", ""); a.status != 200 {
		t.Errorf("got %d", a.status)
	}
	o.header.Del("Authorization")
	if a := o.do("GET", v62+"/limits", ""); a.status != 401 {
		t.Errorf("without a token: %d", a.status)
	}
	if a := o.do("GET", "/services/data", ""); a.status != 200 || !strings.Contains(a.body, `{"label":"Spring '26","url":"/services/data/v66.0","version":"66.0"}`) {
		t.Errorf("the version list needs no token: %d %s", a.status, a.body)
	}
}

func TestLocatorDiesWithItsSession(t *testing.T) {
	o := newOrg(t, func(o *salesforcesim.Options) { o.PageSize = 1 })
	for range 3 {
		o.must("Account", map[string]string{"Name": "x"})
	}
	login := func() {
		_, m := o.token("grant_type", "client_credentials", "client_id", "CID", "client_secret", "SEC")
		o.as(m)
	}
	login()
	m, _ := o.decode(o.do("GET", v62+"/query?q=SELECT+Id+FROM+Account", "")).(map[string]any)
	next := fmt.Sprint(m["nextRecordsUrl"])
	if a := o.do("GET", next, ""); a.status != 200 {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	login()
	if a := o.do("GET", next, ""); a.status != 400 || o.code(a) != "INVALID_QUERY_LOCATOR" {
		t.Errorf("in another session: %d %s", a.status, a.body)
	}
	for _, path := range []string{"/query/0r8nonsense", "/query/0r8nonsense-1", "/query/-1"} {
		if a := o.do("GET", v62+path, ""); o.code(a) != "INVALID_QUERY_LOCATOR" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

func TestSOAPLogin(t *testing.T) {
	o := newOrg(t, withApp)
	envelope := `<?xml version="1.0"?><se:Envelope xmlns:se="http://schemas.xmlsoap.org/soap/envelope/"><se:Header/><se:Body><login xmlns="urn:partner.soap.sforce.com"><username>u@acme.test</username><password>PW</password></login></se:Body></se:Envelope>`
	if a := o.do("POST", "/services/Soap/u/50.0", strings.Replace(envelope, "PW", "pwTOK", 1)); a.status != 200 || !strings.Contains(a.body, "<sessionId>00D") {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := o.do("POST", "/services/Soap/u/50.0", strings.Replace(envelope, "PW", "no", 1)); a.status != 500 || !strings.Contains(a.body, "INVALID_LOGIN") {
		t.Errorf("got %d %s", a.status, a.body)
	}
}
