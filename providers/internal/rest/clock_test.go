package rest_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/providers/internal/rest"
)

func dated(at time.Time) http.Header {
	return http.Header{"Date": {at.UTC().Format(http.TimeFormat)}}
}

// TestClock: the server's time counts, wherever the local clock stands.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c rest.Clock
		asked := time.Now()
		want := func(what string, local, at time.Time, known bool) {
			t.Helper()
			if got, ok := c.At(local); !got.Equal(at) || ok != known || got.Location() != time.UTC {
				t.Errorf("%s: %v %v, want %v %v", what, got, ok, at, known)
			}
		}
		want("nothing told", asked.Add(1500*time.Millisecond), asked.Add(time.Second), false)
		for _, h := range []http.Header{{}, {"Date": {""}}, {"Date": {"yesterday"}}} {
			c.Learn(h)
			want("no date", asked, asked, false)
		}

		time.Sleep(10 * time.Second)
		server := time.Date(2026, 11, 22, 23, 59, 50, 0, time.UTC)
		c.Learn(dated(server))
		want("at once", time.Now(), server, true)
		want("before the answer", asked, server.Add(-10*time.Second), true)
		want("whole seconds, and never later", asked.Add(-time.Millisecond), server.Add(-11*time.Second), true)
		time.Sleep(90*time.Second + 900*time.Millisecond)
		want("between answers", time.Now(), server.Add(90*time.Second), true)
		c.Learn(http.Header{"Date": {"Sun, 22 Nov"}})
		want("a date that is none", time.Now(), server.Add(90*time.Second), true)

		// The server's clock is set back, or another server answers that is behind.
		c.Learn(dated(server.Add(-time.Hour)))
		want("set back", time.Now(), server.Add(-time.Hour), true)
	})
}
