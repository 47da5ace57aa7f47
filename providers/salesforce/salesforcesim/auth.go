package salesforcesim

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// auth holds the org's sessions.
type auth struct {
	opt *Options
	org func() string // the id of the organization

	mu         sync.Mutex
	sessions   map[string]*session
	refresh    map[string]bool // refresh tokens: true is good, false is spent
	issued     int
	callsLeft  int // of each new token; -1 is without end
	refuseData int // data calls to refuse with 401 whatever their token; -1 is all
}

type session struct {
	until     time.Time
	callsLeft int
}

func newAuth(s *Sim) *auth {
	a := &auth{opt: &s.opt, org: s.OrgID, sessions: map[string]*session{}, refresh: map[string]bool{}, callsLeft: -1}
	if s.opt.RefreshToken != "" {
		a.refresh[s.opt.RefreshToken] = true
	}
	return a
}

func expired() *Error {
	return errorf(http.StatusUnauthorized, "INVALID_SESSION_ID", "Session expired or invalid")
}

// check admits a data call and returns the name of its session.
func (a *auth) check(r *http.Request) (string, *Error) {
	token := bearer(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refuseData != 0 {
		a.refuseData = max(a.refuseData-1, -1)
		return "", expired()
	}
	if token != "" && token == a.opt.Token {
		return token, nil
	}
	s := a.sessions[token]
	if s == nil {
		return "", expired()
	}
	if s.callsLeft == 0 || (!s.until.IsZero() && !a.opt.Clock().Before(s.until)) {
		delete(a.sessions, token)
		return "", expired()
	}
	if s.callsLeft > 0 {
		s.callsLeft--
	}
	return token, nil
}

// bearer reads the token from the header, in its two schemes, or from the query.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "OAuth") {
		return strings.TrimSpace(token)
	}
	return r.URL.Query().Get("oauth_token")
}

// open starts a session and returns its token. Locked.
func (a *auth) open() string {
	a.issued++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", a.org(), a.issued))
	token := a.org()[:15] + "!AQ" + base64.RawURLEncoding.EncodeToString(sum[:])
	s := &session{callsLeft: a.callsLeft}
	if a.opt.SessionTTL > 0 {
		s.until = a.opt.Clock().Add(a.opt.SessionTTL)
	}
	a.sessions[token] = s
	return token
}

// ExpireTokens ends every session at once, and with them their query locators.
// The fixed Token goes on.
func (s *Sim) ExpireTokens() {
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	clear(s.auth.sessions)
}

// ExpireTokensAfter lets each token given from now on live for that many calls; a
// negative number lifts the limit.
func (s *Sim) ExpireTokensAfter(calls int) {
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	s.auth.callsLeft = max(calls, -1)
}

// RefuseSessions answers the next n data calls with 401 whatever their token; a
// negative n answers all so, until it is called with 0.
func (s *Sim) RefuseSessions(n int) {
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	s.auth.refuseData = max(n, -1)
}

func (s *Sim) serveAuth(w http.ResponseWriter, r *http.Request, path []string) {
	if len(path) != 1 {
		reply(w, http.StatusNotFound, notFound(), 0)
		return
	}
	switch path[0] {
	case "token":
		s.calls.count(CallToken, "")
		s.serveToken(w, r)
	case "revoke":
		s.calls.count(CallRevoke, "")
		s.revoke(w, r)
	case "userinfo":
		s.serveIdentity(w, r)
	case "introspect":
		s.introspect(w, r)
	default:
		reply(w, http.StatusNotFound, notFound(), 0)
	}
}

// refusal is an error of the token endpoint: an object, not an array.
type refusal struct{ code, text string }

func (e *refusal) send(w http.ResponseWriter) {
	b := append([]byte(`{"error":`), quote(nil, e.code)...)
	b = append(append(b, `,"error_description":`...), quote(nil, e.text)...)
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write(append(b, '}'))
}

func (s *Sim) serveToken(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		reply(w, http.StatusMethodNotAllowed, errorf(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "must use HTTP POST"), 0)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		(&refusal{"invalid_request", "the form cannot be read"}).send(w)
		return
	}
	newRefresh, no := s.auth.grant(r, s.baseURL(r))
	if no != nil {
		no.send(w)
		return
	}
	s.auth.mu.Lock()
	token := s.auth.open()
	s.auth.mu.Unlock()
	issued := strconv.FormatInt(s.opt.Clock().UnixMilli(), 10)
	sig := sha256.Sum256([]byte(token + issued))
	b := append([]byte(`{"access_token":`), quote(nil, token)...)
	if newRefresh != "" {
		b = append(append(b, `,"refresh_token":`...), quote(nil, newRefresh)...)
	}
	b = append(append(b, `,"signature":`...), quote(nil, base64.StdEncoding.EncodeToString(sig[:]))...)
	b = append(append(b, `,"scope":"api","instance_url":`...), quote(nil, s.baseURL(r))...)
	b = append(append(b, `,"id":`...), quote(nil, s.identityURL(r))...)
	b = append(b, `,"token_type":"Bearer","issued_at":"`+issued+`"}`...)
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Cache-Control", "no-cache, no-store")
	_, _ = w.Write(b)
}

