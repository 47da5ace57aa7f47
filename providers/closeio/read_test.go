package closeio_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/closeio"
	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/internal/faults"
)

// bubble runs a test in virtual time.
func bubble(t *testing.T, opt closeiosim.Options, test func(t *testing.T, l lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newLab(t, opt, nil)) })
}

func leadQuery(since record.Cursor) providers.Query {
	return providers.Query{Object: closeio.Lead, Fields: leadFields(), Since: since}
}

// TestF3_RoutineReadsWhatChanged: R61 is here too: the id of the account is a
// custom field, addressed by the name that people see.
func TestF3_RoutineReadsWhatChanged(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		ids := l.leads(250)
		first := l.read(t, l.Client, leadQuery(""), nil)
		first.whole(t, ids)
		first.once(t)
		if got := first.rows[ids[2]]; !cmp.Equal(got, []string{"Lab 2", "E2", "-"}) {
			t.Errorf("got %v", got)
		}
		time.Sleep(15 * time.Minute)
		if err := l.sim.EditLead(ids[3], closeiosim.Fields{"custom.AccountExternalID": "007"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Minute)
		second := l.read(t, connect(t, l.wire, nil), leadQuery(first.next), nil)
		second.whole(t, ids[3:4])
		if diff := cmp.Diff(map[string][]string{ids[3]: {"Lab 3", "007", "-"}}, second.rows); diff != "" {
			t.Error(diff)
		}
	})
}

// TestRoutineNothingChanged: in a process that knows nothing, too.
func TestRoutineNothingChanged(t *testing.T) {
	for _, object := range []string{closeio.Lead, closeio.Contact, closeio.Opportunity, closeio.Task, closeio.User} {
		t.Run(object, func(t *testing.T) {
			bubble(t, closeiosim.Options{Seed: 7, Accounts: 40, ContactsPerAccount: 2}, func(t *testing.T, l lab) {
				q := providers.Query{Object: object, Fields: someFields(object)}
				time.Sleep(time.Hour)
				first := l.read(t, l.Client, q, nil)
				first.whole(t, nil)
				time.Sleep(time.Hour)
				c := connect(t, l.wire, nil)
				if _, err := c.Identify(t.Context()); err != nil {
					t.Fatal(err)
				}
				q.Since = first.next
				l.sim.ResetCalls()
				second := l.read(t, c, q, nil)
				second.whole(t, nil)
				if n := l.calls(); n > 2 {
					t.Errorf("%d calls, want two at most: %v", n, l.sim.Calls())
				}
				if len(second.rows) > 1 && object != closeio.User {
					t.Errorf("%d records came although nothing changed", len(second.rows))
				}
			})
		})
	}
}

func someFields(object string) []record.Field {
	switch object {
	case closeio.Lead:
		return leadFields()
	case closeio.Contact:
		return fields("first_name", record.Text, "last_name", record.Text, "email", record.Text, "lead_id", record.Reference,
			"custom.ContactExternalID", record.ID)
	case closeio.Opportunity:
		return fields("lead_id", record.Reference, "value", record.Decimal, "status_label", record.Text, "custom.End Date", record.Date)
	case closeio.Task:
		return fields("text", record.Text, "is_complete", record.Bool, "due_date", record.Date, "lead_id", record.Reference)
	}
	return fields("email", record.Text, "name", record.Text, "is_active", record.Bool)
}

// TestFirstLoadBeyondTheCap: 25,000 leads, twice and a half of what one walk
// gives, with as few calls as the page size allows, five in a hundred more.
func TestFirstLoadBeyondTheCap(t *testing.T) {
	const n = 25_000
	bubble(t, closeiosim.Options{RateLimit: -1, NoAudit: true}, func(t *testing.T, l lab) {
		l.bulk(n)
		l.sim.ResetCalls()
		q := leadQuery("")
		q.Fields = append(q.Fields, fields("custom.Plan", record.Text)...) // which is unset everywhere
		r := l.read(t, l.Client, q, nil)
		r.whole(t, l.sim.IDs(closeio.Lead))
		r.once(t)
		if r.pages[0].Total != n {
			t.Errorf("the first page says %d of %d", r.pages[0].Total, n)
		}
		if most := n / 100 * 105 / 100; l.calls() > most {
			t.Errorf("%d calls for %d leads, want %d at most: %v", l.calls(), n, most, l.sim.Calls())
		}
	})
}

