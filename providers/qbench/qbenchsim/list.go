package qbenchsim

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// span is the part of a listing that a page holds.
type span struct{ page, size int }

// readSpan reads page_num and page_size. The vendor documents the maximum; that
// a larger size is cut to it, and that no size means the maximum, is ours.
func readSpan(q url.Values, maxSize int) (span, bool) {
	p := span{page: 1, size: maxSize}
	for key, into := range map[string]*int{"page_num": &p.page, "page_size": &p.size} {
		text := q.Get(key)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return span{}, false
		}
		*into = n
	}
	p.size = min(p.size, maxSize)
	return p, true
}

// bounds are the first and the last position of a page among total records.
func (p span) bounds(total int) (from, to int) {
	from = total
	if p.page-1 <= total/p.size {
		from = min((p.page-1)*p.size, total)
	}
	return from, min(from+p.size, total)
}

func (p span) pages(total int) int { return (total + p.size - 1) / p.size }

// list serves a listing. Parameters that it does not know are ignored, as a
// client learns that asks for updated_since.
func (s *Sim) list(o object, v2 bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if keep, ok := s.filter(o, v2, q); ok {
			s.sendChosen(w, q, o, v2, keep)
			return
		}
		opts := s.options()
		p, ok := readSpan(q, opts.MaxPageSize)
		if !ok {
			refuse(w, http.StatusBadRequest, "invalid_parameter", "page_num and page_size must be numbers from 1")
			return
		}
		s.mu.RLock()
		rows := s.rowsSeen(o)
		from, to := p.bounds(len(rows))
		page := s.newPage(opts, o, v2, len(rows), p)
		for i := from; i < to; i++ {
			at := i
			if opts.NewestFirst {
				at = len(rows) - 1 - i
			}
			page.add(&rows[at])
		}
		s.mu.RUnlock()
		s.sendPage(w, page)
	}
}

// sendChosen sends a page of the records with the given ids, in that order.
func (s *Sim) sendChosen(w http.ResponseWriter, q url.Values, o object, v2 bool, ids []int64) {
	opts := s.options()
	p, ok := readSpan(q, opts.MaxPageSize)
	if !ok {
		refuse(w, http.StatusBadRequest, "invalid_parameter", "page_num and page_size must be numbers from 1")
		return
	}
	s.mu.RLock()
	if s.rules.Reading() {
		ids = slices.DeleteFunc(ids, func(id int64) bool { return s.seen(o, id) == nil })
	}
	from, to := p.bounds(len(ids))
	page := s.newPage(opts, o, v2, len(ids), p)
	for _, id := range ids[from:to] {
		if r := s.table(o).find(id); r != nil {
			page.add(r)
		}
	}
	s.mu.RUnlock()
	s.sendPage(w, page)
}

// page is a list answer in the making.
type page struct {
	sim   *Sim
	opts  Options
	kind  object
	v2    bool
	total int
	span  span
	n     int
	out   []byte
}

// rowsSeen are the rows of a table as the API client sees them. The caller holds s.mu.
func (s *Sim) rowsSeen(o object) []row {
	rows := s.table(o).rows
	if !s.rules.Reading() {
		return rows
	}
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return s.hides(o, &r) })
}

func (s *Sim) newPage(o Options, kind object, v2 bool, total int, p span) *page {
	g, reused := s.pages.Get().(*page)
	if !reused {
		g = &page{out: make([]byte, 0, 1024*p.size)}
	}
	*g = page{sim: s, opts: o, kind: kind, v2: v2, total: total, span: p, out: g.out[:0]}
	if v2 {
		g.out = append(g.out, `{"data":[`...)
	} else {
		g.out = g.appendTotals(append(g.out, '{'))
		g.out = append(g.out, `,"data":[`...)
	}
	return g
}

func (s *Sim) sendPage(w http.ResponseWriter, g *page) {
	writeRaw(w, http.StatusOK, g.bytes())
	s.pages.Put(g)
}

func (g *page) add(r *row) {
	if g.n > 0 {
		g.out = append(g.out, ',')
	}
	g.n++
	g.out = g.sim.appendSeen(g.out, &g.opts, g.kind, r)
}

func (g *page) bytes() []byte {
	g.out = append(g.out, ']')
	if g.v2 {
		g.out = g.appendTotals(append(g.out, ','))
	}
	g.out = append(g.out, '}')
	return g.out
}

