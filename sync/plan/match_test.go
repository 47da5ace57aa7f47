package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"crmsyncd/fieldmap"
	"crmsyncd/sync/plan"
)

// readHits turns "003A:key", "003A:key:external" and "003A:key:external:known"
// into hits.
func readHits(words string) []plan.Hit {
	var out []plan.Hit
	for w := range strings.FieldsSeq(words) {
		part := append(strings.Split(w, ":"), "-", "")
		h := plan.Hit{ID: part[0], Key: value(part[1]), External: value(part[2])}
		if len(part) == 6 {
			h.ExternalKnown = part[3] == "known"
		}
		out = append(out, h)
	}
	return out
}

func matchWords(m plan.Match) string {
	kind := [...]string{"none", "linked", "ambiguous", "claimed"}[m.Kind]
	return strings.TrimSpace(kind + " " + strings.Join(m.IDs, " "))
}

// TestMatchHits: D1, exactly one hit links and several hold, all named; R31, an
// id that hits several is no match; R139, R158, a record that is there already
// is linked; D9, R6, an exact key is compared byte for byte, whatever the
// system's own look-up folds.
func TestMatchHits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, form, want, external, hits, verdict string }{
		{"no hit", "exact", "a", "7", "", "none"},
		{"one hit", "exact", "a", "7", "1:a", "linked 1"},
		{"one hit that carries our id", "exact", "a", "7", "1:a:7", "linked 1"},
		{"two hits", "exact", "a", "7", "2:a 1:a", "ambiguous 1 2"},
		{"two that carry our id", "exact", "a", "7", "2:a:7 1:a:7", "ambiguous 1 2"},
		{"the same record twice", "exact", "a", "7", "1:a 1:a", "linked 1"},
		{"the look-up folded case", "exact", "Ab1", "7", "1:aB1 2:Ab1 3:AB1", "linked 2"},
		{"only other case", "exact", "Ab1", "7", "1:aB1 2:AB1", "none"},
		{"the look-up is loose", "exact", "a", "7", "1:ab 2:ba", "none"},
		{"a key that folds", "fold", "acme", "7", "1:ACME", "linked 1"},
		{"a key that folds, twice", "fold", "acme", "7", "1:ACME 2:Acme", "ambiguous 1 2"},
		{"an e-mail", "email", "jo@x.test", "7", "1:Jo@X.test 2:joe@x.test", "linked 1"},
		{"a domain", "domain", "x.test", "7", "1:www.x.test/about", "linked 1"},
		{"digits", "digits", "0042", "7", "1:00-42 2:42", "linked 1"},
		{"their key is blank", "fold", "a", "7", "1:-", "none"},
		{"their key was not read", "fold", "a", "7", "1:?", "none"},
		{"nothing to look for", "exact", "-", "7", "1:-", "none"},
		{"nothing to look for by form", "digits", "abc", "7", "1:xyz", "none"},
		{"somebody else's, known", "exact", "a", "7", "1:a:8:known", "none"},
		{"somebody else's, unknown", "exact", "a", "7", "1:a:8", "claimed 1"},
		{"several unknown", "exact", "a", "7", "2:a:9 1:a:8", "claimed 1 2"},
		{"one known beside a free one", "exact", "a", "7", "1:a:8:known 2:a", "linked 2"},
		{"one unknown beside a free one", "exact", "a", "7", "2:a:8 1:a", "ambiguous 1 2"},
		{"one unknown beside ours", "exact", "a", "7", "1:a:8 2:a:7", "ambiguous 1 2"},
		{"other case is another id", "exact", "a", "x7", "1:a:X7", "claimed 1"},
		{"we have no id to write", "exact", "a", "-", "1:a:8", "claimed 1"},
		{"neither side has an id", "exact", "a", "-", "1:a", "linked 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			form := formOf(t, tt.form)
			got := plan.MatchHits(fieldmap.MatchKey{Compare: form}, value(tt.want), value(tt.external), readHits(tt.hits))
			if matchWords(got) != tt.verdict {
				t.Errorf("got %q, want %q", matchWords(got), tt.verdict)
			}
		})
	}
}

// hitCase is a look-up with everything it brought. A record has one key and one
// external id, however often it is returned.
type hitCase struct {
	key            fieldmap.MatchKey
	want, external string
	hits           []plan.Hit
}

func drawHits(t *rapid.T) hitCase {
	keys, ids := []string{"ab", "AB", "Ab", "abc", "-"}, []string{"-", "7", "8", "9"}
	c := hitCase{
		key:  fieldmap.MatchKey{Compare: oneOf(t, "compare", fieldmap.Exact, fieldmap.Fold, fieldmap.Email)},
		want: oneOf(t, "want", keys...), external: oneOf(t, "external", "7", "-"),
	}
	known := map[string]bool{"8": maybe(t, "8 is known"), "9": maybe(t, "9 is known")}
	for _, id := range []string{"001", "002", "003", "004"} {
		ext := oneOf(t, "carries", ids...)
		h := plan.Hit{ID: id, Key: value(oneOf(t, "key", keys...)), External: value(ext), ExternalKnown: known[ext]}
		for range rapid.IntRange(0, 2).Draw(t, "returned") {
			c.hits = append(c.hits, h)
		}
	}
	return c
}

func (c hitCase) match(hits []plan.Hit) plan.Match {
	return plan.MatchHits(c.key, value(c.want), value(c.external), hits)
}

// hitLaws says in other words than the code which record a look-up means: of
// those that are equal by the key's form and are not known to be somebody
// else's, the only one, if nothing unknown stands in its way.
func hitLaws(t interface {
	Errorf(format string, args ...any)
}, c hitCase,
) {
	var meant []string
	claims := map[string]bool{}
	for _, h := range c.hits {
		theirs := h.External.IsSet() && word(h.External) != c.external
		if c.want == "-" || !c.key.Compare.Equal(h.Key, value(c.want)) || theirs && h.ExternalKnown {
			continue
		}
		meant = append(meant, h.ID)
		claims[h.ID] = theirs
	}
	slices.Sort(meant)
	meant = slices.Compact(meant)
	free := slices.ContainsFunc(meant, func(id string) bool { return !claims[id] })
	want := plan.Match{Kind: plan.NoMatch}
	switch {
	case len(meant) > 0 && !free:
		want = plan.Match{Kind: plan.Claimed, IDs: meant}
	case len(meant) == 1:
		want = plan.Match{Kind: plan.Linked, IDs: meant}
	case len(meant) > 1:
		want = plan.Match{Kind: plan.Ambiguous, IDs: meant}
	}
	if diff := cmp.Diff(want, c.match(c.hits)); diff != "" {
		t.Errorf("%+v: -want +got\n%s", c, diff)
	}
}

// TestMatchHitsLaws: also, the order in which a system returns its hits decides
// nothing (F25).
func TestMatchHitsLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := drawHits(t)
		before := slices.Clone(c.hits)
		hitLaws(t, c)
		if !slices.Equal(before, c.hits) {
			t.Fatal("matching changed the hits")
		}
		if diff := cmp.Diff(c.match(c.hits), c.match(rapid.Permutation(c.hits).Draw(t, "order"))); diff != "" {
			t.Fatalf("another order, another match: %s", diff)
		}
	})
}