// TestFirstLoadAfterAKill: another process goes on where the last page that was
// kept says, and nothing is read twice but the edge.
func TestFirstLoadAfterAKill(t *testing.T) {
	bubble(t, closeiosim.Options{RateLimit: -1}, func(t *testing.T, l lab) {
		ids := l.leads(950)
		for kill := range 10 {
			pages := 0
			first := l.read(t, l.Client, leadQuery(""), func(record.Page) bool { pages++; return pages > kill })
			rest := l.read(t, connect(t, l.wire, nil), leadQuery(first.next), nil)
			for id := range first.seen {
				rest.seen[id]++
			}
			rest.whole(t, ids)
			twice := 0
			for _, n := range rest.seen {
				if n > 1 {
					twice++
				}
			}
			if twice > 1 {
				t.Errorf("killed at page %d, %d records came twice", kill, twice)
			}
		}
	})
}

// TestF5_OneTimestamp: runs of one stamp, up to more than one walk gives.
func TestF5_OneTimestamp(t *testing.T) {
	for _, n := range []int{100, 101, 225, 340, 1000} {
		for _, opt := range []closeiosim.Options{{}, {SearchGrain: time.Second}, {WalkMax: 300}} {
			opt.RateLimit = -1
			t.Run(fmt.Sprint(n, opt.SearchGrain, opt.WalkMax), func(t *testing.T) {
				bubble(t, opt, func(t *testing.T, l lab) {
					ids := l.leads(n)
					at := serverNow().Add(-2 * time.Hour)
					for _, id := range ids[20 : len(ids)-5] {
						if err := l.sim.SetUpdated(id, at); err != nil {
							t.Fatal(err)
						}
					}
					l.sim.CatchUp()
					r := l.read(t, l.Client, leadQuery(""), nil)
					r.whole(t, ids)
					r.once(t)
				})
			})
		}
	}
}

// TestF5_CrowdedTimestamp: more records of one stamp than the vendor's cursor
// gives are read by their creation, whole, and once.
func TestF5_CrowdedTimestamp(t *testing.T) {
	bubble(t, closeiosim.Options{RateLimit: -1, NoAudit: true}, func(t *testing.T, l lab) {
		l.bulk(12_500)
		ids := l.sim.IDs(closeio.Lead)
		at := serverNow().Add(-time.Hour)
		for _, id := range ids {
			if err := l.sim.SetUpdated(id, at); err != nil {
				t.Fatal(err)
			}
		}
		l.sim.CatchUp()
		late := l.leads(3)
		time.Sleep(time.Minute)
		r := l.read(t, l.Client, providers.Query{Object: closeio.Lead, Fields: leadFields(), Full: true}, nil)
		r.whole(t, append(ids, late...))
		r.once(t)
	})
}

// TestF5_CrowdWithoutAKey: what cannot be told apart is said, never left out.
func TestF5_CrowdWithoutAKey(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes 10,100 leads one by one")
	}
	bubble(t, closeiosim.Options{RateLimit: -1, NoAudit: true}, func(t *testing.T, l lab) {
		at := serverNow().Add(-time.Hour)
		for i := range 10_100 {
			l.sim.AddLead(closeiosim.Fields{"name": fmt.Sprint(i), "date_created": at})
		}
		l.sim.CatchUp()
		r := l.read(t, l.Client, leadQuery(""), nil)
		if providers.KindOf(r.err) != providers.Broken || r.err == nil || r.last {
			t.Fatalf("complete %v, error %v", r.last, r.err)
		}
		if !strings.Contains(r.err.Error(), "one time of change") {
			t.Errorf("got %v", r.err)
		}
	})
}

