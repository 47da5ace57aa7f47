package oauth_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/oauth"
)

// place is where a refresh token is stored.
type place struct {
	token  string
	unread error
	full   error
	stored []string
}

func (p *place) rotation() *oauth.Rotation {
	return &oauth.Rotation{
		Load: func() (string, error) { return p.token + "\n", p.unread },
		Store: func(t string) error {
			if p.full != nil {
				return p.full
			}
			p.token, p.stored = t, append(p.stored, t)
			return nil
		},
	}
}

func sent(t *testing.T, r *oauth.Rotation) string {
	t.Helper()
	form, err := r.Form("app", nil)
	if err != nil {
		t.Fatal(err)
	}
	return form.Get("refresh_token")
}

// TestRotation: a token that is new is stored, once; one that is not is not.
func TestRotation(t *testing.T) {
	t.Parallel()
	p := &place{token: "r0"}
	r := p.rotation()
	for _, renewed := range []string{"", "r0", "r1", "", "r1", "r2"} {
		if err := r.Keep(renewed); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(p.stored, []string{"r1", "r2"}) || sent(t, r) != "r2" {
		t.Errorf("stored %v, sends %q", p.stored, sent(t, r))
	}
	p.token = "by an admin"
	if got := sent(t, r); got != p.token {
		t.Errorf("sends %q where another was put in its place", got)
	}
}

// TestUnstoredComesFirst: a token that cannot be stored is the only one alive.
// It is what the next refresh is made with, and is stored as soon as that can
// be done, though the answer brings none.
func TestUnstoredComesFirst(t *testing.T) {
	t.Parallel()
	p := &place{token: "r0", full: errors.New("disk full")}
	r := p.rotation()
	err := r.Keep("r1")
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.Denied || e.Hint == "" || !errors.Is(err, p.full) || strings.Contains(err.Error(), "r1") {
		t.Errorf("got %v", err)
	}
	for range 2 {
		if got := sent(t, r); got != "r1" {
			t.Errorf("sends %q", got)
		}
		if err := r.Keep(""); err == nil {
			t.Error("kept without a place")
		}
	}
	if err := r.Keep("r2"); err == nil || sent(t, r) != "r2" {
		t.Errorf("%v; sends %q", err, sent(t, r))
	}
	p.full = nil
	if err := r.Keep(""); err != nil || !slices.Equal(p.stored, []string{"r2"}) {
		t.Errorf("%v; stored %v", err, p.stored)
	}
	if p.token = "r3"; sent(t, r) != "r3" {
		t.Errorf("sends %q after it was stored", sent(t, r))
	}
}

// TestUnreadPlace: where the stored token cannot be read, nothing can be sent,
// but an answer's token is stored all the same.
func TestUnreadPlace(t *testing.T) {
	t.Parallel()
	p := &place{token: "r0", unread: errors.New("no permission")}
	r := p.rotation()
	if _, err := r.Form("app", nil); !errors.Is(err, p.unread) || !strings.Contains(err.Error(), "refresh token") {
		t.Errorf("got %v", err)
	}
	if err := r.Keep("r0"); err != nil || !slices.Equal(p.stored, []string{"r0"}) {
		t.Errorf("%v; stored %v", err, p.stored)
	}
}

func TestForm(t *testing.T) {
	t.Parallel()
	r := (&place{token: "r0"}).rotation()
	form, err := r.Form("app", fixed("hush"))
	if want := "client_id=app&client_secret=hush&grant_type=refresh_token&refresh_token=r0"; err != nil || form.Encode() != want {
		t.Errorf("%v, %v", form, err)
	}
	form, err = r.Form("app", nil)
	if want := "client_id=app&grant_type=refresh_token&refresh_token=r0"; err != nil || form.Encode() != want {
		t.Errorf("an app without a secret: %v, %v", form, err)
	}
	gone := errors.New("no file")
	if form, err := r.Form("app", func() (string, error) { return "", gone }); !errors.Is(err, gone) || form != nil {
		t.Errorf("a secret that is gone: %v, %v", form, err)
	}
}

// TestAccept: no token is had of an answer before the one that takes the place
// of the last is stored, and none at all of an answer that holds none.
func TestAccept(t *testing.T) {
	t.Parallel()
	p := &place{token: "r0"}
	r := p.rotation()
	tok, err := r.Accept([]byte(`{"access_token":"at","refresh_token":"r1","x":[1]}`))
	if err != nil || tok.Value != "at" || !tok.Expires.IsZero() || p.token != "r1" {
		t.Errorf("%v; stored %v", err, p.stored)
	}
	p.full = errors.New("disk full")
	tok, err = r.Accept([]byte(`{"access_token":"at","refresh_token":"r2","expires_in":60}`))
	if !errors.Is(err, p.full) || tok.Value != "" || sent(t, r) != "r2" {
		t.Errorf("%v; the next refresh is made with %q", err, sent(t, r))
	}
	p.full = nil
	for _, body := range []string{
		``, `null`, `<html>`, `{}`, `{"refresh_token":"r9"}`, `{"access_token":"","refresh_token":"r9"}`, `{"access_token":"hush hush"}`,
		`{"access_token":"hush\r\nX: y"}`, `{"access_token":"hush\u00e9"}`, `{"access_token":["hush"]}`,
		`{"access_token":"hush","expires_in":"soon"}`,
	} {
		tok, err := r.Accept([]byte(body))
		if providers.KindOf(err) != providers.Broken || err == nil || strings.Contains(err.Error(), "hush") || tok.Value != "" {
			t.Errorf("%s: %v", body, err)
		}
	}
	if sent(t, r) != "r2" {
		t.Errorf("the next refresh is made with %q", sent(t, r))
	}
}

func TestRenewedEarly(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[string]time.Duration{
		"3600": 50 * time.Minute, "1800": 20 * time.Minute, "60": 40 * time.Second, "3": 2 * time.Second,
		"0": 0, "-5": 0, "9223372036854775807": (1<<31)*time.Second - 10*time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			tok, err := (&place{}).rotation().Accept([]byte(`{"access_token":"at","expires_in":` + seconds + `}`))
			var left time.Duration
			if !tok.Expires.IsZero() {
				left = time.Until(tok.Expires)
			}
			if err != nil || left != want {
				t.Errorf("%s seconds: renewed after %v, want %v (%v)", seconds, left, want, err)
			}
		})
	}
}

