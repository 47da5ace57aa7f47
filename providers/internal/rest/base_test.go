package rest_test

import (
	"strings"
	"testing"

	"crmsyncd/providers/internal/rest"
)

func TestCheckBase(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"https://api.example.test":     "",
		"https://api.example.test/x":   "",
		"http://localhost:8080":        "",
		"http://127.0.0.1":             "",
		"http://[::1]:80":              "",
		"http://api.example.test":      "https://",
		"http://localhost.evil.test":   "https://",
		"ftp://api.example.test":       "https://",
		"api.example.test":             "of the form https://crm.example.net",
		"":                             "of the form https://crm.example.net",
		"https://":                     "of the form https://crm.example.net",
		"https://user:hush\x7f@x.test": "of the form https://crm.example.net",
	} {
		err := rest.CheckBase(base, "https://crm.example.net")
		switch {
		case (err == nil) != (want == ""):
			t.Errorf("%q: %v", base, err)
		case err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush")):
			t.Errorf("%q: %v", base, err)
		}
	}
}
