package rest_test

import (
	"crypto/tls"
	"io"
	"log" //nolint:depguard // httptest servers take nothing else
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// oldTLS is a server that speaks nothing newer than TLS 1.1.
func oldTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
} // the point of the test
