package oauth

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"crmsyncd/providers"
)

// Need returns an error that says what an auth method needs, unless it is there.
func Need(method string, ok bool, what string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("auth method %s needs %s", method, what)
}

// Fixed loads a credential that is sent as it is. The name says what it is, as
// in "key". The error is of the kind Denied.
func Fixed(name string, load func() (string, error)) (string, error) {
	t, err := load()
	if err != nil {
		return "", Denied(fmt.Errorf("load the %s: %w", name, err))
	}
	if t = strings.TrimSpace(t); !Usable(t) {
		return "", Denied(errors.New("the " + name + " is empty or holds a blank"))
	}
	return t, nil
}

// Form returns what a token endpoint asks for. All of it goes into the body: an
// address ends up in logs. The secret may be nil where the app has none.
func Form(grant, clientID string, secret func() (string, error)) (url.Values, error) {
	form := url.Values{"grant_type": {grant}, "client_id": {clientID}}
	if secret == nil {
		return form, nil
	}
	s, err := secret()
	if err != nil {
		return nil, fmt.Errorf("load the client secret: %w", err)
	}
	form.Set("client_secret", s)
	return form, nil
}

// Denied returns the error of a credential that cannot be had.
func Denied(err error) *providers.Error {
	return &providers.Error{Op: Op, Kind: providers.Denied, Err: err}
}
