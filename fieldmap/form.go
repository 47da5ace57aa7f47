package fieldmap

import (
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"crmsyncd/fieldmap/record"
)

// Form is a compare form: it decides when two values count as equal and which
// records a match key finds. It never changes what is stored or sent.
type Form uint8

// The compare forms.
const (
	Exact  Form = iota // byte for byte; the default
	Fold               // without regard to case and to how much space is between words
	Email              // an address, without regard to case
	Phone              // a phone number, however it is written
	URL                // a web address, without regard to scheme and trailing slash
	Domain             // the domain of a web address or an e-mail
	Digits             // digits alone
)

// maxFormText is more than any address or number has.
const maxFormText = 2048

// String returns the form as admins write it.
func (f Form) String() string { return nameOf(formNames(), f) }

// Version is the version of the form's rules. It is part of fingerprints, so
// it goes up whenever a form begins to call other values equal.
func (f Form) Version() uint8 { return 1 }

// Equal reports whether two values are the same by form. A blank equals only a
// blank, and a value that does not fit the form equals only itself.
func (f Form) Equal(a, b record.Value) bool {
	if a == b {
		return true
	}
	if f == Exact || !a.IsSet() || !b.IsSet() {
		return false
	}
	key := f.Key(a)
	return key != "" && key == f.Key(b)
}

// Key returns the text by which values that are equal by form are found. It is
// empty for a value that is blank, was not read or does not fit the form: such
// a value matches nothing.
func (f Form) Key(v record.Value) string {
	if !v.IsSet() {
		return ""
	}
	if f == Exact {
		return v.Text()
	}
	elems := v.Elems()
	if len(elems) == 1 {
		return f.key(elems[0])
	}
	keys := make([]string, len(elems))
	for i, elem := range elems {
		if keys[i] = f.key(elem); keys[i] == "" {
			return ""
		}
	}
	slices.Sort(keys)
	return record.Multi(slices.Compact(keys)...).Text()
}

func (f Form) key(text string) string {
	if len(text) > maxFormText && f != Exact && f != Fold {
		return ""
	}
	switch f {
	case Exact:
		return text
	case Fold:
		return foldKey(text)
	case Email:
		return emailKey(text)
	case Phone:
		return phoneKey(text)
	case URL:
		return urlKey(text)
	case Domain:
		return domainKey(text)
	case Digits:
		return digitsOf(norm.NFKC.String(text))
	}
	return ""
}

// foldKey decomposes first: folding looks at single characters, and an accent
// may be part of its letter or stand behind it. It lowers last: the library
// folds the small letters of some scripts (Cherokee) to capitals and the
// capitals to small ones.
func foldKey(text string) string {
	text = strings.ToLower(cases.Fold().String(norm.NFD.String(text)))
	return strings.Join(strings.Fields(norm.NFC.String(text)), " ")
}

func digitsOf(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}