// grant checks one of the four flows; newRefresh is the token that replaces a
// rotated one.
func (a *auth) grant(r *http.Request, base string) (newRefresh string, no *refusal) {
	kind := r.PostForm.Get("grant_type")
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, pass, ok := r.BasicAuth(); ok && id == "" {
		id, secret = user, pass
	}
	switch kind {
	case "client_credentials", "password", "refresh_token":
		if no := a.checkClient(id, secret, kind != "refresh_token"); no != nil {
			return "", no
		}
	}
	switch kind {
	case "client_credentials":
		return "", nil
	case "password":
		if (a.opt.Username != "" && !strings.EqualFold(a.opt.Username, r.PostForm.Get("username"))) ||
			(a.opt.Password != "" && a.opt.Password != r.PostForm.Get("password")) {
			return "", &refusal{"invalid_grant", "authentication failure"}
		}
		return "", nil
	case "refresh_token":
		return a.rotate(r.PostForm.Get("refresh_token"))
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		return "", a.checkAssertion(r.PostForm.Get("assertion"), base)
	}
	return "", &refusal{"unsupported_grant_type", "grant type not supported"}
}

func (a *auth) checkClient(id, secret string, needSecret bool) *refusal {
	switch {
	case id == "" || (a.opt.ClientID != "" && id != a.opt.ClientID):
		return &refusal{"invalid_client_id", "client identifier invalid"}
	case secret == "" && !needSecret:
		return nil
	case secret == "" || (a.opt.ClientID != "" && secret != a.opt.ClientSecret):
		return &refusal{"invalid_client", "invalid client credentials"}
	}
	return nil
}

func (a *auth) rotate(token string) (newRefresh string, no *refusal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	good, known := a.refresh[token]
	if token == "" || (known && !good) || (!known && a.opt.RefreshToken != "") {
		return "", &refusal{"invalid_grant", "expired access/refresh token"}
	}
	if !a.opt.RotateRefreshTokens {
		return "", nil
	}
	a.refresh[token] = false
	sum := sha256.Sum256(fmt.Appendf(nil, "refresh %s %d %s", a.org(), a.issued, token))
	newRefresh = "5Aep861" + base64.RawURLEncoding.EncodeToString(sum[:])
	a.refresh[newRefresh] = true
	return newRefresh, nil
}

// claims are what a JWT bearer assertion claims.
type claims struct {
	Iss string          `json:"iss"`
	Sub string          `json:"sub"`
	Aud json.RawMessage `json:"aud"`
	Exp float64         `json:"exp"`
}

// checkAssertion checks a JWT bearer assertion: RS256, issuer, audience, end.
func (a *auth) checkAssertion(jwt, base string) *refusal {
	invalid := func(text string) *refusal { return &refusal{"invalid_grant", text} }
	claims, ok := readAssertion(jwt, a.opt.JWTKey)
	switch {
	case !ok:
		return invalid("invalid assertion")
	case claims.Iss == "" || (a.opt.ClientID != "" && claims.Iss != a.opt.ClientID):
		return &refusal{"invalid_client_id", "client identifier invalid"}
	case !goodAudience(claims.Aud, base):
		return invalid("audience is invalid")
	case claims.Exp <= float64(a.opt.Clock().Unix()):
		return invalid("expired authorization code")
	case claims.Sub == "" || (a.opt.Username != "" && !strings.EqualFold(claims.Sub, a.opt.Username)):
		return invalid("user hasn't approved this consumer")
	}
	return nil
}

// readAssertion takes a JWT apart and verifies its signature, if there is a key.
func readAssertion(jwt string, key *rsa.PublicKey) (c claims, ok bool) {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return c, false
	}
	var head struct {
		Alg string `json:"alg"`
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || decodePart(parts[0], &head) != nil || decodePart(parts[1], &c) != nil || head.Alg != "RS256" {
		return c, false
	}
	if key == nil {
		return c, true
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return c, rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig) == nil
}

func decodePart(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return fmt.Errorf("decode a part of the assertion: %w", err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("decode a part of the assertion: %w", err)
	}
	return nil
}

// goodAudience takes one audience or a list of them.
func goodAudience(raw json.RawMessage, base string) bool {
	var list []string
	var one string
	if json.Unmarshal(raw, &one) == nil {
		list = []string{one}
	} else if json.Unmarshal(raw, &list) != nil {
		return false
	}
	for _, aud := range list {
		switch strings.TrimSuffix(aud, "/") {
		case "https://login.salesforce.com", "https://test.salesforce.com", base:
			return true
		}
	}
	return false
}
