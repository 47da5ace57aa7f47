package faults_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"crmsyncd/providers/internal/faults"
)

func TestAddText(t *testing.T) {
	s := faults.New(1)
	remove, err := s.AddText("503,path=/a")
	if err != nil {
		t.Fatal(err)
	}
	h := s.Wrap(http.NotFoundHandler())
	status := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/a", nil))
		return w.Code
	}
	if got := status(); got != http.StatusServiceUnavailable {
		t.Errorf("armed: status %d", got)
	}
	remove()
	if got := status(); got != http.StatusNotFound {
		t.Errorf("taken away: status %d", got)
	}
	if _, err := s.AddText("nonsense"); err == nil {
		t.Error("a rule that is none was armed")
	}
}
