package salesforcesim

import (
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"strings"
)

func (s *Sim) baseURL(r *http.Request) string {
	if s.opt.BaseURL != "" {
		return strings.TrimSuffix(s.opt.BaseURL, "/")
	}
	scheme := "http"
	if r.TLS != nil || r.URL.Scheme == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

func (s *Sim) identityURL(r *http.Request) string {
	return s.baseURL(r) + "/id/" + s.OrgID() + "/" + makeID(userPrefix, apiUser)
}

// serveIdentity answers userinfo and the identity URL with one object that
// holds the keys of both.
func (s *Sim) serveIdentity(w http.ResponseWriter, r *http.Request) {
	s.calls.count(CallIdentity, "")
	if _, err := s.auth.check(r); err != nil {
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "Bad_OAuth_Token")
		return
	}
	users := s.store.table("User")
	s.store.mu.RLock()
	get := func(name string) string { return users.value(apiUser, &users.rows[apiUser], users.obj.byName[name]) }
	fields := [][2]string{
		{"sub", s.identityURL(r)},
		{"id", s.identityURL(r)},
		{"user_id", makeID(userPrefix, apiUser)},
		{"organization_id", s.OrgID()},
		{"username", get("Username")},
		{"preferred_username", get("Username")},
		{"nick_name", get("FirstName")},
		{"nickname", get("FirstName")},
		{"display_name", get("Name")},
		{"name", get("Name")},
		{"email", get("Email")},
		{"first_name", get("FirstName")},
		{"given_name", get("FirstName")},
		{"last_name", get("LastName")},
		{"family_name", get("LastName")},
		{"user_type", "STANDARD"},
		{"zoneinfo", "GMT"},
		{"timezone", "GMT"},
		{"locale", "en_US"},
		{"language", "en_US"},
	}
	s.store.mu.RUnlock()
	b := []byte{'{'}
	for _, f := range fields {
		b = append(append(append(quote(b, f[0]), ':'), quote(nil, f[1])...), ',')
	}
	base := s.baseURL(r)
	b = append(b, `"email_verified":true,"active":true,"is_app_installed":true,"utcOffset":0,"urls":{`...)
	b = append(append(b, `"rest":`...), quote(nil, base+"/services/data/v{version}/")...)
	b = append(append(b, `,"sobjects":`...), quote(nil, base+"/services/data/v{version}/sobjects/")...)
	b = append(append(b, `,"query":`...), quote(nil, base+"/services/data/v{version}/query/")...)
	b = append(append(b, `,"custom_domain":`...), quote(nil, base)...)
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_, _ = w.Write(append(b, `}}`...))
}

func (s *Sim) revoke(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		(&refusal{"invalid_request", "the form cannot be read"}).send(w)
		return
	}
	token := r.Form.Get("token")
	s.auth.mu.Lock()
	_, isSession := s.auth.sessions[token]
	delete(s.auth.sessions, token)
	good, isRefresh := s.auth.refresh[token]
	if isRefresh {
		s.auth.refresh[token] = false
	}
	s.auth.mu.Unlock()
	if !isSession && (!isRefresh || !good) {
		(&refusal{"unsupported_token_type", "this token type is not supported"}).send(w)
	}
}

func (s *Sim) introspect(w http.ResponseWriter, r *http.Request) {
	s.calls.count(CallIdentity, "")
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		(&refusal{"invalid_request", "the form cannot be read"}).send(w)
		return
	}
	token := r.PostForm.Get("token")
	s.auth.mu.Lock()
	known, found := s.auth.sessions[token]
	active := found || (token != "" && token == s.opt.Token)
	b := []byte(`{"active":` + strconv.FormatBool(active))
	if found && !known.until.IsZero() {
		b = append(b, `,"exp":`+strconv.FormatInt(known.until.Unix(), 10)...)
	}
	s.auth.mu.Unlock()
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_, _ = w.Write(append(b, '}'))
}

// loginEnvelope is the SOAP login of older clients, which is gone from v65.
type loginEnvelope struct {
	Username string `xml:"Body>login>username"`
	Password string `xml:"Body>login>password"`
}

func (s *Sim) serveLogin(w http.ResponseWriter, r *http.Request) {
	s.calls.count(CallToken, "")
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	var in loginEnvelope
	err := xml.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&in)
	const open = `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com" xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>`
	const shut = `</soapenv:Body></soapenv:Envelope>`
	if err != nil || in.Username == "" || (s.opt.Username != "" && !strings.EqualFold(s.opt.Username, in.Username)) ||
		(s.opt.Password != "" && s.opt.Password != in.Password) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, open+`<soapenv:Fault><faultcode>INVALID_LOGIN</faultcode><faultstring>INVALID_LOGIN: Invalid username, password, security token; or user locked out.</faultstring></soapenv:Fault>`+shut)
		return
	}
	s.auth.mu.Lock()
	token := s.auth.open()
	s.auth.mu.Unlock()
	user := makeID(userPrefix, apiUser)
	url := s.baseURL(r) + r.URL.Path + "/" + s.OrgID()[:15]
	_, _ = io.WriteString(w, open+`<loginResponse><result><passwordExpired>false</passwordExpired><serverUrl>`+url+
		`</serverUrl><sandbox>`+strconv.FormatBool(s.opt.Sandbox)+`</sandbox><sessionId>`+token+`</sessionId><userId>`+user+
		`</userId><userInfo><organizationId>`+s.OrgID()+`</organizationId><organizationName>`+escapeXML(s.opt.OrgName)+
		`</organizationName><sessionSecondsValid>7200</sessionSecondsValid><userId>`+user+`</userId><userName>`+escapeXML(in.Username)+
		`</userName></userInfo></result></loginResponse>`+shut)
}

func escapeXML(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}
