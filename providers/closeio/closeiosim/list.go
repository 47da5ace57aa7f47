package closeiosim

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// listing is the last answer to a list's filters, for a client pages through it.
type listing struct {
	turn uint64
	rows []*record
}

// pageMax is the largest _limit, as connectors found it.
func pageMax(k kind) int {
	return [...]int{200, 100, 250, 1000}[k]
}

// page answers _limit and _skip. What is too large is refused.
// https://developer.close.com/api/overview/pagination (last checked 2026-11-22)
func (c *call) page(most, n int, render func([]byte, int) []byte, total bool) answer {
	if c.store.opt.PageMax > 0 {
		most = c.store.opt.PageMax
	}
	limit, err := c.count64("_limit", min(100, most))
	if err != nil {
		return badField("_limit", err.Error())
	}
	if limit > most {
		return badRequest(fmt.Sprintf("The limit you set is larger than the maximum limit for this resource (max_limit = %d). Please set a limit less than or equal to %d.", most, most))
	}
	skip, err := c.count64("_skip", 0)
	if err != nil {
		return badField("_skip", err.Error())
	}
	if most := c.store.opt.MaxSkip; skip > most {
		return badRequest(fmt.Sprintf("The skip you set is larger than the maximum skip for this resource (max_skip = %d). Please set a skip less than or equal to %d.", most, most))
	}
	start, end := min(skip, n), min(skip+limit, n)
	b := append(make([]byte, 0, 1<<14), `{"data":[`...)
	for i := start; i < end; i++ {
		if i > start {
			b = append(b, ',')
		}
		b = render(b, i)
	}
	b = append(b, `],"has_more":`...)
	b = strconv.AppendBool(b, end < n)
	if total {
		b = append(b, `,"total_results":`...)
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return ok(append(b, '}'))
}

func (c *call) count64(name string, otherwise int) (int, error) {
	text := c.query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, refused("Not a valid integer.")
	}
	return n, nil
}

// list answers GET on a kind. Filters that the resource does not have are
// passed over: a lead cannot be asked for by its change.
func (c *call) list(k kind) answer {
	rows, err := c.rows(k)
	if err != nil {
		return refusal(err)
	}
	sel := c.fieldsParam(k)
	return c.page(pageMax(k), len(rows), func(b []byte, i int) []byte {
		return c.store.appendRecord(b, rows[i], rows[i].live, sel)
	}, k == lead || k == opportunity)
}

func (c *call) rows(k kind) ([]*record, error) {
	s := c.store
	s.settle(false)
	q := url.Values{}
	for name, v := range c.query {
		if !slices.Contains([]string{"_limit", "_skip", "_fields"}, name) {
			q[name] = v
		}
	}
	key := k.String() + "?" + strconv.FormatUint(s.rules.Turn(), 10) + "?" + q.Encode()
	if have := s.lists[key]; have != nil && have.turn == s.turn && !q.Has("view") {
		return have.rows, nil
	}
	rows, err := c.choose(k)
	if err != nil {
		return nil, err
	}
	if len(s.lists) > 8 {
		clear(s.lists)
	}
	s.lists[key] = &listing{s.turn, rows}
	return rows, nil
}

// span is a range of update times, the end not in it.
type span struct{ from, to int64 }

// test tells whether a list shows a record.
type test func(r *record) bool

func (c *call) choose(k kind) ([]*record, error) {
	t := c.store.tables[k]
	within, tests, err := c.filters(k)
	if err != nil {
		return nil, err
	}
	by, desc := strings.CutPrefix(c.query.Get("_order_by"), "-")
	if err := orderable(k, by); err != nil {
		return nil, err
	}
	from := t.made.rows
	if within != nil || by == "date_updated" {
		from = t.recent.rows
	}
	if within != nil {
		lo := t.recent.at(within.from, 0)
		from = from[lo:max(lo, t.recent.at(within.to, 0))]
	}
	if c.store.rules.Reading() {
		tests = append(tests, func(r *record) bool { return !c.store.hides(r) })
	}
	var rows []*record
	if len(tests) == 0 {
		rows = slices.Clone(from)
	} else {
		for _, r := range from {
			if !slices.ContainsFunc(tests, func(pass test) bool { return !pass(r) }) {
				rows = append(rows, r)
			}
		}
	}
	c.sort(k, rows, by, within != nil)
	if desc {
		slices.Reverse(rows)
	}
	return rows, nil
}

