package simrules_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/internal/simrules"
)

// vendor has one object with the fields id, name and phone.
type vendor struct{ records []map[string]string }

func (v *vendor) Resolve(r *simrules.Rule) error {
	if r.Object != "thing" {
		return errText("there is no object " + r.Object)
	}
	for _, f := range r.Fields {
		if !slices.Contains([]string{"name", "phone"}, f) {
			return errText("thing has no field " + f)
		}
	}
	return nil
}

func (v *vendor) Stands(r *simrules.Rule) bool {
	return slices.ContainsFunc(v.records, func(x map[string]string) bool { return r.Fits(of(x)) })
}

type errText string

func (e errText) Error() string { return string(e) }

// of are the values of some states of a record.
func of(states ...map[string]string) simrules.Values {
	return func(field string) (list []string) {
		for _, s := range states {
			if v, has := s[field]; has {
				list = append(list, v)
			}
		}
		return list
	}
}

func acme() map[string]string { return map[string]string{"id": "1", "name": "Acme", "phone": "1"} }

func newKeeper() (*simrules.Set, *simrules.Keeper) {
	set := &simrules.Set{}
	return set, simrules.NewKeeper(set, &vendor{[]map[string]string{acme()}})
}

// C16.1: a rule that fits no record, or names what nobody knows, is refused
// with what is wrong.
func TestC16_1_RulesAreRead(t *testing.T) {
	for _, tt := range []struct{ rule, wrong string }{
		{`{"object":"thing"}`, ""},
		{`{"object":"thing","match":{"id":1,"name":"Acme"},"effect":"hide"}`, ""},
		{`{"object":"thing","match":{"name":"Later"},"on":"create"}`, ""},
		{`{"object":"thing","effect":"ignore","times":3}`, ""},
		{`{"object":"thing","effect":"rewrite","fields":["name"],"form":"upper"}`, ""},
		{`{"object":"thing","effect":"malform","fields":["name"],"form":"nan"}`, ""},
		{`{"object":"thing","fields":["name"],"when":"missing","unnamed":true}`, ""},
		{`{"object":"thing","match":{"name":"Other"}}`, "no thing fits"},
		{`{"object":"thing","match":{"id":2},"effect":"hide"}`, "no thing fits"},
		{`{"object":"other"}`, "no object other"},
		{`{}`, "object is missing"},
		{`{"object":"thing","fields":["fax"]}`, "no field fax"},
		{`{"object":"thing","effect":"explode"}`, `effect is "explode"`},
		{`{"object":"thing","on":"delete"}`, `on is "delete"`},
		{`{"object":"thing","times":-1}`, "times is -1"},
		{`{"object":"thing","effect":"hide","times":1}`, "times does not go with the effect hide"},
		{`{"object":"thing","effect":"hide","code":"X"}`, "code does not go with"},
		{`{"object":"thing","effect":"malform","fields":["name"],"form":"upper"}`, `form is "upper"`},
		{`{"object":"thing","effect":"malform","form":"nan"}`, "needs fields"},
		{`{"object":"thing","effect":"rewrite","fields":["name"]}`, "either a form"},
		{`{"object":"thing","effect":"rewrite","fields":["name"],"form":"trim","text":"x"}`, "either a form"},
		{`{"object":"thing","fields":["name"],"when":"never"}`, `when is "never"`},
		{`{"object":"thing","when":"any"}`, "need fields"},
		{`{"object":"thing","match":{"name":["Acme"]}}`, "must be a text"},
		{`{"object":"thing","filds":["name"]}`, "filds"},
		{`{"object":"thing","object":"thing"}`, "duplicate"},
		{`{"object":"thing"} {}`, "read the rule"},
		{`{"object":`, "read the rule"},
		{`[]`, "read the rule"},
	} {
		_, k := newKeeper()
		_, err := k.ArmRule([]byte(tt.rule))
		switch {
		case tt.wrong == "" && err != nil:
			t.Errorf("%s: %v", tt.rule, err)
		case tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong)):
			t.Errorf("%s: got %v, want %q", tt.rule, err, tt.wrong)
		}
	}
}

func arm(t *testing.T, k *simrules.Keeper, rule string) int {
	t.Helper()
	id, err := k.ArmRule([]byte(rule))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestC16_1_RefusalsMeetTheirWrites(t *testing.T) {
	update := simrules.Write{Object: "thing", Given: []string{"phone"}, Credential: "s3cret", Values: of(acme(), map[string]string{"phone": "2"})}
	create := simrules.Write{Object: "thing", Create: true, Given: []string{"name"}, Values: of(map[string]string{"name": "New"})}
	for _, tt := range []struct {
		rule   string
		update []string // text and fields; nil is no refusal
		create []string
	}{
		{`{"object":"thing","text":"no"}`, []string{"no"}, []string{"no"}},
		{`{"object":"thing","text":"no","on":"update"}`, []string{"no"}, nil},
		{`{"object":"thing","text":"no","on":"create"}`, nil, []string{"no"}},
		{`{"object":"thing","text":"no","match":{"phone":"1"}}`, []string{"no"}, nil},
		{`{"object":"thing","text":"no","match":{"phone":"2"},"on":"create"}`, nil, nil},
		{`{"object":"thing","text":"no","fields":["phone"]}`, []string{"no", "phone"}, nil},
		{`{"object":"thing","text":"no","fields":["phone"],"unnamed":true}`, []string{"no"}, nil},
		{`{"object":"thing","text":"no","fields":["phone"],"when":"missing"}`, nil, []string{"no", "phone"}},
		{`{"object":"thing","text":"no","fields":["phone","name"],"when":"any"}`, []string{"no", "phone", "name"}, []string{"no", "phone", "name"}},
		{`{"object":"thing","text":"{credential} of {name} ({id}, {phone}) {fax} {","match":{"id":"1"}}`, []string{"s3cret of Acme (1, 2) {fax} {"}, nil},
	} {
		set, k := newKeeper()
		arm(t, k, tt.rule)
		for _, x := range []struct {
			w    simrules.Write
			want []string
		}{{update, tt.update}, {create, tt.create}} {
			var got []string
			if no := set.Refusal(x.w); no != nil {
				got = append([]string{no.Text}, no.Fields...)
			}
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Errorf("%s, create %v: (-want +got)\n%s", tt.rule, x.w.Create, diff)
			}
		}
	}
}

