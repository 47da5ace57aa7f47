package scrub_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/scrub"
)

func field(t record.Type, v record.Value) record.FieldValue {
	return record.FieldValue{Field: record.Field{Name: "f", Type: t}, Value: v}
}

func TestValues(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		value     record.FieldValue
		msg, want string
	}{
		"lowered":              {field(record.Text, record.Of("Ann@Larch.test")), "ann@larch.test is taken", "[value] is taken"},
		"raised":               {field(record.Text, record.Of("larch")), "LARCH and Larch", "[value] and [value]"},
		"twice in a row":       {field(record.Text, record.Of("abab")), "abababab!", "[value][value]!"},
		"at the end":           {field(record.Text, record.Of("Larch")), "bad Larc", "bad Larc"},
		"elements":             {field(record.MultiSet, record.Multi("red", "green")), "green;red;blue", "[value];[value];blue"},
		"a short one":          {field(record.Text, record.Of("a")), "bad data", "bad data"},
		"a short element":      {field(record.MultiSet, record.Multi("de", "green")), "de green", "de [value]"},
		"three letters":        {field(record.Text, record.Of("ann")), "no Ann", "no [value]"},
		"not ASCII":            {field(record.Text, record.Of("Müller")), "müller gibt es", "[value] gibt es"},
		"nothing was sent":     {field(record.Text, record.Value{}), "bad data", "bad data"},
		"a truth is no data":   {field(record.Bool, record.Of("true")), "true is bad", "true is bad"},
		"a reference is an id": {field(record.Reference, record.Of("lead_1")), "no lead_1", "no lead_1"},
	} {
		e := &providers.Error{Message: tt.msg, Code: "C"}
		if got := scrub.Values(e, &record.Patch{Fields: []record.FieldValue{tt.value}}); got != e || e.Message != tt.want || e.Code != "C" {
			t.Errorf("%s: %q, want %q", name, got.Message, tt.want)
		}
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ msg, secret, want string }{
		{"no hush here, hush", "hush", "no [value] here, [value]"},
		{"pin 7 is short", "7", "pin [value] is short"}, // a short secret is one
		{"all stays", "", "all stays"},
		{"Hush is another", "hush", "Hush is another"},
	} {
		if got := scrub.Secret(tt.msg, tt.secret); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.msg, got, tt.want)
		}
	}
}