// TestExpiredCursor: the consumer takes longer over a page than a cursor lives.
func TestExpiredCursor(t *testing.T) {
	bubble(t, closeiosim.Options{RateLimit: -1}, func(t *testing.T, l lab) {
		ids := l.leads(550)
		at := serverNow().Add(-2 * time.Hour)
		for _, id := range ids {
			if err := l.sim.SetUpdated(id, at); err != nil {
				t.Fatal(err)
			}
		}
		l.sim.CatchUp()
		r := l.read(t, l.Client, leadQuery(""), func(record.Page) bool { time.Sleep(45 * time.Second); return false })
		r.whole(t, ids)
		r.once(t)
	})
}

// TestF3_ChangedWhileRead: a record that changes while the pages are read comes
// again, as it is then, and draws no other over the edge of a page.
func TestF3_ChangedWhileRead(t *testing.T) {
	for _, lag := range []time.Duration{-1, 15 * time.Second} {
		t.Run(lag.String(), func(t *testing.T) {
			bubble(t, closeiosim.Options{RateLimit: -1, IndexLag: lag}, func(t *testing.T, l lab) {
				ids := l.leads(730)
				n := 0
				l.sim.OnCall(func(call string) {
					if call == "search.lead" && n < 7 {
						_ = l.sim.EditLead(ids[n*100+3], closeiosim.Fields{"name": fmt.Sprint("changed ", n)})
						_ = l.sim.EditLead(ids[min(n*100+160, 729)], closeiosim.Fields{"name": fmt.Sprint("ahead ", n)})
						n++
					}
				})
				first := l.read(t, l.Client, leadQuery(""), nil)
				first.whole(t, ids)
				l.sim.OnCall(nil)
				time.Sleep(15 * time.Minute)
				second := l.read(t, l.Client, leadQuery(first.next), nil)
				second.whole(t, nil)
				for i := range n {
					id := ids[i*100+3]
					row := first.rows[id]
					if again, ok := second.rows[id]; ok {
						row = again
					}
					if row[0] != fmt.Sprint("changed ", i) {
						t.Errorf("the change of %s was never seen: %v", id, row)
					}
				}
			})
		})
	}
}

