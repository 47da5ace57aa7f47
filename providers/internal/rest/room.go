package rest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"
)

// The steps in which an answer grows whose length is not told. A few may be read
// up to a page at once, a longer one only alone; the few leave room for it.
const (
	pageBody = 8 << 20
	chunk    = 1 << 20
	few      = 3
)

// Waiting for room. Somebody who holds answers and waits for room for another
// one must not wait for himself, so it is given after a while in any case.
const (
	patience = 10 * time.Second
	look     = 20 * time.Millisecond
)

// room bounds the bytes of all large answers that are held at once. One that is
// alone always has room.
type room struct {
	limit int64
	used  atomic.Int64
	pages chan struct{} // holds one element for each answer of an unknown length that is read
	alone chan struct{} // and one while it is longer than a page
}

func newRoom(limit int64) *room {
	return &room{limit: limit, pages: make(chan struct{}, few), alone: make(chan struct{}, 1)}
}

// take waits for a place among those that read.
func take(ctx context.Context, places chan struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err() // read says what it does
	}
}

// share is what one answer holds of a room. It refers to no answer, so that it
// can be given back when one is collected.
type share struct {
	room *room
	n    atomic.Int64
}

// grow makes a share larger, waiting until there is room or patience ends.
func (s *share) grow(ctx context.Context, n int64) error {
	r := s.room
	waited := time.Duration(0)
	for {
		used := r.used.Load()
		mine := s.n.Load()
		if fits := used == mine || used+n <= r.limit || waited >= patience; fits {
			if r.used.CompareAndSwap(used, used+n) {
				s.n.Add(n)
				return nil
			}
			continue
		}
		if waited == 0 {
			runtime.GC() // answers that nobody holds any more give back their share
		}
		if err := sleep(ctx, look); err != nil {
			return err
		}
		waited += look
	}
}

// keep gives back all but n bytes.
func (s *share) keep(n int64) {
	s.room.used.Add(n - s.n.Swap(n))
}

func (s *share) release() { s.keep(0) }

// readLarge reads the rest of an answer of which the first part stands in out's
// buffer. Its share of the room is held until it is released or collected.
func (c *Client) readLarge(ctx context.Context, resp *http.Response, out *Response) error {
	if resp.ContentLength > c.cfg.MaxBody {
		return c.tooLarge()
	}
	s := &share{room: c.room}
	body, err := c.readInto(ctx, resp, out.Body, s)
	if err != nil {
		s.release()
		return err
	}
	s.keep(int64(len(body)))
	c.bodies.Put(out.buf)
	out.buf, out.Body, out.share = nil, body, s
	runtime.AddCleanup(out, (*share).release, s)
	return nil
}

// readInto reads on behind head. Of an answer whose length is told all is read
// into its place; of another one the parts are put together at the end.
func (c *Client) readInto(ctx context.Context, resp *http.Response, head []byte, s *share) ([]byte, error) {
	if resp.ContentLength <= int64(len(head)) {
		return c.readUnknown(ctx, resp.Body, head, s)
	}
	if err := s.grow(ctx, resp.ContentLength); err != nil {
		return nil, err
	}
	body := make([]byte, resp.ContentLength)
	copy(body, head)
	_, err := io.ReadFull(resp.Body, body[len(head):])
	return body, err // read says what it does
}

func (c *Client) readUnknown(ctx context.Context, from io.Reader, head []byte, s *share) ([]byte, error) {
	if err := take(ctx, s.room.pages); err != nil {
		return nil, err
	}
	defer func() { <-s.room.pages }()
	page := min(int64(pageBody), c.cfg.MaxBody+1)
	if err := s.grow(ctx, page); err != nil {
		return nil, err
	}
	parts, n, ended, err := readParts(from, page-int64(len(head)))
	if err == nil && !ended && page <= c.cfg.MaxBody {
		if err := take(ctx, s.room.alone); err != nil {
			return nil, err
		}
		defer func() { <-s.room.alone }()
		if err := s.grow(ctx, c.cfg.MaxBody-page); err != nil {
			return nil, err
		}
		var more [][]byte
		var m int64
		more, m, _, err = readParts(from, c.cfg.MaxBody+1-page)
		parts, n = append(parts, more...), n+m
	}
	if err != nil {
		return nil, err
	}
	if n += int64(len(head)); n > c.cfg.MaxBody {
		return nil, c.tooLarge()
	}
	return join(head, parts, n), nil
}

// readParts reads up to n bytes and reports whether that was all there is.
func readParts(from io.Reader, n int64) (parts [][]byte, total int64, ended bool, err error) {
	for total < n {
		part := make([]byte, min(chunk, n-total))
		filled := 0
		for filled < len(part) && err == nil {
			var m int
			m, err = from.Read(part[filled:])
			filled += m
		}
		parts, total = append(parts, part[:filled]), total+int64(filled)
		switch {
		case errors.Is(err, io.EOF):
			return parts, total, true, nil
		case err != nil:
			return nil, 0, false, err // read says what it does
		}
	}
	return parts, total, false, nil
}

func join(head []byte, parts [][]byte, n int64) []byte {
	body := make([]byte, 0, n)
	body = append(body, head...)
	for i := range parts {
		body = append(body, parts[i]...)
		parts[i] = nil
	}
	return body
}