func TestMail(t *testing.T) {
	t.Parallel()
	for msg, want := range map[string]string{
		"no mail":                          "no mail",
		"nvalid: ann+x@larch.test, bob":    "nvalid: [value], bob",
		`"a@x.test","b@y.test" <c@z.test>`: `"[value]","[value]" <[value]>`,
		"a lone @ stays":                   "a lone @ stays",
	} {
		if got := scrub.Mail(msg); got != want {
			t.Errorf("%q: %q, want %q", msg, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	if got := scrub.Printable("a\r\nb\x1b[31mc\u202ed\xffé"); got != "a  b [31mc d�é" {
		t.Errorf("%q", got)
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		s    string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "abc…"}, {"aéb", 2, "a…"}, {"é", 1, "…"}, {"", 0, ""},
	} {
		if got := scrub.Cut(tt.s, tt.n); got != tt.want {
			t.Errorf("%q at %d: %q", tt.s, tt.n, got)
		}
	}
}

// FuzzValues: a value of three bytes or more is gone whatever stands around it,
// and the rest stays in its order.
func FuzzValues(f *testing.F) {
	f.Add("bad Ann@Larch.test here", "ann@larch.test")
	f.Add("aaaaa", "AAA")
	f.Add("ÿé\xff", "\xc3\xbf\xc3")
	f.Fuzz(func(t *testing.T, msg, value string) {
		if strings.Contains(msg, "[") || strings.ContainsAny(value, "[]\x1f") {
			return // what hides must be told from what was there
		}
		e := &providers.Error{Message: msg}
		_ = scrub.Values(e, &record.Patch{Fields: []record.FieldValue{field(record.Text, record.Of(value))}})
		if len(value) < 3 && e.Message != msg {
			t.Errorf("%q without %q: %q", msg, value, e.Message)
		}
		left := strings.Split(e.Message, scrub.Hidden)
		for _, part := range left {
			if len(value) >= 3 && strings.Contains(part, value) {
				t.Errorf("%q still holds %q: %q", msg, value, e.Message)
			}
			if utf8.ValidString(msg) && utf8.ValidString(value) && !strings.Contains(msg, part) {
				t.Errorf("%q was never in %q", part, msg)
			}
		}
		if n := len(msg) - len(value)*(len(left)-1); len(strings.Join(left, "")) != n {
			t.Errorf("%q without %q: %q", msg, value, e.Message)
		}
	})
}

// TestWordsLearn: whatever form of a credential a server repeats, and in
// whatever case, it is taken out before the text is cut.
func TestWordsLearn(t *testing.T) {
	t.Parallel()
	var w scrub.Words
	w.Learn("se/cr+et=9", "", " padded-key\n")
	w.LearnHeader("Bearer token-0123")
	w.LearnHeader("Basic " + "a2V5LWFiYzo=") // key-abc:
	w.LearnHeader("Basic " + "dXNlcjpwYXNzdzByZA==")
	for msg, want := range map[string]string{
		"bad se/cr+et=9!":                          "bad [value]!",
		"bad se%2Fcr%2Bet%3D9!":                    "bad [value]!",
		"bad c2UvY3IrZXQ9OQ==!":                    "bad [value]!",
		"bad PADDED-KEY":                           "bad [value]",
		"token-0123 TOKEN-0123":                    "[value] [value]",
		"a2V5LWFiYzo= is key-abc":                  "[value] is [value]",
		"user has passw0rd":                        "user has [value]",
		"ann@x.test, ann%40x.test":                 "[value], [value]",
		"call +49 30 1234567":                      "call [value]",
		strings.Repeat("a", 15) + "  token-0123 b": "aaaaaaaaaaaaaaa [val…",
		"a\nb\x00c\u202ed":                         "a b c d",
	} {
		if got := w.Line(msg, 20); got != want && w.Line(msg, 400) != want {
			t.Errorf("%q: %q, want %q", msg, got, want)
		}
	}
	if got := new(scrub.Words).Line("all stays: token-0123", 400); got != "all stays: token-0123" {
		t.Errorf("%q", got)
	}
}

// TestWordsError: every part of an error that a vendor may have filled.
func TestWordsError(t *testing.T) {
	t.Parallel()
	var w scrub.Words
	w.Learn("token_0123")
	fields := []string{"name", "token_0123", "ann@x.test"}
	e := w.Error(&providers.Error{Op: "read", Code: "NO_token_0123", Message: "no token_0123\nhere", Hint: "use token_0123", Fields: fields})
	if e.Op != "read" || e.Code != "NO_[value]" || e.Message != "no [value] here" || e.Hint != "use [value]" || strings.Join(e.Fields, " ") != "name" {
		t.Errorf("got %+v", e)
	}
	if fields[1] != "token_0123" {
		t.Error("it changed the names of its caller")
	}
}

func TestPhones(t *testing.T) {
	t.Parallel()
	for msg, want := range map[string]string{
		"+493012345678":                                "[value]",
		"tel. (030) 123-4567.":                         "tel. [value].",
		"555-0100 or 555.010.0199":                     "[value] or [value]",
		"at 030/1234567, or 5550100199":                "at [value], or [value]",
		"Existing ID: 151234567890":                    "Existing ID: 151234567890",
		"record 151234567890 and lead_id=151234567890": "record 151234567890 and lead_id=151234567890",
		"2026-11-22 and 2026-11-22T10:00:00Z":          "2026-11-22 and 2026-11-22T10:00:00Z",
		"2026-11-22 10:00:00":                          "2026-11-22 10:00:00",
		"26 of 250000 characters":                      "26 of 250000 characters",
		"0018d0000000001AAA":                           "0018d0000000001AAA",
		"cf_1234567890 abc1234567890":                  "cf_1234567890 abc1234567890",
		"8a1b-1234-5678-9012-ab12":                     "8a1b-1234-5678-9012-ab12",
		"status 404":                                   "status 404",
		"12345678901234567890":                         "12345678901234567890",
		"(":                                            "(", "+": "+", "": "",
	} {
		if got := scrub.Phones(msg); got != want {
			t.Errorf("%q: %q, want %q", msg, got, want)
		}
	}
}

// TestValuesAtTheCut: a text that was cut within a value shows no half of it.
func TestValuesAtTheCut(t *testing.T) {
	t.Parallel()
	for msg, want := range map[string]string{"bad Larch Se…": "bad [value]…", "bad La…": "bad La…", "bad Lar": "bad Lar", "…": "…"} {
		e := &providers.Error{Message: msg}
		if _ = scrub.Values(e, &record.Patch{Fields: []record.FieldValue{field(record.Text, record.Of("larch secret"))}}); e.Message != want {
			t.Errorf("%q: %q, want %q", msg, e.Message, want)
		}
	}
}

// FuzzWords: a learned secret never comes through a line, whatever surrounds it
// and wherever it is cut, and a line is one.
func FuzzWords(f *testing.F) {
	f.Add("bad token-0123 here", "token-0123", 12)
	f.Add("aaaa", "aa", 1)
	f.Fuzz(func(t *testing.T, msg, secret string, n int) {
		if strings.ContainsAny(secret, "[]value…") || strings.TrimSpace(secret) != secret || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return
		}
		var w scrub.Words
		w.Learn(secret)
		got := w.Line(msg, min(max(n, 0), 1000))
		if secret != "" && strings.Contains(got, secret) || strings.ContainsAny(got, "\r\n") {
			t.Errorf("%q without %q: %q", msg, secret, got)
		}
		_ = scrub.Phones(msg)
	})
}

// C12.1: what a client sent as a credential, an e-mail address and a phone number
// come through no part of an error that a vendor fills, in whatever form it
// repeats them, at the end that is cut too.
func TestC12_1_NothingPrivateInAVendorsWords(t *testing.T) {
	t.Parallel()
	var w scrub.Words
	w.LearnHeader("Bearer tok/en+0123")
	w.Learn("client-secret-9")
	for _, private := range []string{
		"tok/en+0123", "TOK/EN+0123", "tok%2Fen%2B0123", "dG9rL2VuKzAxMjM=", "client-secret-9",
		"ann.echo@larch.test", "ann.echo%40larch.test", "+49 (40) 5550-1234", "040/5550123", "4940555012",
	} {
		for _, msg := range []string{private, "bad: " + private + ", see\nthere", `{"said":"` + private + `"}`, strings.Repeat("x ", 117) + private} {
			e := w.Error(&providers.Error{Code: msg, Message: msg, Hint: msg, Fields: []string{"name", private}})
			for part, text := range map[string]string{
				"code": e.Code, "message": e.Message, "hint": e.Hint, "fields": strings.Join(e.Fields, " "), "line": w.Line(msg, 20), "text": w.Text(msg),
			} {
				if strings.Contains(text, private) || strings.Contains(text, private[:len(private)/2+1]) {
					t.Errorf("the %s of %q shows %q", part, msg, text)
				}
			}
		}
	}
}
