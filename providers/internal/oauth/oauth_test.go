package oauth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/oauth"
	"crmsyncd/providers/internal/rest"
)

// server answers every call alike, and keeps what it was asked.
type server struct {
	status int
	body   string
	fail   error

	path, query string
	header      http.Header
	form        url.Values
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if s.form, err = url.ParseQuery(string(body)); err != nil {
		return nil, err
	}
	s.path, s.query, s.header = r.URL.Path, r.URL.RawQuery, r.Header
	if s.fail != nil {
		return nil, s.fail
	}
	return &http.Response{
		StatusCode: s.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(s.body)), Request: r,
	}, nil
}

// exchange sends a form to s as a provider would that shows the whole answer.
func exchange(t *testing.T, s *server, form url.Values) (string, error) {
	t.Helper()
	c, err := rest.New(rest.Config{Base: "https://crm.example.net", Transport: s, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var read string
	tok, err := oauth.Endpoint{
		Kind: "token", Path: "/token",
		Refused: func(resp *rest.Response) *providers.Error {
			words := rest.Excerpt(resp)
			if said, err := strconv.Unquote(string(resp.Body)); err == nil {
				words = said
			}
			return &providers.Error{Op: oauth.Op, Kind: providers.Denied, Code: words, Message: words}
		},
	}.Exchange(t.Context(), c, form, func(body []byte) (rest.Token, error) {
		read = string(body)
		return rest.Token{Value: "at"}, nil
	})
	if err == nil && tok.Value != "at" {
		t.Errorf("token %q", tok.Value)
	}
	return read, err
}

func fixed(s string) func() (string, error) { return func() (string, error) { return s, nil } }

// TestExchange: everything that is asked stands in the body, for an address
// ends up in logs.
func TestExchange(t *testing.T) {
	t.Parallel()
	s := &server{status: http.StatusOK, body: "the answer"}
	form, err := oauth.Form("client_credentials", "app", fixed("hush"))
	if err != nil {
		t.Fatal(err)
	}
	if read, err := exchange(t, s, form); err != nil || read != "the answer" {
		t.Errorf("%q, %v", read, err)
	}
	want := url.Values{"grant_type": {"client_credentials"}, "client_id": {"app"}, "client_secret": {"hush"}}
	if s.path != "/token" || s.query != "" || s.form.Encode() != want.Encode() || s.header.Get("Authorization") != "" ||
		s.header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("asked %s?%s with %v, %v", s.path, s.query, s.form, s.header)
	}
	s.fail = errors.New("reset")
	if _, err := exchange(t, s, form); providers.KindOf(err) != providers.Transient {
		t.Errorf("no answer: %v", err)
	}
}

// TestRefusalShowsNoSecret: whatever a server echoes, and however short the
// secret or wherever the text is cut.
func TestRefusalShowsNoSecret(t *testing.T) {
	t.Parallel()
	form := url.Values{
		"client_id": {"app"}, "client_secret": {"7%"}, "refresh_token": {"rt-0123456789"}, "assertion": {"eyJ.hush.hush"},
	}
	secrets := []string{"7%", "rt-0", "eyJ"}
	for body, want := range map[string]string{
		`"the pin 7% is wrong"`:                            "the pin [value] is wrong",
		`"expired rt-0123456789, app"`:                     "expired [value], app",
		`"bad eyJ.hush.hush"`:                              "bad [value]",
		`"` + strings.Repeat("a", 235) + ` rt-0123456789"`: strings.Repeat("a", 235) + " [val…",
		`no rt-0123456789`:                                 "no [value]",
		`<title>no rt-0123456789</title>`:                  `a page titled "no [value]" instead of JSON`,
		// Of a text only the beginning is looked at, which would end within the secret.
		strings.Repeat(" ", 4090) + "b rt-0123456789": "b",
	} {
		_, err := exchange(t, &server{status: http.StatusBadRequest, body: body}, form)
		var e *providers.Error
		if !errors.As(err, &e) || e.Message != want || !strings.HasPrefix(want, strings.TrimSuffix(e.Code, "…")) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
		for _, secret := range secrets {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v holds %q", body, err, secret)
			}
		}
	}
}

func TestFixed(t *testing.T) {
	t.Parallel()
	if k, err := oauth.Fixed("key", fixed(" hush\n")); err != nil || k != "hush" {
		t.Errorf("%q, %v", k, err)
	}
	for _, load := range []func() (string, error){
		fixed(""), fixed(" \n"), fixed("hush hush"), fixed("hush\x7f"), fixed("hushé"),
		func() (string, error) { return "hush", errors.New("no file") },
	} {
		k, err := oauth.Fixed("key", load)
		if providers.KindOf(err) != providers.Denied || k != "" || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "the key") {
			t.Errorf("%q, %v", k, err)
		}
	}
}

func TestNeed(t *testing.T) {
	t.Parallel()
	if err := oauth.Need("oauth", true, "a secret"); err != nil {
		t.Error(err)
	}
	if err := oauth.Need("oauth", false, "a secret"); err == nil || err.Error() != "auth method oauth needs a secret" {
		t.Error(err)
	}
}

// TestCanceledExchange: a run that was stopped has no verdict on the credential.
func TestCanceledExchange(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, err := rest.New(rest.Config{Base: "https://crm.example.net", Transport: &server{status: http.StatusOK}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = oauth.Endpoint{Path: "/token"}.Exchange(ctx, c, url.Values{}, nil)
	if providers.KindOf(err) != providers.Transient || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
