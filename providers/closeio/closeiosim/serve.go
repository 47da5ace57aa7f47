package closeiosim

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds a request's body.
const maxBody = 4 << 20

// call is one request to the API, past its credentials.
type call struct {
	*Sim
	r     *http.Request
	path  []string // what follows /api/v1/
	query url.Values
	body  []byte
	who   *actor
}

// answer is what a call comes to. Writes to the network happen after the
// store's lock is free.
type answer struct {
	status int
	body   []byte
}

func ok(body []byte) answer { return answer{http.StatusOK, body} }

// notFound is the answer as it was recorded.
func notFound() answer {
	return answer{http.StatusNotFound, errorBody("The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.")}
}

func badRequest(text string) answer { return answer{http.StatusBadRequest, errorBody(text)} }

func badField(name, text string) answer {
	return badFields(fieldErrors{name: text})
}

// badFields is a refused request with a text per field.
func badFields(e fieldErrors) answer {
	return answer{http.StatusBadRequest, encode(map[string]any{"errors": []string{}, "field-errors": e})}
}

// forbidden is plain text under a JSON content type, as Close's own client met it.
func forbidden() answer { return answer{http.StatusForbidden, []byte("Forbidden")} }

func errorBody(text string) []byte { return encode(map[string]string{"error": text}) }

func send(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// serve routes a request.
func (s *Sim) serve(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	if !strings.HasSuffix(path, "/") {
		s.count("redirected")
		to := path + "/"
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusPermanentRedirect)
		return
	}
	if path == "/oauth2/token/" {
		s.serveToken(w, r)
		return
	}
	rest, inAPI := strings.CutPrefix(path, "/api/v1/")
	byKey, admitted := s.auth.admits(r)
	switch {
	case !inAPI || rest == "":
		s.count("unknown")
		a := notFound()
		send(w, a.status, a.body)
		return
	case !admitted:
		s.count("unauthorized")
		w.Header().Set("WWW-Authenticate", `Basic realm="Close"`)
		send(w, http.StatusUnauthorized, errorBody("The server could not verify that you are authorized to access the URL requested. You either supplied the wrong credentials (e.g. a bad API key), or your browser doesn't understand how to supply the credentials required."))
		return
	}
	c := &call{Sim: s, r: r, path: strings.Split(strings.Trim(rest, "/"), "/"), query: r.URL.Query()}
	a := c.admitted(w.Header(), byKey)
	send(w, a.status, a.body)
}

// admitted serves a call whose credentials are good.
func (c *call) admitted(h http.Header, byKey bool) answer {
	if wait := c.limits.admit(c.r.Method+" "+c.path[0], h); wait > 0 {
		c.count("limited")
		return answer{http.StatusTooManyRequests, limitedBody(wait)}
	}
	for i, p := range c.path {
		part, err := url.PathUnescape(p)
		if err != nil {
			return notFound()
		}
		c.path[i] = part
	}
	if a, fine := c.read(); !fine {
		return a
	}
	c.identify(byKey)
	return c.route()
}

// read takes the body, and unfolds a GET whose long filters came by POST.
func (c *call) read() (refusal answer, fine bool) {
	if c.r.Method == http.MethodGet || c.r.Method == http.MethodDelete {
		return answer{}, true
	}
	if !strings.HasPrefix(c.r.Header.Get("Content-Type"), "application/json") {
		return answer{http.StatusUnsupportedMediaType, errorBody("Did not attempt to load JSON data because the request Content-Type was not 'application/json'.")}, false
	}
	body, err := io.ReadAll(io.LimitReader(c.r.Body, maxBody+1))
	if err != nil || len(body) > maxBody || !json.Valid(body) {
		return badRequest("Failed to decode JSON object."), false
	}
	c.body = body
	if c.r.Method != http.MethodPost || !strings.EqualFold(c.r.Header.Get("X-HTTP-Method-Override"), http.MethodGet) {
		return answer{}, true
	}
	var long struct {
		Params map[string]any `json:"_params"`
	}
	if json.Unmarshal(body, &long) != nil {
		return badRequest("Failed to decode JSON object."), false
	}
	for name, v := range long.Params {
		c.query.Set(name, plain(string(encode(v))))
	}
	c.r.Method = http.MethodGet
	return answer{}, true
}

