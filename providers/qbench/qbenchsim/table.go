package qbenchsim

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// object is a kind of record.
type object uint8

const (
	customer object = iota
	contact
)

func (o object) String() string {
	if o == contact {
		return "contact"
	}
	return "customer"
}

// row is a record ready to be sent: body holds its keys and values without the
// braces, the id and what the switches add. A page is then mere copying.
type row struct {
	id               int64
	body             []byte
	customers        []int64
	created, updated int64  // Unix seconds
	ownDate          string // date_created as this record alone writes it
}

// table keeps rows by ascending id.
type table struct {
	keys []string // the documented keys, in the order in which they are shown
	next int64
	rows []row
}

func newTable(keys []string, first int64) table { return table{keys: keys, next: first} }

func (t *table) insert(r row) int64 {
	r.id = t.next
	t.next++
	t.rows = append(t.rows, r)
	return r.id
}

func (t *table) find(id int64) *row {
	i, ok := slices.BinarySearchFunc(t.rows, id, func(r row, id int64) int { return cmp.Compare(r.id, id) })
	if !ok {
		return nil
	}
	return &t.rows[i]
}

func (t *table) remove(id int64) bool {
	before := len(t.rows)
	t.rows = slices.DeleteFunc(t.rows, func(r row) bool { return r.id == id })
	return len(t.rows) < before
}

// appendRow renders r as the switches say.
func (o *Options) appendRow(b []byte, kind object, r *row) []byte {
	b = append(b, `{"id":`...)
	b = strconv.AppendInt(b, r.id, 10)
	body := r.body
	if len(o.Hidden) > 0 {
		body = without(body, o.Hidden)
	}
	if len(body) > 0 {
		b = append(b, ',')
		b = append(b, body...)
	}
	if kind == contact && !o.HideCustomerIDs {
		b = append(b, `,"customer_ids":[`...)
		for i, id := range r.customers {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, id, 10)
		}
		b = append(b, ']')
	}
	if r.ownDate != "" {
		b = appendText(append(b, `,"date_created":`...), r.ownDate)
	} else if o.Dates != NoDates {
		b = append(b, `,"date_created":"`...)
		b = append(o.appendDate(b, r), '"')
	}
	if o.LastUpdated {
		b = append(b, `,"last_updated":"`...)
		b = strconv.AppendInt(b, r.updated, 10)
		b = append(b, '"')
	}
	return append(b, '}')
}

func (o *Options) appendDate(b []byte, r *row) []byte {
	form := o.Dates
	if form == DatesMixed {
		form = DateSlash + DateForm(r.id%4)
	}
	t := time.Unix(r.created, 0).In(o.Zone)
	switch form {
	case DateSlash:
		return t.AppendFormat(b, "01/02/2006")
	case DateTimeSlash:
		return t.AppendFormat(b, "01/02/2006 03:04 PM")
	case DateISO:
		return t.UTC().AppendFormat(b, "2006-01-02T15:04:05+0000")
	default:
		return strconv.AppendInt(b, r.created, 10)
	}
}