func TestC16_1_RulesEndAfterTheirTimes(t *testing.T) {
	set, k := newKeeper()
	refuse := arm(t, k, `{"object":"thing","times":2}`)
	ignore := arm(t, k, `{"object":"thing","effect":"ignore","fields":["phone"],"times":1}`)
	w := simrules.Write{Object: "thing", Given: []string{"phone"}, Values: of(acme())}
	for i, want := range []bool{true, true, false} {
		if got := set.Refusal(w) != nil; got != want {
			t.Errorf("write %d: refused %v", i, got)
		}
	}
	if first, second := set.Changes(w), set.Changes(w); !first.Keeps("phone") || first.Keeps("name") || second != nil {
		t.Errorf("ignored: %v, then %v", first, second)
	}
	var fired []int
	for _, a := range k.Rules() {
		fired = append(fired, a.ID, a.Fired)
	}
	if diff := cmp.Diff([]int{refuse, 2, ignore, 1}, fired); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestC16_1_FormsOfValues(t *testing.T) {
	for rule, want := range map[string]string{
		`{"object":"thing","effect":"rewrite","fields":["name"],"form":"upper"}`:           " ACME ",
		`{"object":"thing","effect":"rewrite","fields":["name"],"form":"lower"}`:           " acme ",
		`{"object":"thing","effect":"rewrite","fields":["name"],"form":"trim"}`:            "Acme",
		`{"object":"thing","effect":"rewrite","fields":["name"],"text":"Else"}`:            "Else",
		`{"object":"thing","effect":"rewrite","fields":["phone"],"text":"Else"}`:           " Acme ",
		`{"object":"thing","effect":"rewrite","fields":["name"],"text":"x","on":"create"}`: " Acme ",
	} {
		set, k := newKeeper()
		arm(t, k, rule)
		got := set.Changes(simrules.Write{Object: "thing", Given: []string{"name"}, Values: of(acme())}).Form("name", " Acme ")
		if got != want {
			t.Errorf("%s: got %q, want %q", rule, got, want)
		}
	}
	for form, want := range map[string]string{
		simrules.Surrogate: `"A \"b\"\ud83d"`, simrules.NaN: "NaN", simrules.Newline: "\"A \\\"b\\\"\n\"",
	} {
		got := simrules.AppendMalformed(nil, form, `A "b"`)
		if string(got) != want {
			t.Errorf("%s: got %q", form, got)
		}
		if form != simrules.Surrogate && json.Valid(got) {
			t.Errorf("%s is valid JSON", form)
		}
	}
}

func TestC16_1_RulesDoor(t *testing.T) {
	set, k := newKeeper()
	do := func(method, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		k.RulesDoor().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w
	}
	if w := do("POST", "/_sim/rules", `{"object":"thing","match":{"id":9},"effect":"hide"}`); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "no thing fits") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	var made struct{ ID int }
	w := do("POST", "/_sim/rules", `{"object":"thing","match":{"id":1},"effect":"hide"}`)
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != http.StatusCreated {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	if !set.Hides("thing", of(acme())) || set.Hides("other", of(acme())) {
		t.Error("not hidden, or too much is")
	}
	if w := do("GET", "/_sim/rules", ""); w.Body.String() != `{"rules":[{"id":1,"object":"thing","match":{"id":"1"},"effect":"hide","fired":1}]}` {
		t.Errorf("got %s", w.Body)
	}
	one := "/_sim/rules/" + strconv.Itoa(made.ID)
	for _, want := range []int{http.StatusNoContent, http.StatusNotFound} {
		if w := do("DELETE", one, ""); w.Code != want {
			t.Errorf("got %d %s, want %d", w.Code, w.Body, want)
		}
	}
	if set.Hides("thing", of(acme())) || set.Reading() {
		t.Error("still hidden")
	}
	arm(t, k, `{"object":"thing"}`)
	if w := do("DELETE", "/_sim/rules", ""); w.Code != http.StatusNoContent || len(k.Rules()) != 0 {
		t.Errorf("got %d, %d rules", w.Code, len(k.Rules()))
	}
}

// A rule that is taken is told again as one that is taken.
func FuzzArmRule(f *testing.F) {
	f.Add(`{"object":"thing","match":{"id":1},"effect":"hide"}`)
	f.Add(`{"object":"thing","effect":"rewrite","fields":["name"],"text":"{name"}`)
	f.Add(`{"object":"thing","match":{"a":[]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		set, k := newKeeper()
		if _, err := k.ArmRule([]byte(text)); err != nil {
			return
		}
		set.Refusal(simrules.Write{Object: "thing", Given: []string{"name"}, Values: of(acme())})
		raw, err := json.Marshal(k.Rules()[0].Rule)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.ArmRule(raw); err != nil {
			t.Errorf("%s, told as %s: %v", text, raw, err)
		}
	})
}