// TestF4_IndexLag: what the index shows only after the reading is read by the
// next, although its stamp lies before that reading's end.
func TestF4_IndexLag(t *testing.T) {
	bubble(t, closeiosim.Options{IndexLag: 90 * time.Second}, func(t *testing.T, l lab) {
		ids := l.leads(5)
		if err := l.sim.EditLead(ids[0], closeiosim.Fields{"name": "slow"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(60 * time.Second)
		if err := l.sim.EditLead(ids[1], closeiosim.Fields{"name": "fast"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		first := l.read(t, l.Client, leadQuery(""), nil) // shows slow and not fast
		first.whole(t, ids)
		if first.rows[ids[1]][0] == "fast" {
			t.Fatal("the index does not lag: the test proves nothing")
		}
		time.Sleep(15 * time.Minute)
		second := l.read(t, l.Client, leadQuery(first.next), nil)
		if got := second.rows[ids[1]]; len(got) == 0 || got[0] != "fast" {
			t.Errorf("the lagging change was never seen: %v", second.rows)
		}
	})
}

// TestF4_OutOfOrder: the index shows a later change before an earlier one.
func TestF4_OutOfOrder(t *testing.T) {
	for _, full := range []bool{false, true} {
		bubble(t, closeiosim.Options{IndexLag: 60 * time.Second}, func(t *testing.T, l lab) {
			ids := l.leads(5)
			_ = l.sim.EditLead(ids[0], closeiosim.Fields{"name": "slow"})
			time.Sleep(20 * time.Second)
			if err := l.sim.Configure(func(o *closeiosim.Options) { o.IndexLag = -1 }); err != nil {
				t.Fatal(err)
			}
			_ = l.sim.EditLead(ids[1], closeiosim.Fields{"name": "fast"})
			q := leadQuery("")
			q.Full = full
			first := l.read(t, l.Client, q, nil)
			first.whole(t, ids)
			if first.rows[ids[0]][0] == "slow" || first.rows[ids[1]][0] != "fast" {
				t.Fatalf("the index keeps its order: the test proves nothing: %v", first.rows)
			}
			time.Sleep(15 * time.Minute)
			second := l.read(t, l.Client, leadQuery(first.next), nil)
			second.whole(t, ids[:1])
			if second.rows[ids[0]][0] != "slow" {
				t.Errorf("got %v", second.rows)
			}
		})
	}
}

// TestF5_FutureDated: a stamp of the future freezes nothing.
func TestF5_FutureDated(t *testing.T) {
	for _, object := range []string{closeio.Lead, closeio.Opportunity, closeio.Task} {
		t.Run(object, func(t *testing.T) {
			bubble(t, closeiosim.Options{Seed: 3, Accounts: 20, ContactsPerAccount: 1}, func(t *testing.T, l lab) {
				time.Sleep(time.Hour)
				parent := l.sim.AddLead(closeiosim.Fields{"name": "Parent"})
				id := parent
				edit := closeiosim.Fields{"name": "new"}
				switch object {
				case closeio.Opportunity:
					id, edit = l.sim.AddOpportunity(parent, closeiosim.Fields{"note": "x"}), closeiosim.Fields{"note": "new"}
				case closeio.Task:
					id = l.sim.AddTask(parent, closeiosim.Fields{"_type": "lead", "text": "x"})
					edit = closeiosim.Fields{"text": "new"}
				}
				other := l.sim.IDs(object)[0]
				if err := l.sim.SetUpdated(other, time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				q := providers.Query{Object: object, Fields: someFields(object)}
				first := l.read(t, l.Client, q, nil)
				first.whole(t, []string{id})
				time.Sleep(time.Hour)
				if err := l.sim.Edit(id, edit); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				q.Since = first.next
				second := l.read(t, l.Client, q, nil)
				second.whole(t, []string{id})
			})
		})
	}
}

// TestF19_UnsetAndDeleted: an unset field is null; one that the schema has no
// longer, or under another name, is missing and named.
func TestF19_UnsetAndDeleted(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		ids := l.leads(3)
		if err := l.sim.RenameCustomField("lead", "Renewal Date", "Renews"); err != nil {
			t.Fatal(err)
		}
		q := leadQuery("")
		q.Full = true
		r := l.read(t, l.Client, q, nil)
		r.whole(t, ids)
		if !cmp.Equal(r.gone, []string{"custom.Renewal Date"}) || !cmp.Equal(r.rows[ids[1]], []string{"Lab 1", "-", ""}) {
			t.Errorf("gone %q, row %q", r.gone, r.rows[ids[1]])
		}
		schema, err := l.Describe(t.Context(), closeio.Lead)
		if err != nil || schema.Fields["custom.Renews"].ID != l.sim.CustomFieldID("lead", "Renews") {
			t.Errorf("the renamed field is not known by its id: %+v, %v", schema.Fields["custom.Renews"], err)
		}
	})
}

// TestF19_DeletedWhileRead: a field that is deleted between the look at the
// schema and any of the pages is never taken for blank.
func TestF19_DeletedWhileRead(t *testing.T) {
	for at := 1; at <= 8; at++ {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			bubble(t, closeiosim.Options{RateLimit: -1}, func(t *testing.T, l lab) {
				ids := l.leads(750)
				for _, id := range ids {
					if err := l.sim.SetCustom(id, "Renewal Date", "2030-01-31"); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Hour)
				n := 0
				l.sim.OnCall(func(call string) {
					if call == "search.lead" {
						if n++; n == at {
							_ = l.sim.DeleteCustomField("lead", "Renewal Date")
						}
					}
				})
				q := leadQuery("")
				q.Full = true
				r := l.read(t, l.Client, q, nil)
				r.whole(t, ids)
				if !cmp.Equal(r.gone, []string{"custom.Renewal Date"}) {
					t.Errorf("gone: %q", r.gone)
				}
				for id, row := range r.rows {
					if row[2] != "" && row[2] != "2030-01-31" {
						t.Fatalf("a deleted field of %s reads as %q", id, row[2])
					}
				}
			})
		})
	}
}

// TestTwoFieldsOfOneName: which one is meant is not guessed.
func TestTwoFieldsOfOneName(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		l.leads(1)
		if err := l.sim.RenameCustomField("lead", "Plan", "Health"); err != nil {
			t.Fatal(err)
		}
		q := providers.Query{Object: closeio.Lead, Fields: fields("custom.Health", record.Text)}
		r := l.read(t, l.Client, q, nil)
		var e *providers.Error
		if !errors.As(r.err, &e) || e.Kind != providers.Broken || e.Hint == "" {
			t.Fatalf("got %v", r.err)
		}
		// Other fields of the object are none the worse for it.
		other := l.read(t, l.Client, leadQuery(""), nil)
		other.whole(t, nil)
	})
}

