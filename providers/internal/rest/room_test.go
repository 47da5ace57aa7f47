package rest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/providers/internal/rest"
)

// tank counts the bytes that answers handed out and that were not released.
type tank struct {
	mu        sync.Mutex
	now, most int64
}

func (k *tank) add(n int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now += n
	k.most = max(k.most, k.now)
}

// stream is a body of n bytes, each of its parts late.
type stream struct {
	tank *tank
	left int64
}

func (s *stream) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(time.Millisecond)
	n := min(int64(len(p)), s.left)
	s.left -= n
	s.tank.add(n)
	return int(n), nil
}

func (s *stream) Close() error { return nil }

func streams(k *tank, size int64, told bool) steps {
	return steps{func(r *http.Request) (*http.Response, error) {
		resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: &stream{k, size}, ContentLength: -1, Request: r}
		if told {
			resp.ContentLength = size
		}
		return resp, nil
	}}
}

// C13.6: large answers that come at once are read one after the other, as
// earlier ones are released; small ones wait for nobody.
func TestC13_6_AnswersHeldAtOnce(t *testing.T) {
	const mib = 1 << 20
	for name, tt := range map[string]struct {
		size int64
		told bool
		most int64
	}{
		"long, their length told": {30 * mib, true, 70 * mib},
		"long":                    {30 * mib, false, 80 * mib},
		"pages":                   {6 * mib, false, 72 * mib},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := &tank{}
				c := client(t, &script{steps: streams(k, tt.size, tt.told)}, nil)
				start := time.Now()
				var wg sync.WaitGroup
				for range 5 {
					wg.Go(func() {
						resp, err := c.Do(t.Context(), get())
						if err != nil || int64(len(resp.Body)) != tt.size {
							t.Error(err)
							return
						}
						time.Sleep(time.Second)
						resp.Release()
						k.add(-tt.size)
					})
				}
				wg.Wait()
				if k.now != 0 || k.most > tt.most {
					t.Errorf("%d MiB were held at once, want at most %d", k.most/mib, tt.most/mib)
				}
				if took := time.Since(start); took > 15*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// Who holds large answers and asks for another does not wait for himself for
// ever, and whoever waits ends with his context.
func TestRoomIsGivenInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, &script{steps: streams(&tank{}, 30<<20, true)}, func(c *rest.Config) { c.MaxHeld = 40 << 20 })
		start := time.Now()
		one, err := c.Do(t.Context(), get())
		if err != nil || time.Since(start) > time.Second {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
		defer one.Release()
		start = time.Now()
		two, err := c.Do(t.Context(), get())
		if err != nil || time.Since(start) < time.Second || time.Since(start) > 15*time.Second {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
		two.Release()
		two.Release() // once is enough
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := c.Do(ctx, get()); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// An answer that breaks off or is too long is told, whatever its length.
func TestLargeAnswersThatAreNone(t *testing.T) {
	for name, tt := range map[string]struct {
		body io.ReadCloser
		told int64
		want error
	}{
		"too long, told":        {&stream{&tank{}, 40 << 20}, 40 << 20, rest.ErrTooLarge},
		"too long":              {&stream{&tank{}, 40 << 20}, -1, rest.ErrTooLarge},
		"broken off, told":      {&stream{&tank{}, 3 << 20}, 20 << 20, io.ErrUnexpectedEOF},
		"broken off":            {io.NopCloser(io.MultiReader(&stream{&tank{}, 3 << 20}, failing{})), -1, io.ErrUnexpectedEOF},
		"broken off at the end": {io.NopCloser(io.MultiReader(&stream{&tank{}, 20 << 20}, failing{})), -1, io.ErrUnexpectedEOF},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{steps: steps{func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Header: http.Header{}, Body: tt.body, ContentLength: tt.told, Request: r}, nil
			}}}
			if _, err := client(t, s, func(c *rest.Config) { c.Attempts = 1 }).Do(t.Context(), get()); !errors.Is(err, tt.want) {
				t.Errorf("%s: got %v, want %v", name, err, tt.want)
			}
		})
	}
}
