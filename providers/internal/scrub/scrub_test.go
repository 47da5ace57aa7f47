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