// TestF6_FullCounts: an index that hides records does not make a complete
// listing, and one that only lags does in the end.
func TestF6_FullCounts(t *testing.T) {
	for _, tc := range []struct {
		lag  time.Duration
		kind providers.Kind
		ok   bool
	}{{15 * time.Second, 0, true}, {time.Hour, providers.Transient, false}} {
		t.Run(tc.lag.String(), func(t *testing.T) {
			bubble(t, closeiosim.Options{IndexLag: tc.lag}, func(t *testing.T, l lab) {
				ids := l.leads(120)
				ids = append(ids, l.sim.AddLead(closeiosim.Fields{"name": "New"}))
				q := leadQuery("")
				q.Full = true
				r := l.read(t, l.Client, q, nil)
				if tc.ok {
					r.whole(t, ids)
				} else if r.last || r.err == nil || providers.KindOf(r.err) != tc.kind {
					t.Errorf("complete %v, error %v", r.last, r.err)
				}
			})
		})
	}
}

// TestLastPageFails: a full reading whose last page fails is not complete.
func TestLastPageFails(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		l.leads(250)
		l.sim.Faults().Add(faults.Rule{Path: "/data/search/", From: 3, To: -1, Status: http.StatusBadGateway})
		q := leadQuery("")
		q.Full = true
		r := l.read(t, l.Client, q, nil)
		if r.last || providers.KindOf(r.err) != providers.Transient || r.err == nil {
			t.Errorf("complete %v, error %v", r.last, r.err)
		}
		if len(r.seen) < 190 {
			t.Errorf("%d records came: pages before the failure are good", len(r.seen))
		}
	})
}

// TestReadAt: a page that waits for the look at the schema says when it was
// asked for.
func TestReadAt(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		l.leads(450)
		l.sim.OnCall(func(string) { time.Sleep(2 * time.Second) })
		began := time.Now()
		var before time.Time
		r := l.read(t, l.Client, leadQuery(""), func(p record.Page) bool {
			if p.ReadAt.IsZero() || p.ReadAt.Before(before) || p.ReadAt.After(time.Now().Add(-2*time.Second)) {
				t.Errorf("a page asked for %v after the beginning", p.ReadAt.Sub(began))
			}
			before = p.ReadAt
			return false
		})
		r.whole(t, nil)
	})
}

// TestPositions: what is no position of ours, or of another object, is refused.
func TestPositions(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		for _, c := range []record.Cursor{"x", "2026-11-22", "2026-11-22T10:00:00Z", "w", "w -", "w 2026-11-22T10:00:00.000Z", "2026-11-22T10:00:00.000Z !!"} {
			r := l.read(t, l.Client, leadQuery(c), nil)
			if providers.KindOf(r.err) != providers.Broken || r.err == nil {
				t.Errorf("%q: got %v", c, r.err)
			}
		}
		r := l.read(t, l.Client, providers.Query{Object: closeio.Task, Since: "2026-11-22T10:00:00.000Z"}, nil)
		if r.err == nil {
			t.Error("tasks took a position of leads")
		}
	})
}

// TestContextEnds: a reading that waits for the index ends with its context.
func TestContextEnds(t *testing.T) {
	bubble(t, closeiosim.Options{IndexLag: time.Hour}, func(t *testing.T, l lab) {
		l.sim.AddLead(closeiosim.Fields{"name": "New"})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		q := leadQuery("")
		q.Full = true
		began := time.Now()
		var last error
		for _, err := range l.Read(ctx, q) {
			last = err
		}
		if !errors.Is(last, context.DeadlineExceeded) || time.Since(began) > 6*time.Second {
			t.Errorf("got %v after %v", last, time.Since(began))
		}
	})
}
