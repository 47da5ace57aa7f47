package oauth

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/rest"
)

// Rotation is a refresh token that may be replaced whenever it is used. The old
// one may be dead from then on, so a new one that cannot be stored is kept here
// and comes first at the next refresh: it may be the only one alive.
type Rotation struct {
	Load  func() (string, error) // the token as it is stored
	Store func(token string) error

	mu       sync.Mutex
	unstored string
	used     string // with the last form
	heir     string // what the endpoint gave in its place, or itself
	grant    string // the first token of the chain that the last form went on with
}

// Grant names the chain that the last used token is of: a token that took the
// place of the one before belongs to the same grant, one that somebody put there
// is another.
func (r *Rotation) Grant() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.grant
}

// Form returns what a token endpoint asks for with a refresh token. The secret
// may be nil where the app has none.
func (r *Rotation) Form(clientID string, secret func() (string, error)) (url.Values, error) {
	token, err := r.token()
	if err != nil {
		return nil, err
	}
	r.use(token)
	form, err := Form("refresh_token", clientID, secret)
	if err != nil {
		return nil, err
	}
	form.Set("refresh_token", token)
	return form, nil
}

func (r *Rotation) use(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.used = token; token != r.heir {
		r.grant, r.heir = token, token
	}
}

func (r *Rotation) token() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unstored != "" {
		return r.unstored, nil
	}
	t, err := r.Load()
	if err != nil {
		return "", fmt.Errorf("load the refresh token: %w", err)
	}
	return strings.TrimSpace(t), nil
}

// Accept makes a token of an answer, once the refresh token that it may hold is
// kept. The token is renewed ten minutes or a third of its life before it ends,
// whichever is less; one whose life was not told is renewed when it is refused.
//
// https://www.rfc-editor.org/rfc/rfc6749#section-5.1, last checked 2026-11-22.
func (r *Rotation) Accept(body []byte) (rest.Token, error) {
	var a struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		ExpiresIn    int64  `json:"expires_in"` // seconds
	}
	if err := json.Unmarshal(body, &a); err != nil || !Usable(a.AccessToken) {
		return rest.Token{}, NoToken()
	}
	if err := r.Keep(a.RefreshToken); err != nil {
		return rest.Token{}, err
	}
	out := rest.Token{Value: a.AccessToken}
	if a.ExpiresIn > 0 {
		life := time.Duration(min(a.ExpiresIn, 1<<31)) * time.Second
		out.Expires = time.Now().Add(life - min(10*time.Minute, life/3))
	}
	return out, nil
}

// Keep stores a refresh token that is not the one we have, and one that could
// not be stored before; an empty one means that ours goes on. It must be called
// before the access token that came with it is used, which is not to be used
// where Keep fails.
func (r *Rotation) Keep(renewed string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if renewed != "" {
		r.heir = renewed
		if known, err := r.Load(); err != nil || strings.TrimSpace(known) != renewed {
			r.unstored = renewed
		}
	}
	if r.unstored == "" {
		return nil
	}
	if err := r.Store(r.unstored); err != nil {
		e := providers.Errorf(providers.Denied, Op, "store the new refresh token: %w", err)
		e.Hint = "the old one may be dead: make the place writable before the daemon stops"
		return e
	}
	r.unstored = ""
	return nil
}
