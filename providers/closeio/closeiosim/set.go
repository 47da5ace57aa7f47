package closeiosim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// setter checks a value that a client gives and returns it as it will be
// stored: "null" for none. Its error is told to the client, per field.
type setter func(s *store, raw json.RawMessage) (string, error)

type refused string

func (r refused) Error() string { return string(r) }

const notText = refused("Not a valid string.")

// text trims, and stores nothing for an empty text. A limit of 0 is none.
func text(limit int) setter {
	return func(_ *store, raw json.RawMessage) (string, error) {
		if isNull(raw) {
			return "null", nil
		}
		var v string
		if json.Unmarshal(raw, &v) != nil {
			return "", notText
		}
		v = strings.TrimSpace(v)
		if limit > 0 && len([]rune(v)) > limit {
			return "", refused("Longer than maximum length " + strconv.Itoa(limit) + ".")
		}
		if v == "" {
			return "null", nil
		}
		return quoted(v), nil
	}
}

// word reads a text that is one of something.
func word(raw json.RawMessage) (string, error) {
	var v string
	if json.Unmarshal(raw, &v) != nil {
		return "", notText
	}
	return v, nil
}

func oneOf(words ...string) setter {
	return func(_ *store, raw json.RawMessage) (string, error) {
		if isNull(raw) {
			return "null", nil
		}
		v, err := word(raw)
		if err == nil && !slices.Contains(words, v) {
			err = refused("Must be one of: " + strings.Join(words, ", ") + ".")
		}
		return quoted(v), err
	}
}

func whole(least, most int64) setter {
	return func(_ *store, raw json.RawMessage) (string, error) {
		if isNull(raw) {
			return "null", nil
		}
		n, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil {
			return "", refused("Not a valid integer.")
		}
		if n < least || n > most {
			return "", refused(fmt.Sprintf("Must be between %d and %d.", least, most))
		}
		return number(n), nil
	}
}

func truth(_ *store, raw json.RawMessage) (string, error) {
	if v := string(raw); v == "true" || v == "false" {
		return v, nil
	}
	return "", refused("Not a valid boolean.")
}

func currency(_ *store, raw json.RawMessage) (string, error) {
	if isNull(raw) {
		return "null", nil
	}
	v, err := word(raw)
	if err == nil && (len(v) != 3 || v != strings.ToUpper(v)) {
		err = refused("Not a valid currency.")
	}
	return quoted(v), err
}

func dateOnly(_ *store, raw json.RawMessage) (string, error) {
	if isNull(raw) {
		return "null", nil
	}
	v, err := word(raw)
	if err != nil {
		return "", err
	}
	if _, day, ok := parseMoment(v); !ok || !day {
		return "", refused("Not a valid date.")
	}
	return quoted(v), nil
}

// dateOrMoment keeps a date a date, and writes an instant as records show it.
func dateOrMoment(_ *store, raw json.RawMessage) (string, error) {
	if isNull(raw) {
		return "null", nil
	}
	v, err := word(raw)
	if err != nil {
		return "", err
	}
	ms, day, ok := parseMoment(v)
	switch {
	case !ok:
		return "", refused("Not a valid date.")
	case day:
		return quoted(v), nil
	}
	return string(appendStamp(nil, ms)), nil
}

// reference is the id of a record that must exist.
func reference(k kind) setter {
	return func(s *store, raw json.RawMessage) (string, error) {
		if isNull(raw) {
			return "null", nil
		}
		v, err := word(raw)
		if err == nil && s.find(k, v) == nil {
			err = refused("Object does not exist.")
		}
		return quoted(v), err
	}
}

// loose is the id of a record, which may be deleted later and stays then.
func loose(k kind) setter { return reference(k) }

// member is the id of a user, departed ones among them.
func member(s *store, raw json.RawMessage) (string, error) {
	if isNull(raw) {
		return "null", nil
	}
	v, err := word(raw)
	if err == nil && s.user(v) == nil {
		err = refused("Object does not exist.")
	}
	return quoted(v), err
}

func leadStatus(s *store, raw json.RawMessage) (string, error) { return s.anyStatus(raw, false) }
func dealStatus(s *store, raw json.RawMessage) (string, error) { return s.anyStatus(raw, true) }

func (s *store) anyStatus(raw json.RawMessage, deal bool) (string, error) {
	v, err := word(raw)
	if err != nil {
		return "", err
	}
	if st := s.status(v); st == nil || (st.pipeline != nil) != deal {
		return "", refused("Object does not exist.")
	}
	return quoted(v), nil
}

func anyPipeline(s *store, raw json.RawMessage) (string, error) {
	v, err := word(raw)
	if err == nil && !slices.ContainsFunc(s.pipelines, func(p *pipeline) bool { return p.id == v }) {
		err = refused("Object does not exist.")
	}
	return quoted(v), err
}

// taskType is what a client may create; the other types are the system's own.
func taskType(s *store, raw json.RawMessage) (string, error) {
	v, err := word(raw)
	system := s.switches.human && slices.Contains(systemTypes(), v)
	if err == nil && !system && !humanType(v) {
		err = refused("Must be one of: lead, outgoing_call.")
	}
	return quoted(v), err
}
