package closeio_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/closeio"
	"crmsyncd/providers/providertest"
)

// staleIndex is a search that finds and orders records by what its index holds,
// and shows them as they are by now. Whether Close's does so is not documented,
// so the walk must not rely on the contrary.
type staleIndex struct {
	rows  []indexed
	calls int
	touch func(call int, rows []indexed)
}

type indexed struct {
	id           string
	index, shown time.Time
}

// ServeHTTP answers searches, and how many records there are; a cursor is the place of a row.
func (s *staleIndex) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if r.Method == http.MethodGet {
		fmt.Fprintf(w, `{"data":[],"has_more":false,"total_results":%d}`, len(s.rows))
		return
	}
	var q struct {
		Cursor *string `json:"cursor"`
		Query  struct {
			Queries []struct {
				Condition struct {
					From struct{ Value time.Time } `json:"on_or_after"`
				}
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.calls++
	s.touch(s.calls, s.rows)
	var from time.Time
	for _, n := range q.Query.Queries {
		from = n.Condition.From.Value
	}
	i := 0
	if q.Cursor != nil {
		i, _ = strconv.Atoi(*q.Cursor)
	} else {
		for i < len(s.rows) && s.rows[i].index.Before(from) {
			i++
		}
	}
	end := min(i+100, len(s.rows))
	var data []map[string]string
	for _, x := range s.rows[i:end] {
		data = append(data, map[string]string{"id": x.id, "name": x.id, "date_updated": x.shown.Format("2006-01-02T15:04:05.000000-07:00")})
	}
	answer := map[string]any{"data": data, "cursor": nil}
	if end < len(s.rows) {
		answer["cursor"] = strconv.Itoa(end)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// TestF3_StampsAheadOfTheIndex: the last record of each page changes just before
// the page is shown. A walk that went on from its stamp would pass over all the
// rest.
func TestF3_StampsAheadOfTheIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := time.Now().Add(-48 * time.Hour)
		s := &staleIndex{touch: func(call int, rows []indexed) {
			if last := call*100 - 1; last < len(rows) {
				rows[last].shown = time.Now()
			}
			for i := range rows {
				if i%99 == 98 {
					rows[i].shown = time.Now()
				}
			}
		}}
		var ids []string
		for i := range 850 {
			at := from.Add(time.Duration(i) * time.Minute)
			ids = append(ids, fmt.Sprintf("lead_%04d", i))
			s.rows = append(s.rows, indexed{ids[i], at, at})
		}
		l := lab{Client: connect(t, &providertest.Wire{Handler: s}, nil)}
		r := l.read(t, l.Client, providers.Query{Object: closeio.Lead, Fields: fields("name", record.Text)}, nil)
		r.whole(t, ids)
	})
}
