package fieldmap_test

import (
	"testing"

	"pgregory.net/rapid"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
)

// TestFormEqual proves what each compare form calls equal (D1).
func TestFormEqual(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		form  fieldmap.Form
		a, b  string
		equal bool
	}{
		{fieldmap.Exact, "Acme", "Acme", true},
		{fieldmap.Exact, "Acme", "ACME", false}, // R6
		{fieldmap.Exact, "12345.0", "12345", false},
		{fieldmap.Fold, "ACME  Straße", "acme STRASSE", true},
		{fieldmap.Fold, "Caf\u00e9", "cafe\u0301", true},
		{fieldmap.Fold, "Acme Inc", "Acme Inc.", false},
		{fieldmap.Email, "Ann@Example.COM", "ann@example.com", true},
		{fieldmap.Email, "ann@bücher.example", "ANN@xn--bcher-kva.example", true},
		{fieldmap.Email, "ann+a@example.com", "ann@example.com", false},
		{fieldmap.Email, "nobody", "NOBODY", false},
		{fieldmap.Phone, "+1 (415) 555-2671", "001 415 555 2671", true},
		{fieldmap.Phone, "+49 (0)30 123456", "+4930123456", true},
		{fieldmap.Phone, "(415) 555-2671", "415.555.2671", true},
		{fieldmap.Phone, "415-555-2671", "+1 415-555-2671", false},
		{fieldmap.Phone, "+1 415 555 2671 ext. 5", "+14155552671x5", true},
		{fieldmap.Phone, "555 2671 x5", "555-2671 ext 5", true},
		{fieldmap.Phone, "555 2671 x5", "555 2671", false},
		{fieldmap.Phone, "ask Bob 12345", "12345", false},
		{fieldmap.Phone, "tel:+1-415-555-2671", "+14155552671", true},
		{fieldmap.URL, "https://Example.com:443/a/", "example.com/a", true},
		{fieldmap.URL, "http://example.com", "https://example.com/", true},
		{fieldmap.URL, "example.com/A", "example.com/a", false},
		{fieldmap.URL, "example.com/?a=1", "example.com?a=1", true},
		{fieldmap.URL, "example.com:8080", "example.com", false},
		{fieldmap.URL, "ftp://example.com", "http://example.com", false},
		{fieldmap.URL, "bücher.example", "xn--bcher-kva.example", true},
		{fieldmap.URL, "no address", "NO ADDRESS", false},
		{fieldmap.Domain, "https://www.Example.co.uk/about", "ann@example.co.uk", true},
		{fieldmap.Domain, "www.example.com.", "EXAMPLE.com", true},
		{fieldmap.Domain, "mail.example.com", "example.com", false},
		{fieldmap.Domain, "co.uk", "CO.UK", false},
		{fieldmap.Domain, "localhost", "LOCALHOST", false},
		{fieldmap.Domain, "http://192.0.2.1/", "192.0.2.1", false},
		{fieldmap.Digits, "DE 123-456", "123456", true},
		{fieldmap.Digits, "none", "NONE", false},
	} {
		a, b := record.Of(tt.a), record.Of(tt.b)
		if got := tt.form.Equal(a, b); got != tt.equal {
			t.Errorf("%v: %q = %q: %v (keys %q, %q)", tt.form, tt.a, tt.b, got, tt.form.Key(a), tt.form.Key(b))
		}
	}
}

func TestFormKeyOfOddValues(t *testing.T) {
	t.Parallel()
	for form := fieldmap.Exact; form <= fieldmap.Digits; form++ {
		for _, v := range []record.Value{{}, record.NullValue(), record.UnreadableValue()} {
			if key := form.Key(v); key != "" {
				t.Errorf("%v: %v has key %q", form, v, key)
			}
			if form.Equal(v, record.Of("a@b.example")) {
				t.Errorf("%v: %v equals a value", form, v)
			}
			if !form.Equal(v, v) {
				t.Errorf("%v: %v is not itself", form, v)
			}
		}
		if form.Version() == 0 {
			t.Errorf("%v has no version", form)
		}
	}
	if got := fieldmap.Fold.Key(record.Multi("B", "a")); got != record.Multi("a", "b").Text() {
		t.Errorf("set has key %q", got)
	}
}

// TestD21_ValidEmail proves the check behind bad_value: email.
func TestD21_ValidEmail(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"ann@example.com": true, "a.b+c@sub.example.org": true, "o'neil@example.com": true, "jörg@bücher.example": true,
		"": false, "ann": false, "ann@": false, "@example.com": false, "ann@example": false, "a b@example.com": false,
		"ann@exa mple.com": false, ".ann@example.com": false, "ann.@example.com": false, "a..b@example.com": false,
		"ann@@example.com": false, "ann@example..com": false, "ann@-example.com": false, "ann@192.0.2.1": false,
		"ann@example.com, bob@example.com": false, "Ann <ann@example.com>": false, "n/a": false, "ann@example.com;": false,
		"ann@example.123": false,
	} {
		if got := fieldmap.ValidEmail(text); got != want {
			t.Errorf("ValidEmail(%q) = %v", text, got)
		}
	}
}

func formTexts() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringMatching(`[+0]{0,2}[0-9 ()./-]{3,16}( ?(x|ext\.?) ?[0-9]{1,4})?`),
		rapid.StringMatching(`(https?://)?(www\.){0,2}[a-zA-Z0-9-]{1,8}(\.(com|co\.uk|de)){0,2}(:[0-9]{2,4})?(/[a-zA-Z]{0,3}){0,3}([?#][a-z/]{0,3})?`),
		rapid.StringMatching(`[a-zA-Z.+]{1,8}@[a-zA-Z0-9-]{1,8}\.(com|co\.uk|example)`),
	)
}

// TestFormLaws: equality by form is symmetric, follows from equality, is told
// by the keys alone, and a key is its own key.
func TestFormLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		form := fieldmap.Form(rapid.IntRange(0, int(fieldmap.Digits)).Draw(t, "form"))
		a, b := formTexts().Draw(t, "a"), formTexts().Draw(t, "b")
		formLaws(t, form, a, b)
	})
}

func formLaws(t interface {
	Fatalf(format string, args ...any)
}, form fieldmap.Form, textA, textB string,
) {
	a, err := record.Canonical(record.Text, textA)
	if err != nil {
		return
	}
	b, err := record.Canonical(record.Text, textB)
	if err != nil {
		return
	}
	if !form.Equal(a, a) {
		t.Fatalf("%v: %q is not itself", form, textA)
	}
	if form.Equal(a, b) != form.Equal(b, a) {
		t.Fatalf("%v: not symmetric: %q, %q", form, textA, textB)
	}
	key := form.Key(a)
	if a != b && form.Equal(a, b) != (key != "" && key == form.Key(b)) {
		t.Fatalf("%v: keys tell otherwise: %q, %q", form, textA, textB)
	}
	if key != "" && form.Key(record.Of(key)) != key {
		t.Fatalf("%v: %q has key %q, and that has %q", form, textA, key, form.Key(record.Of(key)))
	}
}

func FuzzForm(f *testing.F) {
	for i, text := range []string{"ACME", "Acme  inc", "a@b.example", "+1 415 555 2671 x5", "https://www.example.com/a", "www.co.uk", "12-3"} {
		f.Add(uint8(i), text, "x"+text)
	}
	f.Fuzz(func(t *testing.T, form uint8, a, b string) {
		formLaws(t, fieldmap.Form(form%7), a, b)
		fieldmap.ValidEmail(a)
	})
}
