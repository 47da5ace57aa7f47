package salesforcesim

import (
	"cmp"
	"time"
)

// span is a value to compare with that may stand for several: TODAY is one.
// Both ends belong to it.
type span[T cmp.Ordered] struct{ from, to T }

// spanTest compares with spans; null is the value that stands for null.
func spanTest[T cmp.Ordered](op string, spans []span[T], null T) (func(T) bool, bool) {
	among := func(x T) bool {
		for _, s := range spans {
			if x >= s.from && x <= s.to {
				return true
			}
		}
		return false
	}
	first := spans[0]
	ordered := func(test func(T) bool) (func(T) bool, bool) {
		return func(x T) bool { return x != null && first.from != null && test(x) }, true
	}
	switch op {
	case "=", "IN":
		return among, true
	case "!=", "NOT IN":
		return func(x T) bool { return !among(x) }, true
	case "<":
		return ordered(func(x T) bool { return x < first.from })
	case "<=":
		return ordered(func(x T) bool { return x <= first.to })
	case ">":
		return ordered(func(x T) bool { return x > first.to })
	case ">=":
		return ordered(func(x T) bool { return x >= first.from })
	}
	return nil, false
}

// instantTest compares a date-time with instants and date literals.
func (p *plan) instantTest(f *field, c *condition) (func(int64) bool, *Error) {
	if c.sub != nil {
		return nil, p.noSub(c)
	}
	spans := make([]span[int64], len(c.vals))
	for i, v := range c.vals {
		switch when, ok := parseTime(v.text); {
		case isNull(v):
			spans[i] = span[int64]{noInstant, noInstant}
		case v.date != nil:
			from, to := v.date.span(time.Unix(p.now, 0))
			spans[i] = span[int64]{from.Unix(), to.Unix() - 1}
		case v.kind != tokName || !ok:
			return nil, p.badLiteral(f, c)
		default:
			spans[i] = span[int64]{when.Unix(), when.Unix()}
		}
	}
	test, ok := spanTest(c.op, spans, noInstant)
	if !ok {
		return nil, p.badOperator(c)
	}
	return test, nil
}

// dateTest compares a date with dates and date literals.
func (p *plan) dateTest(f *field, c *condition) (func(string) bool, *Error) {
	spans := make([]span[string], len(c.vals))
	for i, v := range c.vals {
		switch {
		case isNull(v):
		case v.date != nil:
			from, to := v.date.span(time.Unix(p.now, 0))
			spans[i] = span[string]{from.Format(dateLayout), to.AddDate(0, 0, -1).Format(dateLayout)}
		case v.kind == tokName && isDate(v.text):
			spans[i] = span[string]{v.text, v.text}
		default:
			return nil, p.badLiteral(f, c)
		}
	}
	test, ok := spanTest(c.op, spans, "")
	if !ok {
		return nil, p.badOperator(c)
	}
	return test, nil
}
