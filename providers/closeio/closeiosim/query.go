package closeiosim

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// predicate tells whether a version in the search index matches.
type predicate func(r *record, v *version) bool

// node is a query, or a part of one.
// https://developer.close.com/api/resources/advanced-filtering (last checked 2026-11-22)
type node struct {
	Type       string     `json:"type"`
	Negate     bool       `json:"negate"`
	ObjectType string     `json:"object_type"`
	Queries    []node     `json:"queries"`
	Query      *node      `json:"query"`
	Field      *nodeField `json:"field"`
	Condition  *condition `json:"condition"`
	Value      string     `json:"value"`
	Values     []string   `json:"values"`
	Related    string     `json:"related_object_type"`
	Inner      *node      `json:"related_query"`
}

type nodeField struct {
	Type          string `json:"type"`
	ObjectType    string `json:"object_type"`
	FieldName     string `json:"field_name"`
	CustomFieldID string `json:"custom_field_id"`
}

type condition struct {
	Type      string          `json:"type"`
	Mode      string          `json:"mode"`
	Value     json.RawMessage `json:"value"`
	Values    []string        `json:"values"`
	IDs       []string        `json:"object_ids"`
	OnOrAfter *moment         `json:"on_or_after"`
	After     *moment         `json:"after"`
	Before    *moment         `json:"before"`
	GTE       *float64        `json:"gte"`
	GT        *float64        `json:"gt"`
	LTE       *float64        `json:"lte"`
	LT        *float64        `json:"lt"`
}

type moment struct {
	Type      string         `json:"type"`
	Value     string         `json:"value"`
	Which     string         `json:"which"`
	Direction string         `json:"direction"`
	Moment    *moment        `json:"moment"`
	Offset    map[string]int `json:"offset"`
}

// objectType finds what a query looks for.
func (n *node) objectType() string {
	if n.Type == "object_type" && !n.Negate {
		return n.ObjectType
	}
	if n.Type == "and" && !n.Negate {
		for i := range n.Queries {
			if o := n.Queries[i].objectType(); o != "" {
				return o
			}
		}
	}
	return ""
}

// compiler turns nodes into predicates, and the update times that every match
// lies within into a span.
type compiler struct {
	*store
	kind   kind
	within *span
}

func (c *compiler) compile(n *node, top bool) (predicate, error) {
	p, err := c.plain(n, top && !n.Negate)
	if err != nil || !n.Negate {
		return p, err
	}
	return func(r *record, v *version) bool { return !p(r, v) }, nil
}

func (c *compiler) plain(n *node, top bool) (predicate, error) {
	switch n.Type {
	case "and", "or":
		return c.junction(n, top)
	case "not":
		if n.Query == nil {
			return nil, refused("not: query is missing.")
		}
		p, err := c.compile(n.Query, false)
		return func(r *record, v *version) bool { return !p(r, v) }, err
	case "match_all":
		return func(*record, *version) bool { return true }, nil
	case "object_type":
		return func(r *record, _ *version) bool { return r.kind.String() == n.ObjectType }, nil
	case "id":
		wanted := append(n.Values, n.Value)
		return func(r *record, _ *version) bool { return contains(wanted, r.id) }, nil
	case "field_condition":
		return c.fieldCondition(n, top)
	case "has_related":
		return c.related(n)
	}
	return nil, refused("Unknown query type " + strconv.Quote(n.Type) + ".")
}

func (c *compiler) junction(n *node, top bool) (predicate, error) {
	all := make([]predicate, len(n.Queries))
	for i := range n.Queries {
		p, err := c.compile(&n.Queries[i], top && n.Type == "and")
		if err != nil {
			return nil, err
		}
		all[i] = p
	}
	if n.Type == "and" {
		return func(r *record, v *version) bool {
			return !slices.ContainsFunc(all, func(p predicate) bool { return !p(r, v) })
		}, nil
	}
	return func(r *record, v *version) bool {
		return slices.ContainsFunc(all, func(p predicate) bool { return p(r, v) })
	}, nil
}

// related asks whether a lead has such a child, or a child such a lead.
func (c *compiler) related(n *node) (predicate, error) {
	k, known := kindNamed(n.Related)
	if !known || n.Inner == nil {
		return nil, refused("has_related: related_object_type or related_query is missing.")
	}
	inner := &compiler{store: c.store, kind: k}
	p, err := inner.compile(n.Inner, false)
	if err != nil {
		return nil, err
	}
	if k == lead {
		return func(_ *record, v *version) bool {
			return v.lead != nil && v.lead.shown != nil && p(v.lead, v.lead.shown)
		}, nil
	}
	return func(r *record, _ *version) bool {
		return slices.ContainsFunc(r.kids, func(kid *record) bool { return kid.kind == k && kid.shown != nil && p(kid, kid.shown) })
	}, nil
}

