package closeiosim

import (
	"fmt"
	"strconv"
	"time"
)

// BulkOptions are the sizes of a large organization.
type BulkOptions struct {
	Leads, ContactsPerLead int
	// OpportunitiesPerLead and TasksPerLead are made for each lead too.
	OpportunitiesPerLead, TasksPerLead int
	// Start is the update time of the first record; 2024-01-01 if zero. Step lies
	// between two leads; a second if zero.
	Start time.Time
	Step  time.Duration
	// SameStamp gives so many leads in a row one and the same time, as an
	// import does, and so their contacts.
	SameStamp int
}

// Bulk adds plain records fast and in little memory: no events, and in the
// search index at once. Lead i is called "Bulk i", and its AccountExternalID is
// 1000 + i, as the laboratory system counts.
func (s *Sim) Bulk(o BulkOptions) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	orElse(&o.Start, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	orElse(&o.Step, time.Second)
	o.SameStamp = max(o.SameStamp, 1)
	b := &bulk{store: s.store, BulkOptions: o}
	b.settle(true)
	b.switches.quiet = true
	defer func() { b.switches.quiet = false }()
	for i := range o.Leads {
		b.lead(i)
	}
}

type bulk struct {
	*store
	BulkOptions
	buf []byte
}

func (b *bulk) cell(name, raw string) {
	b.buf = appendCell(b.buf, b.keys.number(name), raw)
}

func (b *bulk) custom(k kind, name, raw string) {
	if f := b.field(k, name); f != nil {
		b.buf = appendCell(b.buf, f.n, raw)
	}
}

// put stores what the cells hold.
func (b *bulk) put(k kind, prefix string, owner *record, ms int64) *record {
	r := &record{id: b.ids.next(prefix), kind: k, created: ms}
	r.live = &version{updated: ms, lead: owner, doc: doc(b.buf)}
	b.buf = b.buf[:0]
	b.insert(r)
	return r
}

func (b *bulk) lead(i int) {
	ms := b.Start.UnixMilli() + int64(i/b.SameStamp*b.SameStamp)*b.Step.Milliseconds()
	id := strconv.Itoa(firstCustomer + i)
	b.cell("name", quoted("Bulk "+strconv.Itoa(i)))
	b.cell("url", quoted("https://bulk-"+strconv.Itoa(i)+".example"))
	b.cell("status_id", quoted(b.statuses[i%3].id))
	b.cell("addresses", `[{"label":"business","address_1":"`+strconv.Itoa(1+i%900)+` Main St","address_2":null,"city":"Denver","state":"CO","zipcode":"80202","country":"US"}]`)
	b.custom(lead, "AccountExternalID", quoted(id))
	b.custom(lead, "Sync", `"Yes"`)
	if b.field(lead, "Renewal Date") != nil {
		b.custom(lead, "Renewal Date", fmt.Sprintf(`"2027-%02d-%02d"`, 1+i%12, 1+i%28))
	}
	r := b.put(lead, "lead_", nil, ms)
	for n := range b.ContactsPerLead {
		b.person(r, i*b.ContactsPerLead+n, ms)
	}
	for range b.OpportunitiesPerLead {
		b.cell("status_id", quoted(b.pipelines[0].statuses[i%4].id))
		b.cell("value", number(int64(10_000+i)))
		b.cell("user_id", quoted(b.users[1].id))
		b.put(opportunity, "oppo_", r, ms)
	}
	for n := range b.TasksPerLead {
		b.cell("_type", `"lead"`)
		b.cell("text", `"Call"`)
		b.cell("is_complete", strconv.FormatBool((i+n)%2 == 0))
		b.cell("assigned_to", quoted(b.users[1].id))
		b.put(task, "task_", r, ms)
	}
}

func (b *bulk) person(owner *record, n int, ms int64) {
	mail := "person" + strconv.Itoa(n) + "@bulk-" + strconv.Itoa(n%977) + ".example"
	b.cell("name", quoted("Person "+strconv.Itoa(n)))
	b.cell("title", `"Buyer"`)
	b.cell("emails", `[{"type":"office","email":"`+mail+`","is_unsubscribed":false}]`)
	b.custom(contact, "ContactExternalID", quoted(mail))
	b.put(contact, "cont_", owner, ms)
}