func (g *page) appendTotals(b []byte) []byte {
	if !g.v2 || !g.opts.OmitTotalCount {
		b = append(b, `"total_count":`...)
		b = strconv.AppendInt(b, int64(g.total), 10)
		b = append(b, ',')
	}
	b = append(b, `"total_pages":`...)
	return strconv.AppendInt(b, int64(g.span.pages(g.total)), 10)
}

// filter returns the ids that the filters of q leave, in listing order, and
// whether there is any filter. The v1 ones are documented for contacts; the v2
// ones are those of a third-party client.
func (s *Sim) filter(o object, v2 bool, q url.Values) ([]int64, bool) {
	keys := filterKeys(o, v2)
	used := slices.ContainsFunc(keys, q.Has) || o == contact && q.Has("customer_id")
	if !used {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := []int64{}
	for _, id := range s.candidates(o, q) {
		r := s.table(o).find(id)
		if r == nil {
			continue
		}
		var f Fields
		if slices.ContainsFunc(keys, q.Has) {
			f = decode(r.body)
		}
		if !slices.ContainsFunc(keys, func(k string) bool { return q.Has(k) && !agrees(f, k, q[k]) }) {
			ids = append(ids, id)
		}
	}
	if s.opts.NewestFirst {
		slices.Reverse(ids)
	}
	return ids, true
}

func filterKeys(o object, v2 bool) []string {
	switch {
	case o == customer && v2:
		return []string{"name_keyword", "statuses"}
	case o == contact && v2:
		return []string{"email_addresses"}
	case o == contact:
		return []string{"first_name", "last_name", "is_doctor"}
	}
	return nil
}

// candidates are the ids that customer_id leaves, or all. The caller holds s.mu.
func (s *Sim) candidates(o object, q url.Values) []int64 {
	var ids []int64
	if o == customer || !q.Has("customer_id") {
		for i := range s.table(o).rows {
			ids = append(ids, s.table(o).rows[i].id)
		}
		return ids
	}
	for _, text := range q["customer_id"] {
		if id, err := strconv.ParseInt(text, 10, 64); err == nil {
			ids = append(ids, s.contactsOf(id)...)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// agrees tells whether a record has one of the wanted values.
func agrees(f Fields, filter string, want []string) bool {
	key := map[string]string{"name_keyword": "customer_name", "statuses": "status", "email_addresses": "email_address"}[filter]
	if key == "" {
		key = filter
	}
	have := strings.ToLower(jsonText(f[key]))
	return slices.ContainsFunc(want, func(text string) bool {
		text = strings.ToLower(text)
		if filter == "name_keyword" {
			return strings.Contains(have, text)
		}
		return have == text
	})
}

func (s *Sim) get(o object) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, ok := pathID(w, r, o)
		if !ok {
			return
		}
		s.mu.RLock()
		defer s.mu.RUnlock()
		found := s.seen(o, id)
		if found == nil {
			refuseMissing(w, o)
			return
		}
		writeRaw(w, http.StatusOK, s.appendSeen(nil, &s.opts, o, found))
	}
}

func (s *Sim) listContactsOf(w http.ResponseWriter, r *http.Request) {
	id, ok := pathID(w, r, customer)
	if !ok {
		return
	}
	s.mu.Lock()
	exists := s.seen(customer, id) != nil
	ids := slices.Clone(s.contactsOf(id))
	s.mu.Unlock()
	if !exists {
		refuseMissing(w, customer)
		return
	}
	s.sendChosen(w, r.URL.Query(), contact, true, ids)
}

func (s *Sim) listCustomersOf(w http.ResponseWriter, r *http.Request) {
	id, ok := pathID(w, r, contact)
	if !ok {
		return
	}
	s.mu.RLock()
	var ids []int64
	found := s.seen(contact, id)
	if found != nil {
		ids = slices.Clone(found.customers)
	}
	s.mu.RUnlock()
	if found == nil {
		refuseMissing(w, contact)
		return
	}
	s.sendChosen(w, r.URL.Query(), customer, true, ids)
}

func pathID(w http.ResponseWriter, r *http.Request, o object) (int64, bool) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		refuseMissing(w, o)
		return 0, false
	}
	return id, true
}

func refuseMissing(w http.ResponseWriter, o object) {
	refuse(w, http.StatusNotFound, "not_found", "no such "+o.String())
}
