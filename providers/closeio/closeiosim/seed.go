package closeiosim

import (
	"strconv"
	"strings"
	"time"

	"crmsyncd/providers/fakedata"
)

// firstCustomer is the id that the laboratory system gives its first customer.
const firstCustomer = 1000

// Seed fills the organization with invented, untidy records. The companies are
// those of the laboratory system under the same seed and sizes, whose ids are
// taken to count from 1000.
func (s *Sim) Seed(seed uint64, accounts, contactsPerAccount int) {
	s.Load(fakedata.New(seed, accounts, contactsPerAccount), func(i int) string { return strconv.Itoa(firstCustomer + i) })
}

// Load adds the companies and people of a world in the shape of this system:
// seven companies of ten, most of them under the id that customerID gives,
// some without an id or with one that nobody knows, a few with another's; and
// leads that only Close has. It returns the id of the lead of each company.
func (s *Sim) Load(w *fakedata.World, customerID func(i int) string) []string {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	l := &loader{store: s.store, world: w, customerID: customerID, leads: make([]string, w.Accounts())}
	l.settle(true)
	l.switches.quiet = true
	defer func() { l.switches.quiet = false }()
	l.staff()
	for i := range l.leads {
		if l.dice(40, i)%10 < 7 {
			l.leads[i] = l.lead(l.world.Company(i), true)
		}
	}
	for j := range w.People() {
		l.person(w.Person(j), j)
	}
	strangers := fakedata.New(^l.opt.Seed, w.Accounts()/8+1, 1)
	for i := range strangers.Accounts() {
		l.lead(strangers.Company(i), false)
	}
	return l.leads
}

// loader turns a world into records.
type loader struct {
	*store
	world      *fakedata.World
	customerID func(int) string
	leads      []string
	sellers    []string
}

func (l *loader) dice(salt uint64, i int) int {
	return int(mix(l.opt.Seed, salt, uint64(i)) % 1_000_000)
}

// staff makes the people who own leads, two of whom have left.
func (l *loader) staff() {
	for i, name := range []string{"Omar Haddad", "Lena Brandt", "Yuki Tanaka", "Paul Okafor", "Ines Duarte"} {
		first, last, _ := strings.Cut(name, " ")
		u := l.addUser(first, last, strings.ToLower(first+"."+last)+"@close-sim.example")
		u.departed = i >= 3
		l.sellers = append(l.sellers, u.id)
	}
}

// put adds a record that was made and last changed in the past.
func (l *loader) put(k kind, f Fields, made, changed time.Time) string {
	f = under("", f)
	for name, v := range f {
		if v == nil || v == "" {
			delete(f, name)
		}
	}
	f["date_created"] = made
	id, err := l.add(k, f)
	if err != nil {
		panic("closeiosim: seed " + k.String() + ": " + err.Error())
	}
	r := l.find(k, id)
	v := *r.live
	v.updated = min(max(changed.UnixMilli(), r.created), l.now())
	l.replace(r, &v)
	return id
}

// imported is the instant at which one lead in nine was imported: a whole
// second, shared by many.
func imported() time.Time { return time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC) }

func (l *loader) when(salt uint64, i int, made time.Time) time.Time {
	if l.dice(salt, i)%9 == 0 && made.Before(imported()) {
		return imported()
	}
	return made.Add(time.Duration(l.dice(salt+1, i)%90)*24*time.Hour + time.Duration(l.dice(salt+2, i))*time.Millisecond)
}

func (l *loader) lead(c fakedata.Company, known bool) string {
	i := c.Index
	f := Fields{
		"name": c.Name, "description": c.Description, "url": c.Website,
		"addresses": postal(c.Address, c.Form), "status_id": l.statuses[l.dice(50, i)%5].id,
		"custom.Plan":          []string{"Basic", "Pro", "Enterprise", ""}[l.dice(51, i)%4],
		"custom.Health":        []string{"Good", "OK", "Bad", ""}[l.dice(52, i)%4],
		"custom.Sync":          []string{"Yes", "Yes", "Yes", "No", ""}[l.dice(53, i)%5],
		"custom.Account Owner": l.sellers[l.dice(54, i)%len(l.sellers)],
	}
	if l.dice(55, i)%3 > 0 {
		f["custom.Renewal Date"] = c.Created.AddDate(8, 0, l.dice(56, i)%300).Format(time.DateOnly)
	}
	if l.field(lead, "Plan").Type != "text" || l.field(lead, "Health").Type != "choices" {
		delete(f, "custom.Plan")
		delete(f, "custom.Health")
	}
	if known {
		f["custom.AccountExternalID"] = l.externalID(i)
		f["custom.ParentExternalID"] = l.parent(i)
	}
	id := l.put(lead, f, c.Created, l.when(57, i, c.Created))
	l.deals(id, c)
	l.chores(id, c)
	return id
}

