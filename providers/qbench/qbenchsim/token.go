package qbenchsim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	jwtBearer  = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	maxJWTLife = time.Hour
)

type token struct {
	expires time.Time
	calls   int
}

// claims are the claims of the assertion; pointers, because a claim that is
// absent is another fault than one that is zero.
type claims struct {
	Sub string   `json:"sub"`
	Iat *float64 `json:"iat"`
	Exp *float64 `json:"exp"`
}

// serveToken exchanges a signed assertion for a bearer token. Every flaw of the
// assertion, a wrong clock among them, is a 400.
func (s *Sim) serveToken(w http.ResponseWriter, r *http.Request) {
	s.count("token")
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		oauthError(w, http.StatusBadRequest, "invalid_request", "the form cannot be read")
		return
	}
	if got := r.PostForm.Get("grant_type"); got != jwtBearer {
		oauthError(w, http.StatusBadRequest, "unsupported_grant_type", "grant_type must be "+jwtBearer)
		return
	}
	assertion := r.PostForm.Get("assertion")
	if assertion == "" {
		oauthError(w, http.StatusBadRequest, "invalid_request", "assertion is missing")
		return
	}
	o := s.options()
	if err := o.verify(assertion); err != nil {
		oauthError(w, http.StatusBadRequest, "invalid_grant", err.Error())
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": s.mint(o),
		"token_type":   "Bearer",
		"expires_in":   int(o.TokenLife / time.Second),
	})
}

func (s *Sim) mint(o Options) string {
	s.gate.Lock()
	defer s.gate.Unlock()
	s.minted++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", o.ClientSecret, s.minted))
	text := "qbs_" + base64.RawURLEncoding.EncodeToString(sum[:24])
	s.tokens[text] = &token{expires: o.Clock().Add(o.TokenLife)}
	return text
}

// ExpireTokens ends every token handed out so far.
func (s *Sim) ExpireTokens() {
	now := s.now()
	s.gate.Lock()
	defer s.gate.Unlock()
	for _, t := range s.tokens {
		t.expires = now
	}
}

// verify checks signature and claims of an HS256 assertion (RFC 7523).
func (o Options) verify(assertion string) error {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return fmt.Errorf("the assertion is not a JWT")
	}
	var header struct {
		Alg string `json:"alg"`
	}
	if err := decodePart(parts[0], &header); err != nil {
		return fmt.Errorf("read the JWT header: %w", err)
	}
	if header.Alg != "HS256" {
		return fmt.Errorf("alg must be HS256")
	}
	mac := hmac.New(sha256.New, []byte(o.ClientSecret))
	mac.Write([]byte(parts[0] + "." + parts[1]))
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !hmac.Equal(sig, mac.Sum(nil)) {
		return fmt.Errorf("the signature does not match")
	}
	var c claims
	if err := decodePart(parts[1], &c); err != nil {
		return fmt.Errorf("read the JWT claims: %w", err)
	}
	return o.check(c)
}

func (o Options) check(c claims) error {
	if c.Sub != o.ClientID {
		return fmt.Errorf("sub is not a known client")
	}
	if c.Iat == nil || c.Exp == nil {
		return fmt.Errorf("iat and exp are required")
	}
	iat, exp := unix(*c.Iat), unix(*c.Exp)
	now := o.Clock()
	switch {
	case iat.After(now.Add(o.Leeway)):
		return fmt.Errorf("iat is in the future")
	case !exp.After(now):
		return fmt.Errorf("the assertion has expired")
	case exp.Sub(iat) > maxJWTLife:
		return fmt.Errorf("exp is more than one hour after iat")
	case !exp.After(iat):
		return fmt.Errorf("exp is not after iat")
	}
	return nil
}

func unix(sec float64) time.Time {
	return time.Unix(0, 0).Add(time.Duration(sec * float64(time.Second)))
}

func decodePart(part string, into any) error {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// guard lets a call through when the limit allows it and its token is good.
func (s *Sim) guard(kind string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o := s.options()
		if wait := s.throttle(o); wait > 0 {
			s.count("throttled")
			refuseThrottled(w, o.RateLimit, wait)
			return
		}
		bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch s.admit(o, bearer) {
		case unknownToken:
			s.count("unauthorized")
			oauthError(w, http.StatusUnauthorized, "invalid_token", "the access token is missing or unknown")
			return
		case expiredToken:
			s.count("unauthorized")
			refuseExpired(w, o.Expired)
			return
		}
		s.count(kind)
		next(w, r)
	}
}

type admission uint8

const (
	goodToken admission = iota
	unknownToken
	expiredToken
)

func (s *Sim) admit(o Options, bearer string) admission {
	if o.Token != "" && hmac.Equal([]byte(bearer), []byte(o.Token)) {
		return goodToken
	}
	s.gate.Lock()
	defer s.gate.Unlock()
	t := s.tokens[bearer]
	switch {
	case t == nil:
		return unknownToken
	case !o.Clock().Before(t.expires), o.TokenCalls > 0 && t.calls >= o.TokenCalls:
		return expiredToken
	}
	t.calls++
	return goodToken
}

func refuseExpired(w http.ResponseWriter, as ExpiredAs) {
	if as == Expired400 {
		oauthError(w, http.StatusBadRequest, "invalid_grant", "the access token has expired")
		return
	}
	oauthError(w, http.StatusUnauthorized, "invalid_token", "the access token has expired")
}
