package simrules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Vendor is what a simulator knows of its own objects.
type Vendor interface {
	// Resolve brings the names of a rule into the vendor's spelling, and says
	// what it does not know.
	Resolve(r *Rule) error
	// Stands tells whether there is a record that the rule fits.
	Stands(r *Rule) bool
}

// Set is the rules of one simulator. The zero value has none. It is safe for
// concurrent use; it calls Values while it is locked, so they must not ask it.
type Set struct {
	mu    sync.Mutex
	rules []*Armed
	next  int

	turn  atomic.Uint64
	reads atomic.Int32 // rules that hide or malform
	all   atomic.Int32
}

// Add arms a rule and returns its number.
func (s *Set) Add(r Rule, vendor Vendor) (id int, err error) {
	r.Fields = slices.Clone(r.Fields)
	if err := r.check(); err != nil {
		return 0, fmt.Errorf("arm the rule: %w", err)
	}
	if err := vendor.Resolve(&r); err != nil {
		return 0, fmt.Errorf("arm the rule: %w", err)
	}
	if r.On != Create && !vendor.Stands(&r) {
		return 0, fmt.Errorf("arm the rule: %w", errNoRecord(&r))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	s.rules = append(s.rules, &Armed{ID: s.next, Rule: r})
	s.recount()
	return s.next, nil
}

func errNoRecord(r *Rule) error {
	text := "no " + r.Object + " fits it now"
	if r.Effect != Hide && r.Effect != Malform {
		text += `; say "on": "create" where it is about records to come`
	}
	return errors.New(text)
}

func (s *Set) recount() {
	reads := 0
	for _, a := range s.rules {
		if a.Effect == Hide || a.Effect == Malform {
			reads++
		}
	}
	s.reads.Store(int32(reads))
	s.all.Store(int32(len(s.rules)))
	s.turn.Add(1)
}

// Turn grows whenever a rule comes or goes.
func (s *Set) Turn() uint64 { return s.turn.Load() }

// List tells the rules, oldest first, those that have fired their times too.
func (s *Set) List() []Armed {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Armed, len(s.rules))
	for i, a := range s.rules {
		list[i] = *a
	}
	return list
}

// Remove takes a rule away and reports whether there was one.
func (s *Set) Remove(id int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.rules)
	s.rules = slices.DeleteFunc(s.rules, func(a *Armed) bool { return a.ID == id })
	s.recount()
	return len(s.rules) < before
}

// Clear takes all rules away.
func (s *Set) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
	s.recount()
}

// Reading tells whether any rule bears on what is read. Without one a
// simulator may skip to ask for each record.
func (s *Set) Reading() bool { return s.reads.Load() > 0 }

// spent tells whether the rule has fired as often as it may.
func (a *Armed) spent() bool { return a.Times > 0 && a.Fired >= a.Times }

// Write is one write of one record through the API.
type Write struct {
	Object string
	Create bool
	Given  []string // the fields that the write gives
	Values Values
	// Credential is the key or token of the call.
	Credential string
}

func (a *Armed) meets(w *Write) bool {
	if a.Object != w.Object || a.spent() || a.On == Create && !w.Create || a.On == Update && w.Create {
		return false
	}
	return a.Fits(w.Values)
}

// gives tells whether the write gives one of the rule's fields, or any field
// of a rule without.
func (a *Armed) gives(w *Write) bool {
	if len(a.Fields) == 0 {
		return len(w.Given) > 0
	}
	return slices.ContainsFunc(a.Fields, func(f string) bool { return slices.Contains(w.Given, f) })
}

// Refusal is what a vendor answers instead of writing.
type Refusal struct {
	Code, Text string
	Fields     []string // those to name; nil is none
}

// Refusal returns the refusal of the first rule that meets the write, if any.
func (s *Set) Refusal(w Write) *Refusal {
	if s.all.Load() == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.rules {
		if a.Effect != Refuse || !a.meets(&w) || !a.concerns(&w) {
			continue
		}
		a.Fired++
		out := &Refusal{Code: a.Code, Text: a.fill(&w)}
		if !a.Unnamed {
			out.Fields = slices.Clone(a.Fields)
		}
		return out
	}
	return nil
}

