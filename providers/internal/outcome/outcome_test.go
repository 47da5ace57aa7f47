package outcome_test

import (
	"errors"
	"fmt"
	"testing"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/outcome"
)

func TestAsError(t *testing.T) {
	t.Parallel()
	e := &providers.Error{Op: "read", Kind: providers.Denied}
	for _, err := range []error{e, fmt.Errorf("read leads: %w", e), errors.Join(errors.New("first"), e)} {
		if got := outcome.AsError(err); got != e {
			t.Errorf("%v: got %v", err, got)
		}
	}
	for _, err := range []error{nil, errors.New("another")} {
		if got := outcome.AsError(err); got != nil {
			t.Errorf("%v: got %v", err, got)
		}
	}
}
