package closeiosim

import (
	"strconv"
	"strings"
)

func opportunityFields() []field {
	return []field{
		idField(),
		leadField(),
		ownerName(),
		{name: "contact_id", set: loose(contact), on: always},
		partnerName(),
		{name: "user_id", set: member, on: always},
		{name: "user_name", get: userName("user_id")},
		{name: "status_id", set: dealStatus, on: always},
		{name: "status_label", get: statusLabel},
		{name: "status_display_name", get: statusLabel},
		{name: "status_type", get: ofStatus(func(st *status) string { return st.kind })},
		{name: "pipeline_id", get: ofStatus(func(st *status) string { return st.pipeline.id }), set: anyPipeline, on: onCreate},
		{name: "pipeline_name", get: ofStatus(func(st *status) string { return st.pipeline.name })},
		{name: "value", set: whole(0, 1<<53), on: always},
		{name: "value_currency", set: currency, on: always, blank: `"USD"`},
		{name: "value_formatted", get: formatted},
		{name: "value_period", set: oneOf("one_time", "monthly", "annual"), on: always, blank: `"one_time"`},
		{name: "confidence", set: whole(0, 100), on: always, blank: "50"},
		{name: "expected_value", get: valued(true, false)},
		{name: "annualized_value", get: valued(false, true)},
		{name: "annualized_expected_value", get: valued(true, true)},
		{name: "note", set: text(0), on: always},
		{name: "date_won", set: dateOnly, on: always},
		{name: "date_lost"},
		{name: "attachments", blank: "[]"},
		{name: "integration_links", blank: "[]"},
	}
}

func ofStatus(part func(*status) string) getter {
	return func(s *store, _ *record, v *version, b []byte) []byte {
		st := s.status(plain(s.stored(v, "status_id")))
		if st == nil || st.pipeline == nil {
			return append(b, "null"...)
		}
		return quote(b, part(st))
	}
}

// exponent is the number of minor digits of a currency.
func exponent(code string) int {
	switch code {
	case "JPY", "KRW", "CLP", "ISK", "VND":
		return 0
	case "KWD", "BHD", "TND":
		return 3
	}
	return 2
}

func (s *store) currencyOf(v *version) string {
	if code := plain(s.stored(v, "value_currency")); code != "" {
		return code
	}
	return "USD"
}

// formatted writes the value as people read it, $1,300 or ¥50,000.
func formatted(s *store, _ *record, v *version, b []byte) []byte {
	n, err := strconv.ParseInt(s.stored(v, "value"), 10, 64)
	if err != nil {
		return append(b, "null"...)
	}
	code := s.currencyOf(v)
	unit := int64(1)
	for range exponent(code) {
		unit *= 10
	}
	sign := code + " "
	switch code {
	case "USD":
		sign = "$"
	case "EUR":
		sign = "€"
	case "JPY":
		sign = "¥"
	}
	out := sign + thousands(n/unit)
	if rest := n % unit; rest != 0 {
		digits := strconv.FormatInt(rest, 10)
		out += "." + strings.Repeat("0", exponent(code)-len(digits)) + digits
	}
	return quote(b, out)
}

func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// valued is the value weighed by the confidence, by the year, or both.
func valued(expected, annual bool) getter {
	return func(s *store, _ *record, v *version, b []byte) []byte {
		n, err := strconv.ParseInt(s.stored(v, "value"), 10, 64)
		if err != nil {
			return append(b, "null"...)
		}
		if annual && plain(s.stored(v, "value_period")) == "monthly" {
			n *= 12
		}
		if expected {
			share, err := strconv.ParseInt(s.stored(v, "confidence"), 10, 64)
			if err != nil {
				share = 50
			}
			n = n * share / 100
		}
		return strconv.AppendInt(b, n, 10)
	}
}

// closeDeal fills what a change of status changes besides: the day it was won
// by the caller's own calendar unless one is given, and the moment it was lost.
// Leaving the won status clears nothing.
func (s *store) closeDeal(changes map[uint16]string, before *version, a *actor) {
	key := s.keys.number("status_id")
	raw, given := changes[key]
	if !given {
		return
	}
	st := s.status(plain(raw))
	if st == nil || before != nil && s.stored(before, "status_id") == raw {
		return
	}
	fill := func(name, value string) {
		k := s.keys.number(name)
		if _, set := changes[k]; !set {
			changes[k] = value
		}
	}
	switch st.kind {
	case "won":
		if before == nil || s.stored(before, "date_won") == "null" {
			fill("date_won", quoted(a.today(s.now())))
		}
		fill("confidence", "100")
	case "lost":
		fill("date_lost", string(appendStamp(nil, s.now())))
		fill("confidence", "0")
	default:
		fill("date_lost", "")
	}
}