// concerns tells whether a refusal is about the fields of the write.
func (a *Armed) concerns(w *Write) bool {
	switch {
	case len(a.Fields) == 0 || a.When == Any:
		return true
	case a.When == Missing:
		return !a.gives(w)
	}
	return a.gives(w)
}

// fill puts the credential and the record's values into the text.
func (a *Armed) fill(w *Write) string {
	var b strings.Builder
	rest := a.Text
	for {
		before, after, ok := strings.Cut(rest, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, tail, closed := strings.Cut(after, "}")
		value, known := w.named(name)
		if !closed || !known {
			b.WriteByte('{')
			rest = after
			continue
		}
		b.WriteString(value)
		rest = tail
	}
}

func (w *Write) named(name string) (string, bool) {
	if name == "credential" {
		return w.Credential, true
	}
	values := w.Values(name)
	if len(values) == 0 {
		return "", false
	}
	return values[len(values)-1], true
}

// Changes are what the rules make of a write that is taken.
type Changes []Rule

// Changes returns what becomes of the fields of a write that is taken.
func (s *Set) Changes(w Write) Changes {
	if s.all.Load() == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list Changes
	for _, a := range s.rules {
		if (a.Effect == Ignore || a.Effect == Rewrite) && a.meets(&w) && a.gives(&w) {
			a.Fired++
			list = append(list, a.Rule)
		}
	}
	return list
}

// Keeps tells whether the field keeps its old value.
func (c Changes) Keeps(field string) bool {
	return slices.ContainsFunc(c, func(r Rule) bool {
		return r.Effect == Ignore && (len(r.Fields) == 0 || slices.Contains(r.Fields, field))
	})
}

// Form is the form in which the value of a field is stored; an empty value
// stays empty.
func (c Changes) Form(field, value string) string {
	if value == "" {
		return ""
	}
	for _, r := range c {
		if r.Effect == Rewrite && slices.Contains(r.Fields, field) {
			value = r.form(value)
		}
	}
	return value
}

// Text is the text that a rule puts in the place of the field's value, if one
// does.
func (c Changes) Text(field string) (text string, ok bool) {
	for _, r := range c {
		if r.Effect == Rewrite && r.Form == "" && slices.Contains(r.Fields, field) {
			text, ok = r.Text, true
		}
	}
	return text, ok
}

func (r *Rule) form(value string) string {
	switch r.Form {
	case Upper:
		return strings.ToUpper(value)
	case Lower:
		return strings.ToLower(value)
	case Trim:
		return strings.TrimSpace(value)
	}
	return r.Text
}

// Hides tells whether the API user does not see a record.
func (s *Set) Hides(object string, have Values) bool {
	return s.firing(object, Hide, have, "") != nil
}

// Malforms returns the form in which the value of a field is told, if any.
func (s *Set) Malforms(object, field string, have Values) (form string, ok bool) {
	r := s.firing(object, Malform, have, field)
	if r == nil {
		return "", false
	}
	return r.Form, true
}

// firing counts and returns the first rule of the effect that fits the record.
func (s *Set) firing(object string, e Effect, have Values, field string) *Rule {
	if !s.Reading() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.rules {
		if a.Effect != e || a.Object != object || a.spent() || field != "" && !slices.Contains(a.Fields, field) || !a.Fits(have) {
			continue
		}
		a.Fired++
		return &a.Rule
	}
	return nil
}

// AppendMalformed appends text as a JSON value in the broken form.
func AppendMalformed(b []byte, form, text string) []byte {
	if form == NaN {
		return append(b, "NaN"...)
	}
	b = append(b, '"')
	for _, c := range []byte(text) {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, ' ')
		default:
			b = append(b, c)
		}
	}
	if form == Newline {
		return append(b, '\n', '"')
	}
	return append(b, `\ud83d"`...)
}
