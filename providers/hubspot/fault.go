package hubspot

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"crmsyncd/providers/internal/rest"
	"crmsyncd/providers/internal/scrub"
)

// fault is one error as it is understood.
type fault struct {
	Code    string // the most telling of the vendor's codes
	Message string
	Fields  []string // properties that it names
	Traces  []string // trace ids of the inputs that it is about
	IDs     []string // ids of the records that it is about, or keys of a look-up
	To      []string // ids at the other end of an association
	Scopes  []string
	Policy  string // of a refusal for too many calls
}

// faultJSON takes an error in all its shapes: of a call, of a record in a
// batch, of the token endpoint. Every member may be absent.
type faultJSON struct {
	Status     string       `json:"status"`
	Message    string       `json:"message"`
	Category   string       `json:"category"`
	PolicyName string       `json:"policyName"`
	Context    contextJSON  `json:"context"`
	Errors     []detailJSON `json:"errors"`
	OAuthError string       `json:"error"`
	OAuthText  string       `json:"error_description"`
}

type detailJSON struct {
	Message string      `json:"message"`
	Code    string      `json:"code"`
	Context contextJSON `json:"context"`
}

type contextJSON struct {
	IDs        texts `json:"ids"`
	ID         texts `json:"id"`
	Traces     texts `json:"objectWriteTraceId"`
	Properties texts `json:"propertyName"`
	Scopes     texts `json:"requiredGranularScopes"`
	From       texts `json:"fromObjectId"`
	To         texts `json:"toObjectId"`
}

// texts reads a text, a number, or a list of these: the vendor sends all three.
// Whatever else stands there says nothing.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(raw []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		list = []json.RawMessage{raw}
	}
	*t = nil
	for _, one := range list {
		if s, ok := scalarText(one); ok {
			*t = append(*t, s)
		}
	}
	return nil
}

// scalarText returns the text of a string or of a whole number: ids come as
// either.
func scalarText(raw []byte) (string, bool) {
	var s string
	if len(raw) > 0 && raw[0] == '"' {
		err := json.Unmarshal(raw, &s)
		return s, err == nil
	}
	s = string(raw)
	return s, validID(s)
}

// parseFault reads the error that an answer holds. Where it holds none, as with
// a maintenance page, the fault has no code and the beginning of the text; of
// JSON nothing is shown, for it may be a record's.
func parseFault(resp *rest.Response) fault {
	body := bytes.TrimSpace(resp.Body)
	var j faultJSON
	if bytes.HasPrefix(body, []byte{'{'}) && json.Unmarshal(body, &j) == nil {
		if f := j.fault(); f.Code != "" || f.Message != "" || f.Policy != "" {
			return f
		}
	}
	said := "JSON without an error"
	if len(body) == 0 || body[0] != '{' && body[0] != '[' && body[0] != '"' {
		said = rest.Excerpt(resp)
	}
	return fault{Message: strings.TrimSuffix(statusText(resp.Status)+", "+said, ", ")}
}

// parseFaults reads the errors of single records in a batch's answer.
func parseFaults(raw []byte) []fault {
	var list []faultJSON
	if len(raw) == 0 || json.Unmarshal(raw, &list) != nil {
		return nil
	}
	out := make([]fault, len(list))
	for i := range list {
		out[i] = list[i].fault()
	}
	return out
}

func (j *faultJSON) fault() fault {
	f := fault{Code: j.Category, Message: j.Message, Policy: j.PolicyName}
	f.add(j.Context)
	for i := range j.Errors {
		d := &j.Errors[i]
		f.add(d.Context)
		if d.Code != "" && (f.Code == "" || f.Code == j.Category) {
			f.Code, f.Message = d.Code, d.Message
		}
	}
	f.embedded(j.Message)
	switch {
	case f.Code != "" && f.Code != "VALIDATION_ERROR":
	case strings.Contains(j.Message, "CONFLICTING_UNIQUE_VALUE"):
		f.Code = "CONFLICTING_UNIQUE_VALUE"
	case f.Code == "" && j.Status != "error":
		f.Code = j.Status // the token endpoint has its code there
	}
	if f.Code == "" {
		f.Code = j.OAuthError
	}
	if f.Message == "" {
		f.Message = j.OAuthText
	}
	return f.clean()
}

func (f *fault) add(c contextJSON) {
	f.IDs = append(append(append(f.IDs, c.IDs...), c.ID...), c.From...)
	f.To = append(f.To, c.To...)
	f.Traces = append(f.Traces, c.Traces...)
	f.Fields = append(f.Fields, c.Properties...)
	f.Scopes = append(f.Scopes, c.Scopes...)
}

// embedded reads the list of faults that a message carries behind the words
// "Property values were not valid".
func (f *fault) embedded(msg string) {
	const words = "Property values were not valid: "
	_, tail, ok := strings.Cut(msg, words)
	if !ok {
		return
	}
	var list []struct {
		Message string `json:"message"`
		Error   string `json:"error"`
		Name    string `json:"name"`
	}
	if json.NewDecoder(strings.NewReader(tail)).Decode(&list) != nil || len(list) == 0 {
		if f.Message == msg {
			f.Message = strings.TrimSuffix(words, ": ")
		}
		return
	}
	if f.Code == "" || f.Code == "VALIDATION_ERROR" {
		f.Code = list[0].Error
	}
	f.Message = list[0].Message
	for _, one := range list {
		f.Fields = append(f.Fields, one.Name)
	}
}

// holderOf returns the record that a conflict names: only its text does.
// https://github.com/HubSpot/hubspot-api-php/issues/59, last checked 2026-11-22.
func holderOf(msg string) string {
	_, tail, ok := strings.Cut(msg, "xisting ID:")
	if !ok {
		return ""
	}
	tail = strings.TrimLeft(tail, " ")
	n := 0
	for n < len(tail) && tail[n] >= '0' && tail[n] <= '9' {
		n++
	}
	if !validID(tail[:n]) {
		return ""
	}
	return tail[:n]
}

// clean drops what is no name: it may be a value.
func (f fault) clean() fault {
	if !validName(f.Code) || len(f.Code) > 80 {
		f.Code = ""
	}
	bad := func(name string) bool { return !validName(name) }
	f.Fields = slices.DeleteFunc(f.Fields, bad)
	slices.Sort(f.Fields)
	f.Fields = slices.Compact(f.Fields)
	f.Scopes = slices.DeleteFunc(f.Scopes, func(s string) bool { return !validName(strings.ReplaceAll(s, ".", "_")) })
	return f
}

// longest is how much of the vendor's words is looked at.
const longest = 16 << 10

// unquoted takes out of the vendor's words what they quote of the record: values
// are the customer's, errors are for logs.
func unquoted(msg string) string {
	return quotedValues(strings.Join(strings.Fields(scrub.Printable(scrub.Head(msg, longest))), " "))
}

// quotedValues replaces the values that HubSpot repeats in its messages: what
// stands between quotes or before a known phrase, unless it can be the name of
// a property. A refused option is answered with the list of all that are
// allowed, which goes too.
func quotedValues(msg string) string {
	if head, _, ok := strings.Cut(msg, " was not one of the allowed options"); ok {
		return scrub.Hidden + msg[len(head):len(head)+len(" was not one of the allowed options")]
	}
	return regexp.MustCompile(`"[^"]*"`).ReplaceAllStringFunc(msg, func(q string) string {
		if name := strings.Trim(q, `"`); lowerName(name) {
			return q
		}
		return scrub.Hidden
	})
}

// lowerName reports whether s has the form of a property's name.
func lowerName(s string) bool { return validName(s) && s == strings.ToLower(s) && !validID(s) }
