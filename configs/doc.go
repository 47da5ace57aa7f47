// Package configs reads the admin's files: crmsyncd.yaml, hub.yaml and the
// routes. It is strict: an unknown key, a wrong type or a contradiction is a
// problem that names file, line and path, with the nearest valid key, and every
// problem is told at once. Nothing that can fail is left for later, except what
// only the compiler of fieldmap or the systems themselves can tell.
//
// It also holds the files that are shipped, so that a test keeps the two true
// to each other, and a JSON Schema for each kind of file, which editors use to
// complete and check them.
//
// Secrets never stand in the files and are never part of a Config: a Secret
// knows where its text lies and reads it when asked.
package configs