func (c *call) identify(byKey bool) {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	c.who = &actor{
		userID: c.store.me.id, requestID: c.store.traces.next("req_"),
		method: c.r.Method, path: c.r.URL.Path, credential: credential(c.r),
	}
	if byKey {
		c.who.keyID = c.store.keyID
	}
	if hours, err := strconv.ParseFloat(c.r.Header.Get("X-TZ-Offset"), 64); err == nil {
		c.who.zone = time.Duration(hours * float64(time.Hour))
	}
}

// route finds what serves the call, counts it and serves it.
func (c *call) route() answer {
	name, serve := c.handler()
	if serve == nil {
		c.count("unknown")
		return notFound()
	}
	c.note(name)
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	c.store.convert()
	return serve()
}

func (c *call) notAllowed() answer {
	return answer{http.StatusMethodNotAllowed, errorBody("The method is not allowed for the requested URL.")}
}

// handler names the call and what serves it.
func (c *call) handler() (name string, serve func() answer) {
	get := c.r.Method == http.MethodGet
	first := c.path[0]
	switch {
	case len(c.path) == 2 && first == "data" && c.path[1] == "search" && c.r.Method == http.MethodPost:
		q, refusal := c.parseSearch()
		if q == nil {
			return "search", func() answer { return refusal }
		}
		return "search." + q.kind.String(), func() answer { return c.search(q) }
	case len(c.path) == 2 && first == "lead" && c.path[1] == "merge" && c.r.Method == http.MethodPost:
		return "merge", c.mergeLeads
	}
	if k, known := kindNamed(first); known && len(c.path) <= 2 {
		return c.recordHandler(k)
	}
	name, serve = c.otherHandler()
	if serve != nil && !get {
		return "refused", c.notAllowed
	}
	return name, serve
}

func (c *call) recordHandler(k kind) (string, func() answer) {
	if len(c.path) == 1 {
		switch c.r.Method {
		case http.MethodGet:
			return "list." + k.String(), func() answer { return c.list(k) }
		case http.MethodPost:
			return "create." + k.String(), func() answer { return c.createRecord(k) }
		}
		return "refused", c.notAllowed
	}
	switch c.r.Method {
	case http.MethodGet:
		return "get." + k.String(), func() answer { return c.getRecord(k) }
	case http.MethodPut:
		return "update." + k.String(), func() answer { return c.updateRecord(k) }
	case http.MethodDelete:
		return "delete." + k.String(), func() answer { return c.deleteRecord(k) }
	}
	return "refused", c.notAllowed
}

// otherHandler finds the resources that are only read here.
func (c *call) otherHandler() (string, func() answer) {
	second := ""
	if len(c.path) > 1 {
		second = c.path[1]
	}
	switch pattern := c.path[0] + "/" + strconv.Itoa(len(c.path)); pattern {
	case "me/1":
		return "me", c.showMe
	case "user/1":
		return "list.user", c.listUsers
	case "user/2":
		return "get.user", c.getUser
	case "organization/2":
		return "organization", c.showOrganization
	case "status/2":
		if second == "lead" || second == "opportunity" {
			return second + "_statuses", c.listStatuses
		}
	case "pipeline/1":
		return "pipelines", c.listPipelines
	case "custom_field_schema/2":
		return "schema." + second, c.showSchema
	case "custom_field/2":
		return "custom_fields." + second, c.listFields
	case "custom_field/3":
		return "custom_field." + second, c.getField
	case "event/1":
		return "list.event", c.listEvents
	case "event/2":
		return "get.event", c.getEvent
	}
	return "", nil
}

// refusal turns an error of a write into an answer.
func refusal(err error) answer {
	var bad fieldErrors
	var call refusedCall
	switch {
	case errors.As(err, &call):
		return answer{call.status, errorBody(call.text)}
	case errors.Is(err, errForbidden):
		return forbidden()
	case errors.As(err, &bad):
		return badFields(bad)
	}
	return badRequest(err.Error())
}