// externalID is mostly the customer's id, as people keep it.
func (l *loader) externalID(i int) string {
	switch n := l.dice(60, i) % 100; {
	case n < 12:
		return ""
	case n < 18:
		return "9" + l.customerID(i) // unknown over there
	case n < 22 && i > 0:
		return l.customerID(i - 1) // another's
	case n < 24:
		return l.customerID(i) + ".0" // what a spreadsheet made of it
	}
	return l.customerID(i)
}

// parent is the elder sister's id for one lead in eight, for a few one that
// nobody has.
func (l *loader) parent(i int) string {
	switch {
	case i%40 == 21:
		return "404404"
	case i > 0 && i%8 == 5:
		return l.customerID(i - 1)
	}
	return ""
}

func (l *loader) person(p fakedata.Person, j int) {
	if len(p.Companies) == 0 || l.leads[p.Companies[0]] == "" || l.dice(70, j)%4 == 0 {
		return
	}
	f := Fields{"name": strings.TrimSpace(strings.TrimSpace(p.First) + " " + strings.TrimSpace(p.Last)), "title": p.Title}
	mail := strings.TrimSpace(p.Email)
	if strings.Count(mail, "@") == 1 && !strings.Contains(mail, " ") {
		f["emails"] = []entry{{"type": "office", "email": mail}}
		switch n := l.dice(71, j) % 20; {
		case n < 15:
			f["custom.ContactExternalID"] = strings.ToLower(mail)
		case n == 19:
			f["custom.ContactExternalID"] = "user-" + strconv.Itoa(j)
		}
	}
	var numbers []entry
	if p.Phone != "" {
		numbers = append(numbers, entry{"type": "office", "phone": p.Phone})
	}
	if p.Mobile != "" {
		numbers = append(numbers, entry{"type": "mobile", "phone": p.Mobile})
	}
	if len(numbers) > 0 {
		f["phones"] = numbers
	}
	f["lead_id"] = l.leads[p.Companies[0]]
	l.put(contact, f, p.Created, l.when(72, j, p.Created))
}

func (l *loader) deals(leadID string, c fakedata.Company) {
	i := c.Index
	for n := range l.dice(80, i) % 3 {
		made := c.Created.AddDate(0, 2+n*12, 0)
		p := l.pipelines[n%len(l.pipelines)]
		st := p.statuses[l.dice(81+uint64(n), i)%len(p.statuses)]
		f := Fields{
			"lead_id": leadID, "status_id": st.id, "user_id": l.sellers[l.dice(83, i)%len(l.sellers)],
			"value": 10_000 + l.dice(84, i)/10*100, "value_currency": []string{"USD", "USD", "USD", "EUR", "JPY"}[l.dice(85, i)%5],
			"value_period": []string{"annual", "one_time", "monthly"}[l.dice(86, i)%3], "note": "Contract " + c.AccountNo,
		}
		if st.kind == "active" {
			f["confidence"] = 10 + l.dice(87, i)%80
		}
		if st.kind == "won" {
			f["date_won"] = made.AddDate(0, 1, 0).Format(time.DateOnly)
			f["custom.Start Date"] = made.AddDate(0, 1, 0).Format(time.DateOnly)
			f["custom.End Date"] = made.AddDate(1, 1, 0).Format(time.DateOnly)
		}
		l.put(opportunity, f, made, l.when(88, i*3+n, made))
	}
}

// chores are tasks of every type, open and complete, by people who may have left.
func (l *loader) chores(leadID string, c fakedata.Company) {
	i := c.Index
	types := append([]string{"lead", "lead", "lead", "lead", "outgoing_call"}, systemTypes()...)
	for n := range l.dice(90, i) % 4 {
		made := c.Created.AddDate(0, 1+n*7, n)
		f := Fields{
			"lead_id": leadID, "_type": types[l.dice(91+uint64(n), i)%len(types)],
			"assigned_to": l.sellers[l.dice(94, i+n)%len(l.sellers)],
			"text":        []string{"Call about the renewal", "Send the new price list", "Ask for the sample plan"}[n%3],
			"is_complete": l.dice(95+uint64(n), i)%2 == 0,
		}
		switch l.dice(98+uint64(n), i) % 5 {
		case 0:
			f["date"] = made.AddDate(0, 0, 10).Format(time.RFC3339)
		case 1:
		default:
			f["date"] = made.AddDate(0, 0, 10).Format(time.DateOnly)
		}
		l.put(task, f, made, l.when(99, i*4+n, made))
	}
}

// postal is an address as Close keeps it, if the company has one that the form
// can hold.
func postal(a fakedata.Address, form fakedata.AddressForm) any {
	if form == fakedata.NoAddress {
		return nil
	}
	label := map[string]string{"BILLING": "business", "SHIPPING": "mailing"}[a.Type]
	if label == "" {
		label = "office"
	}
	country := map[string]string{
		"US": "US", "USA": "US", "United States": "US", "Canada": "CA", "Germany": "DE", "United Kingdom": "GB", "Denmark": "DK",
	}[a.Country]
	return []entry{{
		"label": label, "address_1": a.Street, "address_2": a.Street2, "city": a.City, "state": a.State,
		"zipcode": a.PostalCode, "country": country,
	}}
}