// orderable knows by what a list can be ordered: tasks not by their update.
// https://developer.close.com/api/resources/tasks (last checked 2026-11-22)
func orderable(k kind, by string) error {
	allowed := [...][]string{nil, nil, {"date_updated", "date_created", "date_won", "value", "confidence", "expected_value"}, {"date", "date_created"}}[k]
	if by == "" || k == lead || k == contact || contains(allowed, by) {
		return nil
	}
	return fieldErrors{"_order_by": "Not a valid choice."}
}

func (c *call) sort(k kind, rows []*record, by string, recent bool) {
	if by == "date_updated" || (by == "" || by == "date_created") && !recent || k == lead || k == contact {
		return
	}
	key := func(r *record) float64 { return float64(r.created) }
	if by != "" && by != "date_created" {
		f := c.store.kinds[k].byName[by]
		key = func(r *record) float64 {
			v := plain(string(c.store.appendValue(nil, f, r, r.live)))
			if ms, _, ok := parseMoment(v); ok {
				return float64(ms)
			}
			if n, err := strconv.ParseFloat(v, 64); err == nil {
				return n
			}
			return 1 << 60
		}
	}
	keys := make(map[*record]float64, len(rows))
	for _, r := range rows {
		keys[r] = key(r)
	}
	slices.SortFunc(rows, func(a, b *record) int { return cmp.Or(cmp.Compare(keys[a], keys[b]), cmp.Compare(a.n, b.n)) })
}

// filters reads the parameters that the resource has.
func (c *call) filters(k kind) (*span, []test, error) {
	var within *span
	var tests []test
	bad := fieldErrors{}
	for name := range c.query {
		value := c.query.Get(name)
		base, op, _ := strings.Cut(name, "__")
		if value == "" || !filterable(k, base) {
			continue
		}
		if base != "date" && base != "due_date" && !strings.HasPrefix(base, "date_") {
			tests = append(tests, c.test(k, base, op, value))
			continue
		}
		s, err := timeSpan(op, value)
		switch {
		case err != nil:
			bad[name] = err.Error()
		case base == "date_updated":
			within = within.and(s)
		default:
			tests = append(tests, c.inSpan(k, base, s))
		}
	}
	if len(bad) > 0 {
		return nil, nil, bad
	}
	return within, tests, nil
}

// filterable knows the documented filters; for leads there is none.
func filterable(k kind, name string) bool {
	return contains([...][]string{
		nil,
		{"lead_id"},
		{"lead_id", "user_id", "status_id", "status_label", "status_type", "date_updated", "date_created", "date_won"},
		{"lead_id", "assigned_to", "is_complete", "_type", "view", "id", "date_updated", "date_created", "date", "due_date"},
	}[k], name)
}

func (a *span) and(b span) *span {
	if a == nil {
		return &b
	}
	return &span{max(a.from, b.from), min(a.to, b.to)}
}

func timeSpan(op, value string) (span, error) {
	ms, day, ok := parseMoment(strings.ReplaceAll(value, " 00:00", "+00:00"))
	if !ok {
		return span{}, refused("Not a valid datetime.")
	}
	const forever = 1 << 60
	switch op {
	case "gt":
		return span{ms + 1, forever}, nil
	case "gte":
		return span{ms, forever}, nil
	case "lt":
		return span{-forever, ms}, nil
	case "lte":
		return span{-forever, ms + 1}, nil
	case "":
		if day {
			return span{ms, ms + 24*60*60*1000}, nil
		}
		return span{ms, ms + 1}, nil
	}
	return span{}, refused("Unknown comparison " + strconv.Quote(op) + ".")
}

func (c *call) inSpan(k kind, name string, s span) test {
	if name == "date_created" {
		return func(r *record) bool { return r.created >= s.from && r.created < s.to }
	}
	f := c.store.kinds[k].byName[name]
	return func(r *record) bool {
		ms, _, ok := parseMoment(plain(string(c.store.appendValue(nil, f, r, r.live))))
		return ok && ms >= s.from && ms < s.to
	}
}

func (c *call) test(k kind, name, op, value string) test {
	wanted := []string{value}
	if op == "in" {
		wanted = strings.Split(value, ",")
	}
	if name == "is_complete" {
		wanted[0] = strings.ToLower(wanted[0])
	}
	f := c.store.kinds[k].byName[name]
	return func(r *record) bool {
		// A new task shows under its lead only when the index has it.
		if k == task && name == "lead_id" && r.shown == nil {
			return false
		}
		return contains(wanted, plain(string(c.store.appendValue(nil, f, r, r.live))))
	}
}
