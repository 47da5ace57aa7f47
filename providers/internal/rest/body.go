package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"crmsyncd/providers/internal/scrub"
)

// smallBody is how much of an answer is read into a pooled buffer, whatever else
// is held; few answers are longer.
const smallBody = 1 << 20

// read takes the body in, decompressed, up to the limit.
func (c *Client) read(ctx context.Context, resp *http.Response) (*Response, error) {
	defer func() { _ = resp.Body.Close() }()
	buf, ok := c.bodies.Get().(*bytes.Buffer)
	if !ok {
		return nil, errors.New("the pool holds something else")
	}
	buf.Reset()
	out := &Response{Status: resp.StatusCode, Header: resp.Header, buf: buf, pool: &c.bodies}
	n, err := buf.ReadFrom(io.LimitReader(resp.Body, min(smallBody, c.cfg.MaxBody+1)))
	if err == nil && n > c.cfg.MaxBody {
		err = c.tooLarge()
	}
	out.Body = buf.Bytes()
	if err == nil && n == smallBody {
		err = c.readLarge(ctx, resp, out)
	}
	if err != nil {
		out.Release()
		return out, fmt.Errorf("read the answer: %w", err)
	}
	return out, nil
}

func (c *Client) tooLarge() error {
	return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, c.cfg.MaxBody)
}

// excerpt is how much of an answer is looked at for an error.
const excerpt = 4096

// Excerpt returns the beginning of an answer as one line, for Words to clean and
// to shorten. Of an HTML page it is the title: such a page comes from an edge or
// a maintenance window, not from the API.
func Excerpt(resp *Response) string {
	text := scrub.Head(string(resp.Body[:min(len(resp.Body), excerpt+1)]), excerpt)
	if low := strings.ToLower(strings.TrimSpace(text)); strings.HasPrefix(low, "<") {
		title := between(text, "<title>", "</title>")
		if title == "" {
			return "a page of HTML or XML instead of JSON"
		}
		return "a page titled " + `"` + Short(title, excerpt) + `" instead of JSON`
	}
	return Short(text, excerpt)
}

func between(s, from, to string) string {
	low := strings.ToLower(s)
	i := strings.Index(low, from)
	// Lowering may change the length of exotic letters, which makes the offsets
	// useless for s.
	if i < 0 || len(low) != len(s) {
		return ""
	}
	s, low = s[i+len(from):], low[i+len(from):]
	if j := strings.Index(low, to); j >= 0 {
		return s[:j]
	}
	return ""
}

// Short makes one line of at most n bytes of a vendor's words, without control
// or formatting characters.
func Short(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
