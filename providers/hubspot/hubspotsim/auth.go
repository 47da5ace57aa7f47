package hubspotsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// keyGrace is how long a service key lives after it was rotated "later".
const keyGrace = 7 * 24 * time.Hour

// auth holds the portal's keys and tokens.
type auth struct {
	opt *Options

	mu      sync.Mutex
	keys    map[string]time.Time // static tokens and when they end; zero is never
	tokens  map[string]time.Time // OAuth access tokens and when they end
	refresh map[string]bool      // refresh tokens: true is good, false is revoked
	issued  int
}

func newAuth(opt *Options) *auth {
	a := &auth{opt: opt, keys: map[string]time.Time{}, tokens: map[string]time.Time{}, refresh: map[string]bool{}}
	if opt.Token != "" {
		a.keys[opt.Token] = time.Time{}
	}
	if opt.RefreshToken != "" {
		a.refresh[opt.RefreshToken] = true
	}
	return a
}

// open tells whether any token does.
func (a *auth) open() bool { return a.opt.Token == "" && a.opt.RefreshToken == "" }

// check admits a call, and tells whether it comes with an OAuth token.
func (a *auth) check(r *http.Request) (oauth bool, err *Error) {
	token := credential(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	if token == "" {
		return false, unauthorized()
	}
	now := a.opt.Clock()
	if until, ok := a.keys[token]; ok && (until.IsZero() || now.Before(until)) {
		return false, nil
	}
	until, ok := a.tokens[token]
	switch {
	case ok && !now.Before(until):
		return false, &Error{
			Status: http.StatusUnauthorized, Category: "EXPIRED_AUTHENTICATION",
			Message: fmt.Sprintf("The OAuth token used to make this call expired %d second(s) ago.", int(now.Sub(until).Seconds())),
		}
	case ok:
		return true, nil
	case a.open():
		return false, nil
	}
	return false, unauthorized()
}

// credential is the bearer token that a call presents.
func credential(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return token
}

func unauthorized() *Error {
	return &Error{
		Status: http.StatusUnauthorized, Category: "INVALID_AUTHENTICATION",
		Message: "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
	}
}

// oauthError is the body of a token request that was refused.
type oauthError struct {
	Status           string `json:"status"`
	Message          string `json:"message"`
	Error            string `json:"error"`
	ErrorDescription string `json:"error_description"`
}

func refuseToken(w http.ResponseWriter, status, message, code string) {
	sendJSON(w, http.StatusBadRequest, oauthError{status, message, code, message})
}

// serveOAuth serves what is below /oauth/{version}.
func (s *Sim) serveOAuth(w http.ResponseWriter, r *http.Request, version string, path []string) {
	s.calls.count(CallToken, "")
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		refuseToken(w, "BAD_REQUEST", "the form cannot be read", "invalid_request")
		return
	}
	form := r.PostForm
	if version == "v1" {
		form = r.Form // v1 alone takes parameters of the query too
	}
	verb := r.Method + " " + path[0]
	if len(path) > 1 {
		if version != "v1" || len(path) > 2 {
			s.fail(w, notFound())
			return
		}
		verb += "/"
	}
	switch verb {
	case "POST token":
		s.serveToken(w, form.Get)
	case "POST introspect":
		s.introspect(w, form.Get("token"))
	case "POST revoke":
		s.RevokeRefreshToken(form.Get("token"))
		w.WriteHeader(http.StatusOK)
	case "GET access-tokens/":
		s.introspect(w, path[1])
	case "DELETE refresh-tokens/":
		s.RevokeRefreshToken(path[1])
		w.WriteHeader(http.StatusNoContent)
	default:
		s.fail(w, notFound())
	}
}

