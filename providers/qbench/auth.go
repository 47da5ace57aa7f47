package qbench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/rest"
)

// The token exchange is the same in four third-party clients: an HS256 JWT that
// lives at most an hour, for a bearer token. There is no refresh token.
const (
	tokenPath     = "/qbench/oauth2/v1/token"
	jwtBearer     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	assertionLife = 55 * time.Minute
	// renewAt is the part of a token's life after which a new one is fetched, so
	// that none expires under way.
	renewAt = 0.8
	// clockGrain is how exact a Date header is, and more.
	clockGrain = 2 * time.Second
)

// fetchToken exchanges a fresh assertion for a token. When it is refused and the
// server's clock is not ours, it tries once more by the server's clock.
func (c *Client) fetchToken(ctx context.Context) (rest.Token, error) {
	tok, resp, err := c.exchange(ctx)
	if err == nil || resp == nil || resp.Status != http.StatusBadRequest {
		return tok, err
	}
	skew, ok := clockSkew(resp.Header, time.Now())
	if !ok || (skew-c.skew).Abs() < clockGrain {
		return tok, err
	}
	c.skew = skew
	tok, _, err = c.exchange(ctx)
	return tok, err
}

func clockSkew(h http.Header, now time.Time) (time.Duration, bool) {
	server, err := http.ParseTime(h.Get("Date"))
	return server.Sub(now), err == nil
}

func (c *Client) exchange(ctx context.Context) (rest.Token, *rest.Response, error) {
	const op = "fetch a QBench token"
	secret, err := c.cfg.Secret()
	if err == nil && secret == "" {
		err = fmt.Errorf("it is empty")
	}
	if err != nil {
		return rest.Token{}, nil, providers.Errorf(providers.Denied, op, "read the client secret: %w", err)
	}
	c.rest.Words().Learn(secret)
	assertion, err := c.sign(secret)
	if err != nil {
		return rest.Token{}, nil, providers.Errorf(providers.Denied, op, "sign the assertion: %w", err)
	}
	resp, err := c.rest.Do(ctx, rest.Request{
		Kind: "token", Method: http.MethodPost, Path: tokenPath, Type: "application/x-www-form-urlencoded",
		Body:       []byte(url.Values{"grant_type": {jwtBearer}, "assertion": {assertion}}.Encode()),
		Idempotent: true, NoAuth: true,
	})
	if err != nil {
		return rest.Token{}, nil, c.failure(op, nil, err)
	}
	if resp.Status != http.StatusOK {
		return rest.Token{}, resp, c.refusedExchange(op, resp)
	}
	tok, err := readToken(resp.Body)
	if err != nil {
		return rest.Token{}, resp, c.unreadable(op, resp, err)
	}
	return tok, resp, nil
}

func (c *Client) sign(secret string) (string, error) {
	now := time.Now().Add(c.skew)
	claims := jwt.MapClaims{"sub": c.cfg.ClientID, "iat": now.Unix(), "exp": now.Add(assertionLife).Unix()}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret)) // the caller says what it does
}

// refusedExchange is failure for the token endpoint, where a 400 is about the
// credential.
func (c *Client) refusedExchange(op string, resp *rest.Response) error {
	said := readError(resp.Body)
	e := &providers.Error{
		Op: op, Kind: kindOfStatus(resp.Status, said),
		Message: fmt.Sprintf("status %d, %s %s", resp.Status, said.Error, said.Description), RetryAfter: resp.Signal.RetryAfter,
	}
	if resp.Status == http.StatusBadRequest {
		e.Kind = providers.Denied
	}
	if e.Kind == providers.Denied {
		e.Hint = "check client_id, the client secret and this machine's clock"
	}
	return c.rest.Words().Error(e)
}

func readToken(body []byte) (rest.Token, error) {
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	// The decoder's own words may quote the answer.
	if json.Unmarshal(body, &answer) != nil || answer.AccessToken == "" {
		return rest.Token{}, fmt.Errorf("the answer holds no access_token")
	}
	tok := rest.Token{Value: answer.AccessToken}
	if answer.ExpiresIn > 0 {
		life := time.Duration(min(answer.ExpiresIn, 86400)) * time.Second
		tok.Expires = time.Now().Add(time.Duration(renewAt * float64(life)))
	}
	return tok, nil
}
