package providertest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

// What a server repeats besides the credential.
const (
	echoMail  = "ann.echo@larch.test"
	echoPhone = "+49 (40) 5550-1234"
)

// echoing proves that nothing a vendor says comes out of a provider before
// secrets, e-mail addresses and phone numbers are taken out of it (C12.1).
func echoing() map[string]func(*testing.T, Setup) {
	tests := map[string]func(*testing.T, Setup){
		"in a refused write": testEchoedWrite,
		"in a refused token": testEchoedToken,
	}
	for _, status := range []int{400, 401, 403, 404, 500} {
		tests[fmt.Sprintf("with status %d", status)] = func(t *testing.T, s Setup) { testEchoed(t, s, s.ReadPath, status) }
	}
	return tests
}

// said is all that an error tells: its text, and the parts of it that others
// show by themselves.
func said(err error) string {
	text := fmt.Sprintf("%v %+v %s", err, err, err)
	var e *providers.Error
	for errors.As(err, &e) {
		text += fmt.Sprint(" ", e.Op, " ", e.Code, " ", e.Message, " ", e.Fields, " ", e.Successor, " ", e.Hint, " ", e.Ref)
		err = e.Err
	}
	return text
}

func (s *Setup) keepsQuiet(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	s.keepsSecrets(t, err)
	text := said(err)
	for _, private := range []string{echoMail, "ann.echo", echoPhone, "5550"} {
		if strings.Contains(text, private) {
			t.Errorf("an error shows %q: %s", private, text)
		}
	}
}

// echoes returns what a server might repeat of a request: words around it all,
// and the credential alone, where a code or a name of a field is expected.
func (s *Setup) echoes(req *http.Request) []string {
	auth := req.Header.Get("Authorization")
	_, key, _ := strings.Cut(auth, " ")
	if key == "" && len(s.Secrets) > 0 {
		key = s.Secrets[0]
	}
	words := "the credential " + auth + " of " + echoMail + ", " + echoPhone + ", is bad: " + strings.Join(s.Secrets, " or ")
	if plain, err := base64.StdEncoding.DecodeString(key); err == nil {
		words += ", " + string(plain)
	}
	return []string{
		words, strings.Repeat("x ", 110) + words, key, url.QueryEscape(key), base64.StdEncoding.EncodeToString([]byte(key)),
	}
}

// bodies are the forms in which vendors refuse.
func bodies(words string) []string {
	quoted, err := json.Marshal(words)
	if err != nil {
		return nil
	}
	var out []string
	for _, form := range []string{
		`[{"errorCode":W,"message":W,"fields":[W]}]`, `[{"errorCode":"INVALID_FIELD","message":W,"fields":[W,"Name"]}]`,
		`{"status":"error","category":W,"message":W,"context":{"propertyName":[W],"ids":[W]},"errors":[{"code":W,"message":W,"context":{"propertyName":W}}]}`,
		`{"status":"error","category":"MISSING_SCOPES","message":W,"errors":[{"message":W,"context":{"requiredGranularScopes":[W]}}]}`,
		`{"error":W,"errors":[W,{"x":W}],"field-errors":{W:W}}`, `{"error":W,"error_description":W,"message":W,"qb_error_code":W}`,
		`"W"`,
	} {
		out = append(out, strings.ReplaceAll(strings.ReplaceAll(form, `"W"`, "W"), "W", string(quoted)))
	}
	return append(out, words, "<html><title>"+words+"</title><p>"+words+"</p></html>", "<html>"+strings.Repeat(" ", 4000)+words)
}

// testEchoedToken refuses the exchange of a token so.
func testEchoedToken(t *testing.T, s Setup) {
	if s.TokenPath == "" {
		t.Skip("its credential is no token")
	}
	testEchoed(t, s, s.TokenPath, http.StatusBadRequest)
}

// testEchoed answers the calls of one path with every form of a refusal, and
// lists.
func testEchoed(t *testing.T, s Setup, path string, status int) {
	t.Helper()
	n := 1
	for form := 0; form < n; form++ {
		s.Wire.Twist = func(req *http.Request, was int, body []byte) (int, []byte) {
			if !strings.Contains(req.URL.RequestURI(), path) {
				return was, body
			}
			var all []string
			for _, words := range s.echoes(req) {
				all = append(all, bodies(words)...)
			}
			n = len(all)
			return status, []byte(all[form])
		}
		s.keepsQuiet(t, s.list(t.Context(), t, nil).err)
	}
}

// testEchoedWrite lets the vendor's own refusals of single records repeat it all:
// a call that succeeds may hold them.
func testEchoedWrite(t *testing.T, s Setup) {
	if s.Write == nil {
		t.Skip("it is no Writer")
	}
	made := s.create(t, s.Write.Patch(1))
	n := 1
	for at := 0; at < n; at++ {
		s.Wire.Twist = func(req *http.Request, status int, body []byte) (int, []byte) {
			var doc any
			if !strings.Contains(req.URL.RequestURI(), s.Write.Path) || json.Unmarshal(body, &doc) != nil {
				return status, body
			}
			all := s.echoes(req)
			n = len(all)
			out, err := json.Marshal(twist(doc, all[at], status >= http.StatusBadRequest))
			if err != nil {
				return status, body
			}
			return status, out
		}
		res, err := s.writer(t).Create(t.Context(), s.Write.Object, []record.Patch{s.Write.Patch(10 + 2*at), s.Write.Bad(), s.Write.Patch(1), s.Write.Patch(11 + 2*at)})
		if err != nil || len(res) != 4 {
			t.Fatalf("%d results, %v", len(res), err)
		}
		for _, i := range []int{1, 2} {
			if res[i].Err == nil {
				t.Fatalf("result %d has no error", i)
			}
			s.keepsQuiet(t, res[i].Err)
		}
		gone, err := s.writer(t).Update(t.Context(), s.Write.Object, []record.Patch{
			{ID: made[0].ID, Fields: []record.FieldValue{s.Write.Change}}, {ID: s.Write.Absent, Fields: []record.FieldValue{s.Write.Change}},
		})
		if err == nil {
			err = gone[1].Err
		}
		s.keepsQuiet(t, err)
	}
}

// twist puts words into every text of a refusal, but for those by which an
// answer tells records apart.
func twist(doc any, words string, refusal bool) any {
	switch v := doc.(type) {
	case []any:
		for i := range v {
			v[i] = twist(v[i], words, refusal)
		}
	case map[string]any:
		for name, one := range v {
			switch name {
			case "id", "ids", "objectWriteTraceId", "status":
				continue
			}
			v[name] = twist(one, words, refusal || name == "errors" || name == "error")
		}
	case string:
		if refusal {
			return v + " " + words
		}
	}
	return doc
}
