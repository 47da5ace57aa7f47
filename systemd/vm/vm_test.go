package main

import (
	"slices"
	"strings"
	"testing"
)

// TestStepsNeedWhatIsBefore: a step that needs one which comes later, or none of
// ours, would never find what it needs.
func TestStepsNeedWhatIsBefore(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range steps() {
		for _, n := range s.needs {
			if !seen[n] {
				t.Errorf("%q needs %q, which is not before it", s.name, n)
			}
		}
		if seen[s.name] {
			t.Errorf("two steps are named %q", s.name)
		}
		seen[s.name] = true
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	all := []step{{name: "boot"}, {name: "install", needs: []string{"boot"}}, {name: "other", needs: []string{"boot"}}, {name: "power cut", needs: []string{"install"}}}
	for pattern, want := range map[string]string{
		"":         "boot install other power cut",
		"cut":      "boot install power cut",
		"oth|inst": "boot install other",
		"none":     "",
		"(":        "",
	} {
		chosen, err := choose(all, pattern)
		var names []string
		for _, s := range chosen {
			names = append(names, s.name)
		}
		if got := strings.Join(names, " "); got != want || (err == nil) != (want != "") {
			t.Errorf("-run %q plays %q, %v; want %q", pattern, got, err, want)
		}
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	const targets = `http://mirror.example/debian/ bookworm main
http://mirror.example/debian/ bookworm main
http://mirror.example/debian/ bookworm contrib
http://mirror.example/security/ bookworm-security main
http://other.example/ bookworm-other main
http://third.example/linux bookworm stable
`
	want := []string{"deb http://mirror.example/debian/ bookworm main", "deb http://mirror.example/security/ bookworm-security main"}
	if got := sources(targets, "bookworm"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	if got, want := quote("it's $HOME"), `'it'\''s $HOME'`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
