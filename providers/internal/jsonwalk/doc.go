// Package jsonwalk reads lists of JSON objects and keeps only the members that
// were asked for, as the literals that the server sent. It makes no maps and no
// floats, allocates nothing per record, and refuses what a careless reader
// would let through: duplicate names, invalid UTF-8, deep nesting, and anything
// after the document. It also writes the one literal that needs an escape, a
// text.
//
// It is the one place that knows the token reader, so that the standard
// library's can take its place.
package jsonwalk
