package qbenchsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	throttleHeader = "x-qbapi-throttle-ttl"
	throttleWindow = time.Minute
	maxBody        = 4 << 20
)

// throttle reports how long a caller must wait, or zero when it may go on.
func (s *Sim) throttle(o Options) time.Duration {
	if o.RateLimit < 0 {
		return 0
	}
	now := o.Clock()
	s.gate.Lock()
	defer s.gate.Unlock()
	if now.Sub(s.window) >= throttleWindow || now.Before(s.window) {
		s.window, s.used = now, 0
	}
	if s.used >= o.RateLimit {
		return s.window.Add(throttleWindow).Sub(now)
	}
	s.used++
	return 0
}

func refuseThrottled(w http.ResponseWriter, limit int, wait time.Duration) {
	n := wholeSeconds(wait)
	w.Header().Set(throttleHeader, strconv.Itoa(n))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusTooManyRequests)
	_, _ = w.Write(throttleBody(limit, n))
}

func throttleBody(limit, seconds int) []byte {
	return fmt.Appendf(nil,
		`{"error":"Rate limit of %d requests per 60 seconds exceeded, retry in %d seconds","qb_error_code":"rate_limit_exceeded"}`+"\n",
		limit, seconds)
}

func wholeSeconds(d time.Duration) int {
	return int((d + time.Second - 1) / time.Second)
}

// refuse answers an error of the data API. The key qb_error_code was met by a
// third-party client; the codes themselves are ours.
func refuse(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]string{"error": message, "qb_error_code": code})
}

func oauthError(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]string{"error": code, "error_description": message, "qb_error_code": code})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "encode the answer", http.StatusInternalServerError)
		return
	}
	writeRaw(w, status, raw)
}

func writeRaw(w http.ResponseWriter, status int, raw []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}
