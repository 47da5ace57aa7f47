package faults

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Parse reads a rule from the text of a command-line flag: words separated by
// commas, each a switch or key=value.
//
//	429,rate=0.1,retry-after=2       one request in ten is refused
//	503,path=/query,nth=2-5          the second to the fifth query
//	502,path=/composite,after        takes effect, then its answer is lost
//	drop,method=PATCH,nth=1          the first PATCH has no answer at all
//	html | huge | deep | control | empty | truncate | delay=3s
//
// A number is the status; path, method, nth, rate, after, retry-after, body,
// delay and truncate are as in Rule.
func Parse(text string) (Rule, error) {
	var r Rule
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		key, val, has := strings.Cut(word, "=")
		var err error
		if has {
			err = r.setValue(key, val)
		} else {
			err = r.setWord(word)
		}
		if err != nil {
			return Rule{}, fmt.Errorf("read fault rule %q: %w", text, err)
		}
	}
	if !r.replaces() && !r.Truncate && r.Delay == 0 {
		return Rule{}, fmt.Errorf("read fault rule %q: it names no fault (a status, drop, truncate, delay, html, huge, deep, control or empty)", text)
	}
	return r, nil
}

func (r *Rule) setWord(word string) error {
	switch word {
	case "after":
		r.After = true
	case "drop":
		r.Drop = true
	case "truncate":
		r.Truncate = true
	case string(Huge), string(HTML), string(Deep), string(Control), string(Empty):
		r.Answer = Answer(word)
	default:
		n, err := strconv.Atoi(word)
		if err != nil || n < 100 || n > 599 {
			return fmt.Errorf("unknown word %q", word)
		}
		r.Status = n
	}
	return nil
}

func (r *Rule) setValue(key, val string) error {
	var err error
	switch key {
	case "path":
		r.Path = val
	case "method":
		r.Method = strings.ToUpper(val)
	case "body":
		r.Body = val
	case "nth":
		return r.setNth(val)
	case "rate":
		r.Rate, err = strconv.ParseFloat(val, 64)
		if err == nil && !(r.Rate > 0 && r.Rate <= 1) {
			err = errors.New("must be above 0 and at most 1")
		}
	case "delay":
		r.Delay, err = time.ParseDuration(val)
		if err == nil && r.Delay <= 0 {
			err = errors.New("must be above 0")
		}
	case "retry-after":
		r.Header = map[string]string{http.CanonicalHeaderKey(key): val}
	default:
		return fmt.Errorf("unknown key %q", key)
	}
	if err != nil {
		return fmt.Errorf("%s %q: %w", key, val, err)
	}
	return nil
}

func (r *Rule) setNth(val string) error {
	from, to, open := strings.Cut(val, "-")
	var err error
	if r.From, err = strconv.Atoi(from); err != nil || r.From < 1 {
		return fmt.Errorf("nth %q: must be a number from 1, or a range such as 2-5", val)
	}
	r.To = r.From
	if open {
		if r.To, err = strconv.Atoi(to); err != nil || r.To < r.From {
			return fmt.Errorf("nth %q: must be a number from 1, or a range such as 2-5", val)
		}
	}
	return nil
}