func (s *Sim) serveToken(w http.ResponseWriter, get func(string) string) {
	switch {
	case s.opt.ClientID != "" && get("client_id") != s.opt.ClientID:
		refuseToken(w, "BAD_CLIENT_ID", "missing or unknown client id", "invalid_client")
		return
	case s.opt.ClientSecret != "" && get("client_secret") != s.opt.ClientSecret:
		refuseToken(w, "BAD_CLIENT_SECRET", "missing or invalid client secret", "invalid_client")
		return
	}
	a := s.auth
	a.mu.Lock()
	defer a.mu.Unlock()
	refresh, refusal := a.grant(get)
	if refusal != nil {
		sendJSON(w, http.StatusBadRequest, refusal)
		return
	}
	answer := map[string]any{
		"token_type": "bearer", "access_token": a.issue(), "expires_in": int(a.opt.TokenTTL.Seconds()),
		"hub_id": s.store.portal.Load(), "scopes": []string{"oauth"},
	}
	if refresh != "" {
		answer["refresh_token"] = refresh
	}
	sendJSON(w, http.StatusOK, answer)
}

// grant checks what a client offers for a token, and returns the refresh token
// that comes with it. The lock is held.
func (a *auth) grant(get func(string) string) (refresh string, refusal *oauthError) {
	refuse := func(status, message, code string) (string, *oauthError) {
		return "", &oauthError{status, message, code, message}
	}
	switch get("grant_type") {
	case "refresh_token":
		refresh = get("refresh_token")
		good, known := a.refresh[refresh]
		if refresh == "" || (known && !good) || (!known && a.opt.RefreshToken != "") {
			return refuse("BAD_REFRESH_TOKEN", "missing or invalid refresh token", "invalid_grant")
		}
	case "authorization_code":
		if get("code") == "" {
			return refuse("BAD_AUTH_CODE", "missing or unknown auth code", "invalid_grant")
		}
		a.issued++
		refresh = fmt.Sprintf("refresh-%d", a.issued)
		a.refresh[refresh] = true
	case "client_credentials":
	default:
		return refuse("BAD_GRANT_TYPE", "missing or unknown grant type", "unsupported_grant_type")
	}
	return refresh, nil
}

// issue makes an access token as long as real ones.
func (a *auth) issue() string {
	a.issued++
	token := fmt.Sprintf("oauth-%d-%s", a.issued, strings.Repeat("x", 300))
	a.tokens[token] = a.opt.Clock().Add(a.opt.TokenTTL)
	return token
}

func (s *Sim) introspect(w http.ResponseWriter, token string) {
	s.auth.mu.Lock()
	until, ok := s.auth.tokens[token]
	s.auth.mu.Unlock()
	left := int(until.Sub(s.opt.Clock()).Seconds())
	if !ok {
		s.fail(w, &Error{Status: http.StatusNotFound, Message: "token is unknown"})
		return
	}
	sendJSON(w, http.StatusOK, map[string]any{
		"active": left > 0, "token": token, "hub_id": s.store.portal.Load(), "app_id": s.opt.AppID, "expires_in": left, "user_id": 12,
		"token_type": "access", "scopes": []string{"oauth"}, "hub_domain": "acme.test", "user": "jo.doe@acme.test",
		"scope_to_scope_group_pks": []int{}, "trial_scopes": []string{}, "trial_scope_to_scope_group_pks": []int{},
	})
}

// RotateToken replaces the service key. The old key ends at once with now,
// else in seven days.
func (s *Sim) RotateToken(token string, now bool) {
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	end := s.opt.Clock()
	if !now {
		end = end.Add(keyGrace)
	}
	for k, until := range s.auth.keys {
		if until.IsZero() || until.After(end) {
			s.auth.keys[k] = end
		}
	}
	s.opt.Token = token
	s.auth.keys[token] = time.Time{}
}

// ExpireTokens ends all OAuth access tokens.
func (s *Sim) ExpireTokens() {
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	for k := range s.auth.tokens {
		s.auth.tokens[k] = s.opt.Clock()
	}
}

// RevokeRefreshToken makes a refresh token die, as an uninstall does; an empty
// one means that of the Options. Access tokens live on until they expire.
func (s *Sim) RevokeRefreshToken(token string) {
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	if token == "" {
		token = s.opt.RefreshToken
	}
	s.auth.refresh[token] = false
}

func sendJSON(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		status, raw = http.StatusInternalServerError, []byte(`{"status":"error","message":"internal error"}`)
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}
