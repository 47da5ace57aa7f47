package rest

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"crmsyncd/providers/internal/scrub"
)

// CallError is a request that brought no usable answer. Its text names the
// method and the path, and never a query, a token or a body.
type CallError struct {
	Method string
	Path   string
	text   string
	err    error
}

// Error returns one line.
func (e *CallError) Error() string { return e.Method + " " + e.Path + ": " + e.text }

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.err }

// tidy makes an error of the client's out of whatever net/http said, which
// quotes whole URLs.
func (c *Client) tidy(r *Request, err error) error {
	var done *CallError
	if errors.As(err, &done) && !errors.Is(err, ErrToken) {
		return err
	}
	method := r.Method
	if method == "" {
		method = "GET"
	}
	return &CallError{Method: method, Path: pathOf(r.Path), text: c.scrub(r, withoutURLs(err)), err: err}
}

// withoutURLs returns the text of err with the URLs of net/http's own errors
// left out.
func withoutURLs(err error) string {
	text := err.Error()
	var ue *url.Error
	if errors.As(err, &ue) {
		text = strings.ReplaceAll(text, ue.Error(), ue.Err.Error())
	}
	return text
}

func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(unreadable address)"
	}
	return Short(u.EscapedPath(), 120)
}

// withoutQueries cuts whatever follows a question mark within a word.
func withoutQueries(text string) string {
	var b strings.Builder
	for {
		head, tail, found := strings.Cut(text, "?")
		b.WriteString(head)
		if !found {
			return b.String()
		}
		text = strings.TrimLeftFunc(tail, func(r rune) bool { return !strings.ContainsRune(" \t\r\n\"'", r) })
	}
}

// scrub takes queries, secrets and header values out of a text.
func (c *Client) scrub(r *Request, text string) string {
	text = withoutQueries(text)
	for _, vals := range r.Header {
		for _, v := range vals {
			if len(v) >= 8 {
				text = scrub.Secret(text, v)
			}
		}
	}
	return c.words.Line(text, 400)
}

// learnSecrets remembers what a request carries that opens a door: its
// credential, and what the form for a token holds.
func (c *Client) learnSecrets(r *Request, h http.Header) {
	if auth := h.Get("Authorization"); auth != "" {
		c.words.LearnHeader(auth)
	}
	if !r.NoAuth || h.Get("Content-Type") != formType {
		return
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return
	}
	for _, name := range []string{"client_secret", "refresh_token", "assertion", "client_assertion", "code", "password"} {
		c.words.Learn(form.Get(name))
	}
}

const formType = "application/x-www-form-urlencoded"
