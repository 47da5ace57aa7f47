// Package fakedata invents the customers of a laboratory and the people who
// work there, as untidy as real ones: padded names, three ways to write a
// phone number, websites with and without a scheme, records without a name, an
// e-mail or a customer, and duplicates.
//
// Every simulator is seeded from it, so that the same company turns up in each
// system in that system's own shape. It knows no vendor. All names are
// invented, and every domain ends in .example, which is never registered
// (RFC 2606).
package fakedata