func (c *compiler) fieldCondition(n *node, top bool) (predicate, error) {
	if n.Field == nil || n.Condition == nil {
		return nil, refused("field_condition: field or condition is missing.")
	}
	name := n.Field.FieldName
	if n.Field.Type == "regular_field" && (name == "date_updated" || name == "date_created") && n.Condition.Type == "moment_range" {
		s, err := c.moments(n.Condition)
		if err != nil {
			return nil, err
		}
		if name == "date_created" {
			return func(r *record, _ *version) bool { return r.created >= s.from && r.created < s.to }, nil
		}
		if top {
			c.within = c.within.and(s)
		}
		return func(_ *record, v *version) bool { return v.updated >= s.from && v.updated < s.to }, nil
	}
	value, err := c.valueOf(n.Field)
	if err != nil {
		return nil, err
	}
	match, err := c.match(n.Condition)
	if err != nil {
		return nil, err
	}
	return func(r *record, v *version) bool { return match(value(r, v)) }, nil
}

// valueOf reads a field as JSON, "" where it has no value.
func (c *compiler) valueOf(f *nodeField) (func(*record, *version) string, error) {
	switch f.Type {
	case "regular_field":
		if f.ObjectType != c.kind.String() {
			return nil, refused("Object type " + strconv.Quote(f.ObjectType) + " is not the one that is searched for.")
		}
		g := c.kinds[c.kind].byName[f.FieldName]
		if g == nil || g.inner {
			return nil, refused("Unknown field " + strconv.Quote(f.FieldName) + ".")
		}
		return func(r *record, v *version) string {
			if raw := string(c.appendValue(nil, g, r, v)); raw != "null" && raw != "[]" {
				return raw
			}
			return ""
		}, nil
	case "custom_field":
		g := c.fieldByKey(c.kind, "custom."+f.CustomFieldID)
		if g == nil {
			return nil, refused("Unknown custom field " + strconv.Quote(f.CustomFieldID) + ".")
		}
		return func(_ *record, v *version) string {
			raw, _ := v.doc.get(g.n)
			return raw
		}, nil
	}
	return nil, refused("Unknown field type " + strconv.Quote(f.Type) + ".")
}

// match is a condition on a value in JSON.
func (c *compiler) match(on *condition) (func(raw string) bool, error) {
	switch on.Type {
	case "exists":
		return func(raw string) bool { return raw != "" }, nil
	case "boolean":
		return func(raw string) bool { return raw == string(on.Value) }, nil
	case "term", "reference":
		wanted := append(on.Values, on.IDs...)
		return func(raw string) bool {
			return raw != "" && slices.ContainsFunc(values(raw), func(v string) bool { return contains(wanted, v) })
		}, nil
	case "text":
		return textMatch(on)
	case "number_range":
		return on.numberFits, nil
	case "moment_range", "local_date_range":
		s, err := c.moments(on)
		return func(raw string) bool {
			ms, _, ok := parseMoment(plain(raw))
			return ok && ms >= s.from && ms < s.to
		}, err
	}
	return nil, refused("Unknown condition type " + strconv.Quote(on.Type) + ".")
}

func (on *condition) numberFits(raw string) bool {
	n, err := strconv.ParseFloat(raw, 64)
	return err == nil && (on.GT == nil || n > *on.GT) && (on.GTE == nil || n >= *on.GTE) &&
		(on.LT == nil || n < *on.LT) && (on.LTE == nil || n <= *on.LTE)
}

// values are the texts of a value, or of each value of a list.
func values(raw string) []string {
	if raw[0] != '[' {
		return []string{plain(raw)}
	}
	var list []json.RawMessage
	if json.Unmarshal([]byte(raw), &list) != nil {
		return nil
	}
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = plain(string(v))
	}
	return out
}

func textMatch(on *condition) (func(raw string) bool, error) {
	wanted := strings.ToLower(plain(string(on.Value)))
	words := strings.Fields(wanted)
	switch on.Mode {
	case "exact_value":
		return func(raw string) bool { return raw != "" && strings.EqualFold(plain(raw), wanted) }, nil
	case "phrase":
		return func(raw string) bool { return strings.Contains(strings.ToLower(plain(raw)), wanted) }, nil
	case "full_words", "beginning_of_words":
		full := on.Mode == "full_words"
		return func(raw string) bool {
			have := strings.Fields(strings.ToLower(plain(raw)))
			return !slices.ContainsFunc(words, func(w string) bool {
				return !slices.ContainsFunc(have, func(h string) bool { return h == w || !full && strings.HasPrefix(h, w) })
			})
		}, nil
	}
	return nil, refused("Unknown mode " + strconv.Quote(on.Mode) + ".")
}