func FuzzAccept(f *testing.F) {
	f.Add([]byte(`{"access_token":"at","refresh_token":"rt","expires_in":9223372036854775807}`))
	f.Add([]byte(`{"access_token":"a b"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p := &place{token: "r0"}
		before := time.Now()
		tok, err := p.rotation().Accept(body)
		switch {
		case (err == nil) != oauth.Usable(tok.Value):
			t.Errorf("%q: %v", body, err)
		case err != nil && len(p.stored) != 0:
			t.Errorf("%q: a refresh token was stored of an answer that is none", body)
		case !tok.Expires.IsZero() && !tok.Expires.After(before):
			t.Errorf("%q: fetched and over at once", body)
		}
	})
}

// TestGrant: a token that the endpoint gave in the place of the last one is of
// the same grant; one that somebody put there is of another.
func TestGrant(t *testing.T) {
	t.Parallel()
	stored := "rt-1"
	r := &oauth.Rotation{Load: func() (string, error) { return stored, nil }, Store: func(s string) error { stored = s; return nil }}
	use := func(renewed string) string {
		if _, err := r.Form("app", nil); err != nil {
			t.Fatal(err)
		}
		if err := r.Keep(renewed); err != nil {
			t.Fatal(err)
		}
		return r.Grant()
	}
	first := use("")
	for _, renewed := range []string{"", "rt-2", "", "rt-3"} {
		if got := use(renewed); got != first {
			t.Errorf("renewed by %q it is of the grant %q, want %q", renewed, got, first)
		}
	}
	stored = "rt-9"
	if got := use("rt-10"); got == first || use("") != got {
		t.Errorf("another token is of the grant %q", got)
	}
}
