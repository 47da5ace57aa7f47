// Package rest is the one way by which providers speak HTTP. It repeats what
// may be repeated, waits as the server asks within a limit, keeps a rate and a
// daily budget, renews tokens one at a time, bounds what it reads, never leaves
// the host that it was given, keeps secrets out of its errors, and tells the
// server's time.
//
// A create is never repeated once it may have reached the server: what became
// of it is then ErrUnknownOutcome, and finding out is the caller's work.
//
// It is the only package that imports go-retryablehttp, and it replaces every
// policy of it: the defaults repeat any method, wait as long as a server says,
// throw the last answer away and log whole URLs.
package rest
