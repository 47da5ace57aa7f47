package closeiosim

import (
	"crypto/subtle"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// auth holds the credentials in force.
// https://developer.close.com/api/overview/oauth-authentication (last checked 2026-11-22)
type auth struct {
	opt Options

	mu      sync.Mutex
	made    uint64
	access  map[string]time.Time // to its end
	refresh string
}

func newAuth(o Options) *auth {
	return &auth{opt: o, access: map[string]time.Time{}, refresh: o.RefreshToken}
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// admits tells whether the request's credentials are good: an API key as the
// user name of Basic authorization with an empty password, or a bearer token.
func (a *auth) admits(r *http.Request) (byKey, ok bool) {
	if user, password, basic := r.BasicAuth(); basic {
		return true, password == "" && same(user, a.opt.APIKey)
	}
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer || token == "" {
		return false, false
	}
	if a.opt.Token != "" && same(token, a.opt.Token) {
		return false, true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	end, known := a.access[token]
	return false, known && a.opt.Clock().Before(end)
}

// credential is the key or token that a call presents.
func credential(r *http.Request) string {
	if user, _, basic := r.BasicAuth(); basic {
		return user
	}
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// ExpireTokens ends every access token of OAuth at once.
func (s *Sim) ExpireTokens() {
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	clear(s.auth.access)
}

// RefreshToken is the refresh token in force.
func (s *Sim) RefreshToken() string {
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	return s.auth.refresh
}

// serveToken exchanges a refresh token, or any authorization code, for an access token.
func (s *Sim) serveToken(w http.ResponseWriter, r *http.Request) {
	s.count("token")
	a := s.auth
	if r.Method != http.MethodPost {
		send(w, http.StatusMethodNotAllowed, errorBody("Method not allowed"))
		return
	}
	if err := r.ParseForm(); err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		send(w, http.StatusBadRequest, []byte(`{"error":"invalid_request"}`))
		return
	}
	f := r.PostForm
	if !same(f.Get("client_id"), a.opt.ClientID) || !same(f.Get("client_secret"), a.opt.ClientSecret) {
		send(w, http.StatusUnauthorized, []byte(`{"error":"invalid_client"}`))
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch f.Get("grant_type") {
	case "refresh_token":
		if !same(f.Get("refresh_token"), a.refresh) {
			send(w, http.StatusBadRequest, []byte(`{"error":"invalid_grant"}`))
			return
		}
	case "authorization_code":
		if f.Get("code") == "" {
			send(w, http.StatusBadRequest, []byte(`{"error":"invalid_grant"}`))
			return
		}
	default:
		send(w, http.StatusBadRequest, []byte(`{"error":"unsupported_grant_type"}`))
		return
	}
	a.made++
	token := "sim-access-" + strconv.FormatUint(a.made, 10)
	a.access[token] = a.opt.Clock().Add(a.opt.TokenLife)
	if a.opt.RotateRefreshTokens {
		a.refresh = "sim-refresh-" + strconv.FormatUint(a.made, 10)
	}
	send(w, http.StatusOK, encode(map[string]any{
		"access_token": token, "token_type": "Bearer", "expires_in": int(a.opt.TokenLife / time.Second),
		"refresh_token": a.refresh, "scope": "all.full_access offline_access",
		"user_id": s.store.me.id, "organization_id": s.OrganizationID(),
	}))
}
