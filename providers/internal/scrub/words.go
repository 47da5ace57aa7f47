package scrub

import (
	"encoding/base64"
	"html"
	"net/url"
	"slices"
	"strings"
	"sync"

	"crmsyncd/providers"
)

// How much of the vendor's words an error keeps.
const (
	maxMessage = 240
	maxCode    = 80
	maxHint    = 400
	// maxWords is how much is looked at; an error page may be megabytes long.
	maxWords = 64 << 10
	// maxSecrets is how many secrets of one client are remembered, in all their
	// forms: a token is another one every hour.
	maxSecrets = 512
)

// Words is the one place through which everything that a vendor says passes on
// its way out of a provider. It knows every secret of one client, in the forms
// in which a server may repeat it, also those that were in use before. It is
// safe for concurrent use; the zero Words knows none.
type Words struct {
	mu      sync.Mutex
	secrets []string
}

// Learn remembers secrets: keys, tokens, passwords, assertions. A credential
// such as the user and password of Basic is learned as it goes over the wire,
// and in its parts.
func (w *Words) Learn(secrets ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range secrets {
		s = strings.TrimSpace(s)
		if s == "" || slices.Contains(w.secrets, s) {
			continue
		}
		w.secrets = append(w.secrets, s)
		for _, form := range forms(s) {
			if !slices.Contains(w.secrets, form) {
				w.secrets = append(w.secrets, form)
			}
		}
	}
	if n := len(w.secrets) - maxSecrets; n > 0 {
		w.secrets = slices.Delete(w.secrets, 0, n)
	}
}

// forms returns other spellings of a secret.
func forms(s string) []string {
	raw := []byte(s)
	out := []string{
		url.QueryEscape(s), url.PathEscape(s), html.EscapeString(s),
		base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
	}
	return slices.DeleteFunc(out, func(form string) bool { return form == s })
}

// LearnHeader remembers what an Authorization header holds.
func (w *Words) LearnHeader(value string) {
	scheme, credential, ok := strings.Cut(value, " ")
	if !ok {
		scheme, credential = "", value
	}
	w.mu.Lock()
	known := slices.Contains(w.secrets, credential)
	w.mu.Unlock()
	if known {
		return
	}
	w.Learn(credential)
	if !strings.EqualFold(scheme, "Basic") {
		return
	}
	plain, err := base64.StdEncoding.DecodeString(credential)
	if err != nil {
		return
	}
	user, password, _ := strings.Cut(string(plain), ":")
	if password == "" {
		password = user // a key stands alone
	}
	w.Learn(string(plain), password)
}

// Text takes secrets, e-mail addresses and phone numbers out of a text.
func (w *Words) Text(s string) string {
	if s == "" {
		return ""
	}
	w.mu.Lock()
	var secrets []string // those that can be in it; old tokens are many
	for _, secret := range w.secrets {
		if len(secret) <= len(s) {
			secrets = append(secrets, secret)
		}
	}
	w.mu.Unlock()
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, secret := range secrets {
		if len(secret) < shortest {
			s = Secret(s, secret)
			continue
		}
		s = withoutFold(s, secret)
	}
	return Phones(Mail(s))
}

// Line makes one printable line of at most n bytes of a vendor's words, cleaned
// as by Text before it is cut: half a secret is not recognized any more.
func (w *Words) Line(s string, n int) string {
	s = strings.Join(strings.Fields(Printable(Head(s, maxWords))), " ")
	return Cut(w.Text(s), n)
}

// Error cleans all that a vendor may have said in an error, and returns it. A
// name that turns out to hold something else is left out.
func (w *Words) Error(e *providers.Error) *providers.Error {
	e.Message = w.Line(e.Message, maxMessage)
	e.Code = w.Line(e.Code, maxCode)
	e.Hint = w.Line(e.Hint, maxHint)
	e.Fields = slices.DeleteFunc(slices.Clone(e.Fields), func(name string) bool { return w.Line(name, len(name)) != name })
	return e
}
