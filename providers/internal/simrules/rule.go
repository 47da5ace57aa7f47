package simrules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Effect is what a rule does.
type Effect string

// The effects of a rule.
const (
	// Refuse refuses a write with the vendor's own error.
	Refuse Effect = "refuse"
	// Ignore takes a write; the rule's fields keep their old values.
	Ignore Effect = "ignore"
	// Rewrite takes a write and stores another form of the rule's fields.
	Rewrite Effect = "rewrite"
	// Hide keeps a record from the API user, as missing rights do.
	Hide Effect = "hide"
	// Malform tells the rule's fields in broken JSON.
	Malform Effect = "malform"
)

// The forms of Rewrite and of Malform.
const (
	Upper = "upper"
	Lower = "lower"
	Trim  = "trim"

	Surrogate = "surrogate" // a lone \ud83d
	NaN       = "nan"       // the word NaN in place of the value
	Newline   = "newline"   // a raw line feed inside the text
)

// When a refusal that has fields fires.
const (
	Given   = "given"   // the write gives one of the fields
	Missing = "missing" // the write gives none of the fields
	Any     = "any"     // whatever the write gives
)

// The writes that a rule is about; no word means both.
const (
	Create = "create"
	Update = "update"
)

// Match chooses records: each field must have the value, as text. The name id
// is the record's id. An empty Match is every record.
type Match map[string]string

// UnmarshalJSON takes texts, numbers and booleans.
func (m *Match) UnmarshalJSON(raw []byte) error {
	var in map[string]jsontext.Value
	if err := json.Unmarshal(raw, &in); err != nil {
		return fmt.Errorf("match: %w", err)
	}
	*m = make(Match, len(in))
	for name, v := range in {
		switch text := string(v); v.Kind() {
		case '"':
			if err := json.Unmarshal(v, &text); err != nil {
				return fmt.Errorf("match: %w", err)
			}
			(*m)[name] = text
		case '0', 't', 'f':
			(*m)[name] = text
		default:
			return fmt.Errorf("match: %s must be a text, a number, true or false", name)
		}
	}
	return nil
}

// Rule says what happens to some records of one object.
type Rule struct {
	Object string `json:"object"`
	Match  Match  `json:"match,omitempty"`
	// Effect is Refuse if empty.
	Effect Effect `json:"effect,omitempty"`
	// On is Create, Update or, empty, both.
	On string `json:"on,omitempty"`
	// Code and Text are the vendor's, where its errors have them. In Text,
	// {credential} stands for the key or token of the call, {id} and {field} for
	// what the record has.
	Code string `json:"code,omitempty"`
	Text string `json:"text,omitempty"`
	// Fields are those that a refusal names, and all that the other effects
	// touch. Ignore without Fields means all.
	Fields []string `json:"fields,omitempty"`
	// When says which writes a refusal with Fields meets; Given if empty.
	When string `json:"when,omitempty"`
	// Unnamed keeps Fields out of the vendor's answer.
	Unnamed bool `json:"unnamed,omitempty"`
	// Form is Upper, Lower or Trim of Rewrite, which else stores Text, and
	// Surrogate, NaN or Newline of Malform.
	Form string `json:"form,omitempty"`
	// Times is how often the rule fires; 0 is always.
	Times int `json:"times,omitempty"`
}

// Armed is a rule with its number and how often it fired.
type Armed struct {
	ID int `json:"id"`
	Rule
	Fired int `json:"fired"`
}

// parse reads one rule in JSON. An unknown key, and anything after the rule,
// is an error.
func parse(raw []byte) (Rule, error) {
	var r Rule
	if err := json.Unmarshal(raw, &r, json.RejectUnknownMembers(true)); err != nil {
		return r, fmt.Errorf("read the rule: %w", err)
	}
	return r, nil
}

// check reports what is wrong with the rule whatever the vendor is.
func (r *Rule) check() error {
	if r.Effect == "" {
		r.Effect = Refuse
	}
	switch {
	case r.Object == "":
		return errors.New("object is missing")
	case r.Times < 0:
		return fmt.Errorf("times is %d: must be 0, which is always, or more", r.Times)
	case r.On != "" && r.On != Create && r.On != Update:
		return fmt.Errorf("on is %q: must be create, update or left out for both", r.On)
	}
	var allowed []string // of what not every effect takes
	switch r.Effect {
	case Refuse:
		allowed = []string{"on", "code", "text", "fields", "when", "unnamed", "times"}
	case Ignore:
		allowed = []string{"on", "fields", "times"}
	case Rewrite:
		allowed = []string{"on", "text", "fields", "form", "times"}
	case Hide:
	case Malform:
		allowed = []string{"fields", "form", "times"}
	default:
		return fmt.Errorf("effect is %q: must be refuse, ignore, rewrite, hide or malform", r.Effect)
	}
	for name, given := range r.given() {
		if given && !slices.Contains(allowed, name) {
			return fmt.Errorf("%s does not go with the effect %s", name, r.Effect)
		}
	}
	return r.checkWords()
}

func (r *Rule) given() map[string]bool {
	return map[string]bool{
		"on": r.On != "", "code": r.Code != "", "text": r.Text != "", "fields": len(r.Fields) > 0, "when": r.When != "",
		"unnamed": r.Unnamed, "form": r.Form != "", "times": r.Times > 0,
	}
}

func (r *Rule) checkWords() error {
	forms := map[Effect][]string{Rewrite: {"", Upper, Lower, Trim}, Malform: {Surrogate, NaN, Newline}}[r.Effect]
	switch {
	case (r.Effect == Rewrite || r.Effect == Malform) && len(r.Fields) == 0:
		return fmt.Errorf("the effect %s needs fields", r.Effect)
	case forms != nil && !slices.Contains(forms, r.Form):
		return fmt.Errorf("form is %q: must be one of %s", r.Form, strings.Join(slices.DeleteFunc(forms, func(f string) bool { return f == "" }), ", "))
	case r.Effect == Rewrite && (r.Form == "") == (r.Text == ""):
		return errors.New("the effect rewrite needs either a form (upper, lower, trim) or a text")
	case r.When != "" && !slices.Contains([]string{Given, Missing, Any}, r.When):
		return fmt.Errorf("when is %q: must be given, missing or any", r.When)
	case (r.When != "" || r.Unnamed) && len(r.Fields) == 0:
		return errors.New("when and unnamed need fields")
	}
	return nil
}

// Values are what a record has in a field, and after a write what it would
// have. The name id is the record's id; an unknown field has none.
type Values func(field string) []string

// Fits tells whether a record is one that the rule is about.
func (r *Rule) Fits(have Values) bool {
	for name, want := range r.Match {
		if !slices.Contains(have(name), want) {
			return false
		}
	}
	return true
}
