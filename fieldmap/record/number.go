package record

import (
	"errors"
	"strconv"
	"strings"
)

// Bounds on numbers. They hold more than any system stores, and keep a short
// text such as 1e999999999 from growing into a long one.
const (
	maxNumberText   = 1000
	maxNumberDigits = 400
)

// number is a decimal number as it was written: the digits before and after the
// point, and the power of ten.
type number struct {
	negative    bool
	whole, frac string
	exp         int
}

// parseNumber reads a JSON number, and the same with a plus sign, leading
// zeros or nothing before the point.
func parseNumber(text string) (number, error) {
	var n number
	if len(text) > maxNumberText {
		return n, ErrTooLong
	}
	switch {
	case strings.HasPrefix(text, "-"):
		n.negative, text = true, text[1:]
	case strings.HasPrefix(text, "+"):
		text = text[1:]
	}
	mantissa, exp, scientific := cutExponent(text)
	if scientific {
		e, err := strconv.Atoi(exp)
		if err != nil {
			return n, ErrDecimal
		}
		if e < -maxNumberText || e > maxNumberText {
			return n, ErrTooLong
		}
		n.exp = e
	}
	var point bool
	n.whole, n.frac, point = strings.Cut(mantissa, ".")
	if !digits(n.whole) || !digits(n.frac) || point && n.frac == "" || n.whole+n.frac == "" {
		return n, ErrDecimal
	}
	return n, nil
}

func cutExponent(text string) (mantissa, exp string, ok bool) {
	i := strings.IndexAny(text, "eE")
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}

func digits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// parts returns the digits before and after the point once the power of ten is
// carried out, without idle zeros. Zero is two empty texts.
func (n number) parts() (whole, frac string, err error) {
	all := n.whole + n.frac
	point := len(n.whole) + n.exp
	lead := len(all) - len(strings.TrimLeft(all, "0"))
	all, point = all[lead:], point-lead
	all = strings.TrimRight(all, "0")
	if all == "" {
		return "", "", nil
	}
	if point > maxNumberDigits || len(all)-point > maxNumberDigits {
		return "", "", ErrTooLong
	}
	switch {
	case point <= 0:
		return "", strings.Repeat("0", -point) + all, nil
	case point >= len(all):
		return all + strings.Repeat("0", point-len(all)), "", nil
	}
	return all[:point], all[point:], nil
}

func canonicalDecimal(text string) (string, error) {
	n, err := parseNumber(text)
	if err != nil {
		return "", err
	}
	whole, frac, err := n.parts()
	if err != nil {
		return "", err
	}
	return joinNumber(n.negative, whole, frac), nil
}

func joinNumber(negative bool, whole, frac string) string {
	if whole == "" && frac == "" {
		return "0"
	}
	if whole == "" {
		whole = "0"
	}
	if frac != "" {
		whole += "." + frac
	}
	if negative {
		return "-" + whole
	}
	return whole
}

func canonicalInt(text string) (string, error) {
	text, err := canonicalDecimal(text)
	if errors.Is(err, ErrTooLong) {
		return "", ErrIntRange
	}
	if err != nil || strings.Contains(text, ".") {
		return "", ErrInt
	}
	if _, err := strconv.ParseInt(text, 10, 64); err != nil {
		return "", ErrIntRange
	}
	return text, nil
}

// Round returns a decimal value with at most scale digits behind the point,
// halves away from zero. Other values, and a negative scale, pass as they are.
func Round(v Value, scale int) Value {
	whole, frac, found := strings.Cut(v.text, ".")
	if !found || scale < 0 || len(frac) <= scale || !digits(frac) {
		return v
	}
	whole, negative := strings.CutPrefix(whole, "-")
	kept := []byte("0" + whole + frac[:scale])
	if frac[scale] >= '5' {
		increment(kept)
	}
	cut := len(kept) - scale
	text, err := canonicalDecimal(string(kept[:cut]) + "." + string(kept[cut:]) + "0")
	if err != nil {
		return v
	}
	if negative && text != "0" {
		text = "-" + text
	}
	return Of(text)
}

func increment(digits []byte) {
	for i := len(digits) - 1; i >= 0; i-- {
		if digits[i] != '9' {
			digits[i]++
			return
		}
		digits[i] = '0'
	}
}
