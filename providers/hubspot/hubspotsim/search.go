package hubspotsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// The limits of a search.
// https://developers.hubspot.com/docs/api/crm/search (last checked 2026-11-22)
const (
	maxSearchPage  = 200
	maxSearchReach = 10_000
	maxSearchBody  = 3000
	maxGroups      = 5
	maxFilters     = 6
	maxAllFilters  = 18
)

const descending = "DESCENDING"

type searchFilter struct {
	Property string `json:"propertyName"`
	Operator string `json:"operator"`
	Value    text   `json:"value"`
	High     text   `json:"highValue"`
	Values   []text `json:"values"`
}

// searchSort is an object, or text such as "-createdate".
type searchSort struct {
	Property  string `json:"propertyName"`
	Direction string `json:"direction"`
}

// UnmarshalJSON reads either form.
func (s *searchSort) UnmarshalJSON(raw []byte) error {
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && raw[0] == '"' {
		var name string
		if err := json.Unmarshal(raw, &name); err != nil {
			return err // the caller says where
		}
		bare, down := strings.CutPrefix(name, "-")
		if s.Property = bare; down {
			s.Direction = descending
		}
		return nil
	}
	type plain searchSort
	if err := json.Unmarshal(raw, (*plain)(s)); err != nil {
		return errors.New("sorts must be names or objects")
	}
	return nil
}

type searchInput struct {
	Groups []struct {
		Filters []searchFilter `json:"filters"`
	} `json:"filterGroups"`
	Sorts      []searchSort `json:"sorts"`
	Query      string       `json:"query"`
	Properties []string     `json:"properties"`
	Limit      *int         `json:"limit"`
	After      text         `json:"after"`
}

// bounds checks the limits of a search, and reads its page.
func (in *searchInput) bounds(size int) (limit, after int, err *Error) {
	limit = 10
	if in.Limit != nil {
		limit = *in.Limit
	}
	if in.After != "" {
		n, bad := strconv.Atoi(string(in.After))
		if bad != nil || n < 0 {
			return 0, 0, invalid("after must be a number")
		}
		after = n
	}
	all := 0
	for _, g := range in.Groups {
		if all += len(g.Filters); len(g.Filters) > maxFilters {
			return 0, 0, invalid(fmt.Sprintf("a filterGroup may have %d filters at most", maxFilters))
		}
	}
	switch {
	case size > maxSearchBody:
		err = invalid(fmt.Sprintf("The request is %d characters long; %d is the maximum for a search", size, maxSearchBody))
	case limit < 1 || limit > maxSearchPage:
		err = invalid(fmt.Sprintf("limit must be from 1 to %d", maxSearchPage))
	case after+limit > maxSearchReach:
		err = invalid(fmt.Sprintf("A search reaches %d results at most; after and limit ask for more", maxSearchReach))
	case len(in.Groups) > maxGroups || all > maxAllFilters:
		err = invalid(fmt.Sprintf("a search may have %d filterGroups and %d filters at most", maxGroups, maxAllFilters))
	case len(in.Sorts) > 1:
		err = invalid("a search may have one sort only")
	}
	return limit, after, err
}

func (c *call) search(o *objectType) *Error {
	c.calls.count(CallSearch, o.name)
	var in searchInput
	if err := c.read(&in); err != nil {
		return err
	}
	limit, after, err := in.bounds(c.size)
	if err != nil {
		return err
	}
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	hits, err := c.store.findAgain(o, &in)
	if err != nil {
		return err
	}
	v := &view{o: o, props: o.pick(in.Properties)}
	page := hits[min(after, len(hits)):min(after+limit, len(hits))]
	c.send(http.StatusOK, func(b []byte) []byte {
		b = strconv.AppendInt(append(b, `{"total":`...), int64(len(hits)), 10)
		b = append(b, `,"results":[`...)
		for i, h := range page {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(c.store.appendRecord(b, h.n, h.r, v), '}')
		}
		b = append(b, ']')
		if after+limit < len(hits) {
			b = append(b, `,"paging":{"next":{"after":"`...)
			b = append(strconv.AppendInt(b, int64(after+limit), 10), `"}}`...)
		}
		return append(b, '}')
	})
	return nil
}

// hit is a row as the index shows it.
type hit struct {
	n   uint32
	r   *row
	key sortKey
}

type sortKey struct {
	null bool
	num  float64
	text string
}

// found is what the last search found, so that its further pages need no
// second look while nothing has changed.
type found struct {
	mu   sync.Mutex
	key  string
	hits []hit
}

// findAgain is find, with the memory of the last search.
func (s *store) findAgain(o *objectType, in *searchInput) ([]hit, *Error) {
	question := *in
	question.Limit, question.After, question.Properties = nil, "", nil
	raw, err := json.Marshal(question)
	if err != nil || len(o.late) > 0 {
		return s.find(o, in)
	}
	key := fmt.Sprintf("%s %d %d %s", o.name, o.seq, s.rules.Turn(), raw)
	s.found.mu.Lock()
	defer s.found.mu.Unlock()
	if s.found.key == key {
		return s.found.hits, nil
	}
	hits, bad := s.find(o, in)
	if bad == nil {
		s.found.key, s.found.hits = key, hits
	}
	return hits, bad
}

// find returns what a search finds, in its order: by the sort, else by id.
// Equal keys come in the order of the last write, which is finer than stamps.
func (s *store) find(o *objectType, in *searchInput) ([]hit, *Error) {
	groups, err := s.compile(o, in)
	if err != nil {
		return nil, err
	}
	var by *property
	if len(in.Sorts) == 1 {
		if by = o.prop(in.Sorts[0].Property); by == nil {
			return nil, noSuchFilter(in.Sorts[0].Property)
		}
	}
	query := strings.ToLower(in.Query)
	now := s.now()
	var hits []hit
	for i := range o.rows {
		n := uint32(i)
		r := o.see(n, now)
		if r == nil || s.hides(o, n) || !s.matches(o, n, r, groups) || (query != "" && !o.mentions(r, query)) {
			continue
		}
		h := hit{n: n, r: r}
		if by != nil {
			h.key = s.sortKey(o, n, r, by)
		}
		hits = append(hits, h)
	}
	if by != nil {
		down := in.Sorts[0].Direction == descending
		order := func(a, b hit) int { return a.compare(b, down) }
		if !slices.IsSortedFunc(hits, order) {
			slices.SortFunc(hits, order)
		}
	}
	return hits, nil
}

func (h hit) compare(b hit, down bool) int {
	switch {
	case h.key.null != b.key.null:
		if h.key.null {
			return 1
		}
		return -1
	case h.key.num != b.key.num || h.key.text != b.key.text:
		less := h.key.num < b.key.num || (h.key.num == b.key.num && h.key.text < b.key.text)
		if less != down {
			return -1
		}
		return 1
	}
	return int(int64(h.r.seq) - int64(b.r.seq))
}

func (s *store) sortKey(o *objectType, n uint32, r *row, p *property) sortKey {
	if num, ok := s.number(o, n, r, p); ok {
		return sortKey{num: num}
	}
	if p.isNumeric() {
		return sortKey{null: true}
	}
	v := s.value(o, n, r, p)
	return sortKey{null: v == "", text: strings.ToLower(v)}
}

// mentions tells whether any text of the row holds the query.
func (o *objectType) mentions(r *row, query string) bool {
	for _, p := range o.props {
		if p.kind == "string" && p.sys == sysNone && strings.Contains(strings.ToLower(r.stored(p).val), query) {
			return true
		}
	}
	return false
}
