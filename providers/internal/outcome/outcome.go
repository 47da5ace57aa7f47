// Package outcome judges what became of a call: one that brought no answer, one
// that failed, and a batch of writes that was cut off in the middle.
package outcome

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/rest"
)

// NoAnswer says how far a failure reaches that brought no answer to judge by.
func NoAnswer(ctx context.Context, op string, err error) *providers.Error {
	var known *providers.Error
	var badCert *tls.CertificateVerificationError
	var wait *rest.WaitError
	e := &providers.Error{Op: op, Err: err}
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &wait):
		e.Kind, e.RetryAfter = providers.Transient, wait.Left
	case errors.Is(err, rest.ErrUnknownOutcome):
		e.Kind = providers.Unknown
	case errors.Is(err, rest.ErrBudget):
		e.Kind = providers.Budget
	case errors.Is(err, rest.ErrForeignHost), errors.Is(err, rest.ErrTooLarge), errors.As(err, &badCert):
		e.Kind = providers.Broken
	default:
		e.Kind = providers.Transient
	}
	if ctx.Err() != nil && e.Kind != providers.Unknown {
		e.Kind, e.Err = providers.Transient, ctx.Err()
	}
	return e
}

// Refused completes the error of a refusal by what its answer says of when to
// come again, and cleans what the vendor said in it.
func Refused(c *rest.Client, resp *rest.Response, e *providers.Error) *providers.Error {
	if e.RetryAfter = max(e.RetryAfter, resp.Signal.RetryAfter); e.RetryAfter > 0 && e.Hint == "" {
		e.Hint = fmt.Sprintf("the system asks to be left alone for %v", e.RetryAfter.Round(time.Second))
	}
	return c.Words().Error(e)
}

// Stopped ends a write of several calls on the failure of a whole one. Where
// others went through, the failure belongs to the records that have no result
// yet: those of that call and those that were not sent any more. An outcome
// that is unknown of the call is certain of the ones not sent: they were not
// written.
func Stopped(results []providers.Result, refs func(i int) record.Ref, err *providers.Error) {
	left := *err
	if left.Kind == providers.Unknown {
		left.Kind = providers.Transient
	}
	for i := range results {
		if results[i].Open() {
			results[i].Err = About(refs(i), &left)
		}
	}
}

// Carriers parts the patches of a call that was refused for fields, into those
// that carry one of them and the rest. Where none is named that any carries, or
// every patch carries one, nobody stands apart and both are empty.
func Carriers(patches []record.Patch, idx []int, fields []string) (with, without []int) {
	for _, i := range idx {
		carries := slices.ContainsFunc(patches[i].Fields, func(f record.FieldValue) bool {
			return slices.ContainsFunc(fields, func(name string) bool { return strings.EqualFold(name, f.Name) })
		})
		if carries {
			with = append(with, i)
		} else {
			without = append(without, i)
		}
	}
	if len(with) == 0 || len(without) == 0 {
		return nil, nil
	}
	return with, without
}

// Single turns the faults of single records that would stop a whole route into
// refusals of these records, where others of the same call met another end: a
// schema that had changed would have struck them all.
func Single(results []providers.Result, idx []int) {
	broken := func(i int) bool {
		e := results[i].Err
		return e != nil && e.Kind == providers.Broken && e.Code != ""
	}
	if !slices.ContainsFunc(idx, func(i int) bool { return !results[i].Open() && !broken(i) }) {
		return
	}
	for _, i := range idx {
		if broken(i) {
			e := *results[i].Err
			e.Kind = providers.Rejected
			results[i].Err = &e
		}
	}
}

// Own gives the fields that a refusal names the spelling of the patch.
func Own(e *providers.Error, p *record.Patch) {
	e.Fields = slices.Clone(e.Fields)
	for i, name := range e.Fields {
		for j := range p.Fields {
			if strings.EqualFold(p.Fields[j].Name, name) {
				e.Fields[i] = p.Fields[j].Name
			}
		}
	}
}

// About returns a copy of err that names a record.
func About(ref record.Ref, err *providers.Error) *providers.Error {
	e := *err
	e.Ref = ref
	return &e
}

// AsError returns the provider error in err, nil if there is none.
func AsError(err error) *providers.Error {
	var e *providers.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}
