// Package oauth gets access tokens for providers: it loads what a token
// endpoint asks for, asks, and reads the answer. A refresh token that the
// endpoint replaces is stored before anything else happens. No secret that was
// sent comes out of it in an error.
//
// What a refusal means, and whether a token is renewed by the clock or when it
// is refused, is each provider's to say.
package oauth

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/outcome"
	"crmsyncd/providers/internal/rest"
)

// Op is what the errors of a token are about.
const Op = "fetch an access token"

// Endpoint is where a system gives out access tokens.
type Endpoint struct {
	Kind  string // the kind and the group that its calls count as
	Group string
	Path  string
	// Refused says what a refusal means. Its message holds all of the vendor's
	// words: they are shortened after secrets are taken out of them.
	Refused func(resp *rest.Response) *providers.Error
}

// Exchange sends a form and has read make a token of the answer, whose body is
// only valid until then. The error is or wraps a *providers.Error.
func (e Endpoint) Exchange(
	ctx context.Context, c *rest.Client, form url.Values, read func(body []byte) (rest.Token, error),
) (rest.Token, error) {
	resp, err := c.Do(ctx, rest.Request{
		Kind: e.Kind, Group: e.Group, Method: http.MethodPost, Path: e.Path, Body: []byte(form.Encode()),
		Type: "application/x-www-form-urlencoded", Idempotent: true, NoAuth: true,
	})
	if err != nil {
		resp.Release()
		return rest.Token{}, outcome.NoAnswer(ctx, Op, err)
	}
	defer resp.Release()
	if resp.Status != http.StatusOK {
		return rest.Token{}, outcome.Refused(c, resp, e.Refused(resp))
	}
	return read(resp.Body)
}

// Usable reports whether t can be a token: it goes into a header, so it is
// visible ASCII without blanks, and not empty.
func Usable(t string) bool {
	return t != "" && !strings.ContainsFunc(t, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// NoToken returns the error of an answer that holds none. The answer is not
// quoted: it may hold half of what was asked for.
func NoToken() error {
	return providers.Errorf(providers.Broken, Op, "the answer holds no token")
}
