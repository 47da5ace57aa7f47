package qbench

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/rest"
)

// vendorMaxPage is the largest page that the lists of v1 give.
// https://junctionconcepts.zendesk.com/hc/en-us/articles/360044676891, last checked 2026-11-22.
const vendorMaxPage = 50

// Third-party clients met a limit of 300 calls in 60 seconds, not confirmed by
// the vendor. 240 and a small burst stay below it and leave room for others.
const (
	defaultPerMinute = 240
	burst            = 20
)

// throttleHeader holds the seconds to wait, as one third-party client found.
const throttleHeader = "X-Qbapi-Throttle-Ttl"

// customerIDs is the field of a contact that names its customers: there may be
// several. https://junctionconcepts.zendesk.com/hc/en-us/articles/360044676971, last checked 2026-11-22.
const customerIDs = "customer_ids"

// An address comes as text, as an object, or as null, by tenant. Text is all
// street.
const (
	address       = "address"
	addressPrefix = address + "."
)

func isStreet(field string) bool {
	return field == addressPrefix+"street" || field == addressPrefix+"street_1"
}

// apiError is the body of a refusal. The shapes are those that third-party
// clients handle.
type apiError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Message     string `json:"message"`
	Code        string `json:"qb_error_code"`
}

func readError(body []byte) apiError {
	var e apiError
	// Whatever could be read is all there is to say.
	_ = json.Unmarshal(body, &e)
	return e
}

// classify knows that an expired token may show as a 400, as two of four
// third-party clients found.
func classify(r *rest.Request, resp *rest.Response) rest.Verdict {
	if resp.Status != http.StatusBadRequest || r.NoAuth {
		return rest.Standard
	}
	if refusedToken(readError(resp.Body)) {
		return rest.Reauth
	}
	return rest.Standard
}

func refusedToken(e apiError) bool {
	return e.Error == "invalid_grant" || e.Error == "invalid_request" || e.Error == "invalid_token"
}

// learn reads how long to wait from the header, or else from the words of the
// refusal.
func learn(resp *rest.Response) rest.Signal {
	if resp.Status != http.StatusTooManyRequests {
		return rest.Signal{}
	}
	text := resp.Header.Get(throttleHeader)
	if text == "" {
		if m := regexp.MustCompile(`(?i)retry in (\d{1,9}) second`).FindSubmatch(resp.Body); m != nil {
			text = string(m[1])
		}
	}
	secs, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || secs < 0 {
		return rest.Signal{}
	}
	return rest.Signal{RetryAfter: time.Duration(min(secs, 24*60*60)) * time.Second}
}

// failure returns nil for a good answer, and otherwise an error that says how
// far it reaches.
func (c *Client) failure(op string, resp *rest.Response, err error) error {
	if err != nil {
		e := &providers.Error{Op: op, Kind: kindOf(err), Err: err}
		var known *providers.Error
		var wait *rest.WaitError
		switch {
		case errors.As(err, &known):
			e.RetryAfter = known.RetryAfter
		case errors.As(err, &wait):
			e.RetryAfter = wait.Left
		}
		return e
	}
	if resp.Status == http.StatusOK {
		return nil
	}
	defer resp.Release()
	said := readError(resp.Body)
	e := &providers.Error{
		Op: op, Kind: kindOfStatus(resp.Status, said), Code: said.Code,
		Message: "status " + strconv.Itoa(resp.Status), RetryAfter: resp.Signal.RetryAfter,
	}
	for _, words := range []string{said.Error, said.Description, said.Message} {
		if words != "" && words != said.Code {
			e.Message += ", " + words
		}
	}
	if e.Kind == providers.Denied {
		e.Hint = "check the API client's id, secret and scopes in QBench"
	}
	return c.rest.Words().Error(e)
}

func kindOf(err error) providers.Kind {
	var known *providers.Error
	switch {
	case errors.As(err, &known):
		return known.Kind
	case errors.Is(err, rest.ErrBudget):
		return providers.Budget
	case errors.Is(err, rest.ErrTooLarge), errors.Is(err, rest.ErrForeignHost):
		return providers.Broken
	}
	return providers.Transient
}

func kindOfStatus(status int, said apiError) providers.Kind {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return providers.Denied
	case status == http.StatusBadRequest && refusedToken(said):
		return providers.Denied
	case status == http.StatusNotFound, status == http.StatusGone:
		return providers.Missing
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= 500:
		return providers.Transient
	}
	return providers.Broken
}

// unreadable is the error of an answer that is not what it should be. It shows
// nothing of a JSON answer, which holds customers' data.
func (c *Client) unreadable(op string, resp *rest.Response, err error) error {
	e := &providers.Error{Op: op, Kind: providers.Broken, Err: err}
	if strings.HasPrefix(strings.TrimSpace(string(resp.Body[:min(len(resp.Body), 64)])), "<") {
		e.Message = rest.Excerpt(resp)
	}
	return c.rest.Words().Error(e)
}
