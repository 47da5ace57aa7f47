// Package fieldmap is the admin's language: what the hub holds, which object of
// which system meets which of its objects, and how each field is read,
// compared and written. Compile turns the YAML of hub.yaml and routes/ into a
// Mapping and reports everything that is wrong with it at once; a Mapping is
// never changed afterwards, so many goroutines may use it.
//
// The package decides nothing about records (that is sync/plan's) and knows no
// system: remote fields are names. It reads no file, no network and no clock.
package fieldmap
