package worldtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/qbench/qbenchsim"
)

// people are the kinds of steps by which people work on all sides.
func people() []kind {
	return []kind{
		{name: "customer", weight: 6, do: (*life).customer},
		{name: "contact", weight: 7, do: (*life).contact},
		{name: "known", weight: 2, do: (*life).known},
		{name: "editCustomer", weight: 8, do: (*life).editCustomer},
		{name: "editContact", weight: 6, do: (*life).editContact},
		{name: "moveContact", weight: 3, do: (*life).moveContact},
		{name: "dropCustomer", weight: 1, do: (*life).dropCustomer},
		{name: "dropContact", weight: 1, do: (*life).dropContact},
		{name: "lead", weight: 3, do: (*life).lead},
		{name: "editLead", weight: 4, do: (*life).editLead},
		{name: "leadChild", weight: 3, do: (*life).leadChild},
		{name: "dropLead", weight: 1, do: (*life).dropLead},
		{name: "mergeLeads", weight: 1, do: (*life).mergeLeads},
		{name: "leadKey", weight: 2, do: (*life).leadKey},
		{name: "editDeal", weight: 3, do: (*life).editDeal},
		{name: "dropDeal", weight: 1, do: (*life).dropDeal},
		{name: "oddContact", weight: 3, do: (*life).oddContact},
		{name: "targetEdit", weight: 5, do: (*life).targetEdit},
		{name: "targetDelete", weight: 1, do: (*life).targetDelete},
		{name: "targetRestore", weight: 1, do: (*life).targetRestore},
		{name: "targetMerge", weight: 1, do: (*life).targetMerge},
		{name: "targetTouch", weight: 2, do: (*life).targetTouch},
	}
}

func (l *life) customer(s Step) { l.addCustomer(s.N, s.A) }

func (l *life) addCustomer(n, a int) {
	l.customers = append(l.customers, l.QBench.AddCustomer(qbenchsim.Fields{
		"customer_name": fmt.Sprint("Lab ", n), "description": "A lab", "industry": industry(a), "website": site(n),
		"number_of_employees": 12, "phone": "+1 202 555 0101", "street": "1 Main St", "street_2": "Floor 2", "city": "Springfield",
		"state": "IL", "postal_code": "62701", "country": "United States",
	}))
}

func site(n int) string { return fmt.Sprintf("https://lab-%d.example", n) }

// industry is one that HubSpot's list has, most of the time.
func industry(a int) string {
	return [...]string{"Food", "Chemicals", "Biotech", "Water", "Banking", "Underwater Basketry"}[a%6]
}

func (l *life) contact(s Step) {
	ids := l.QBench.CustomerIDs()
	if len(ids) == 0 {
		return
	}
	l.contacts = append(l.contacts, l.QBench.AddContact(qbenchsim.Fields{
		"first_name": "Ann", "last_name": fmt.Sprint("Lee", s.N), "email_address": fmt.Sprintf("p%d@lab.example", s.N),
		"phone": "+1 202 555 0102", "street": "2 Side St", "city": "Springfield", "state": "IL", "postal_code": "62702",
		"country": "United States",
	}, ids[s.A%len(ids)]))
}

// known makes a customer whom both targets know already, by the domain.
func (l *life) known(s Step) {
	l.watch(l.touched, func() {
		_, _ = l.Salesforce.Insert("Account", map[string]string{"Name": "Old lab", "Website": site(s.N)})
		_, _ = l.HubSpot.Insert("companies", map[string]string{"name": "Old lab", "domain": strings.TrimPrefix(site(s.N), "https://")})
	})
	l.addCustomer(s.N, s.A)
}

func (l *life) editCustomer(s Step) {
	ids := l.QBench.CustomerIDs()
	if len(ids) == 0 {
		return
	}
	_ = l.QBench.UpdateCustomer(ids[s.A%len(ids)], [...]qbenchsim.Fields{
		{"description": fmt.Sprint("D", s.N), "number_of_employees": s.N},
		{"customer_name": fmt.Sprint("Lab renamed ", s.N)},
		{"industry": industry(s.N)},
		{"street": fmt.Sprint(s.N, " New St"), "phone": "+1 202 555 0199"},
		{"description": ""},
		{"number_of_employees": s.N, "industry": industry(s.A)},
	}[s.B%6])
}

func (l *life) editContact(s Step) {
	ids := l.QBench.ContactIDs()
	if len(ids) == 0 {
		return
	}
	_ = l.QBench.UpdateContact(ids[s.A%len(ids)], [...]qbenchsim.Fields{
		{"last_name": fmt.Sprint("Roe", s.N)},
		{"first_name": fmt.Sprint("Bea", s.N), "city": "Elsewhere"},
		{"email_address": fmt.Sprintf("q%d@lab.example", s.N)},
		{"phone": fmt.Sprint("+1 202 555 ", 1000+s.N)},
	}[s.B%4])
}

func (l *life) moveContact(s Step) {
	ids, customers := l.QBench.ContactIDs(), l.QBench.CustomerIDs()
	if len(ids) == 0 || len(customers) == 0 {
		return
	}
	_ = l.QBench.UpdateContact(ids[s.A%len(ids)], qbenchsim.Fields{"customer_ids": []int64{customers[s.B%len(customers)]}})
}

func (l *life) dropCustomer(s Step) {
	ids := l.QBench.CustomerIDs()
	if len(ids) < 2 {
		return // an empty listing is not believed
	}
	id := ids[s.A%len(ids)]
	l.gone["account "+fmt.Sprint(id)] = true
	for _, c := range l.QBench.ContactIDs() {
		if f, _ := l.QBench.Contact(c); slices.Equal(f["customer_ids"].([]int64), []int64{id}) {
			l.gone["contact "+fmt.Sprint(c)] = true
		}
	}
	l.QBench.DeleteCustomer(id)
}

func (l *life) dropContact(s Step) {
	ids := l.QBench.ContactIDs()
	if len(ids) < 2 {
		return // an empty listing is not believed
	}
	id := ids[s.A%len(ids)]
	l.gone["contact "+fmt.Sprint(id)] = true
	l.QBench.DeleteContact(id)
}

// lead makes a lead of a customer that no lead names yet.
func (l *life) lead(s Step) {
	f := closeiosim.Fields{"name": fmt.Sprint("Lead ", s.N)}
	for _, id := range l.QBench.CustomerIDs() {
		if len(l.Close.Find("lead", "custom.AccountExternalID", fmt.Sprint(id))) == 0 && s.B%4 != 3 {
			f["custom.AccountExternalID"] = fmt.Sprint(id)
			break
		}
	}
	if s.B%3 != 2 {
		f["custom.Renewal Date"] = day(s.A)
	}
	l.leads = append(l.leads, l.Close.AddLead(f))
}

func day(n int) string { return fmt.Sprintf("2027-%02d-%02d", 1+n%12, 1+n%28) }

func (l *life) anyLead(a int) string {
	ids := l.Close.IDs("lead")
	if len(ids) == 0 {
		return ""
	}
	return ids[a%len(ids)]
}

func (l *life) editLead(s Step) {
	id := l.anyLead(s.A)
	if id == "" {
		return
	}
	switch s.B % 6 {
	case 0, 1:
		_ = l.Close.SetCustom(id, "Renewal Date", day(s.N))
	case 4:
		_ = l.Close.SetCustom(id, "Renewal Date", nil)
	case 5:
		_ = l.Close.EditQuietly(id, closeiosim.Fields{"name": fmt.Sprint("Lead quietly ", s.N)})
	case 2:
		_ = l.Close.Edit(id, closeiosim.Fields{"name": fmt.Sprint("Lead renamed ", s.N)})
	case 3:
		_ = l.Close.Touch(id)
	}
}

func (l *life) leadChild(s Step) {
	id := l.anyLead(s.A)
	if id == "" {
		return
	}
	switch s.B % 3 {
	case 0:
		l.Close.AddContact(id, closeiosim.Fields{"name": fmt.Sprint("Pat Lee", s.N), "title": "Head"})
	case 1:
		deal := l.Close.AddOpportunity(id, closeiosim.Fields{"value": s.N * 100, "value_currency": "USD", "date_won": day(s.N)})
		l.deals = append(l.deals, deal)
		if l.rekeyed[id] {
			l.dealsGo([]string{deal})
		}
	case 2:
		l.Close.AddTask(id, closeiosim.Fields{"text": fmt.Sprint("Call ", s.N)})
	}
}

func (l *life) dropLead(s Step) {
	if id := l.anyLead(s.A); len(l.Close.IDs("lead")) > 1 {
		l.dealsGo(l.Close.Children(id, "opportunity"))
		l.dateGoes(l.customerOf(id))
		l.Close.DeleteLead(id)
	}
}

// customerOf is the customer that a lead names, "" if none.
func (l *life) customerOf(lead string) (id string) {
	_ = json.Unmarshal(l.Close.Record(lead)["custom."+l.Close.CustomFieldID("lead", "AccountExternalID")], &id)
	return id
}

// dateGoes notes that a customer's renewal date can no longer be read, or comes
// from another lead: what reached the hub before depends on when it was read.
func (l *life) dateGoes(customer string) { l.gone["account "+customer+" next_renewal_date"] = true }

// leadKey fills in the customer that a lead is, or changes or clears it. Whose
// its deals are, also later ones, depends on when the lead can be read.
func (l *life) leadKey(s Step) {
	id := l.anyLead(s.A)
	if id == "" {
		return
	}
	var to any
	for _, c := range texts(l.QBench.CustomerIDs()) {
		if len(l.Close.Find("lead", "custom.AccountExternalID", c)) == 0 && s.B%4 != 3 {
			to = c
			l.dateGoes(c)
			break
		}
	}
	l.dateGoes(l.customerOf(id))
	l.dealsGo(l.Close.Children(id, "opportunity"))
	l.rekeyed[id] = true
	_ = l.Close.SetCustom(id, "AccountExternalID", to)
}

func (l *life) dealsGo(ids []string) {
	for _, id := range ids {
		l.gone["opportunity close:"+id] = true
	}
}

// mergeLeads merges a lead that names no customer into another one.
func (l *life) mergeLeads(s Step) {
	source, into := l.anyLead(s.A), l.anyLead(s.B)
	if source == into || l.customerOf(source) != "" {
		return
	}
	_ = l.Close.MergeLeads(source, into)
}

func (l *life) anyDeal(a int) string {
	ids := l.Close.IDs("opportunity")
	if len(ids) == 0 {
		return ""
	}
	return ids[a%len(ids)]
}

func (l *life) editDeal(s Step) {
	if id := l.anyDeal(s.A); id != "" {
		_ = l.Close.Edit(id, [...]closeiosim.Fields{
			{"value": s.N * 7}, {"status_id": l.Close.StatusID("opportunity", "Won")}, {"date_won": day(s.N)}, {"status_id": l.Close.StatusID("opportunity", "Lost")},
		}[s.B%4])
	}
}

func (l *life) dropDeal(s Step) {
	if id := l.anyDeal(s.A); id != "" && len(l.Close.IDs("opportunity")) > 1 {
		l.dealsGo([]string{id})
		l.Close.Delete(id)
	}
}

// oddContact takes a contact's e-mail, gives it two customers, or mends both.
func (l *life) oddContact(s Step) {
	ids, customers := l.QBench.ContactIDs(), l.QBench.CustomerIDs()
	if len(ids) == 0 || len(customers) < 2 {
		return
	}
	id, first := ids[s.A%len(ids)], s.B%len(customers)
	_ = l.QBench.UpdateContact(id, [...]qbenchsim.Fields{
		{"email_address": ""},
		{"customer_ids": []int64{customers[first], customers[(first+1)%len(customers)]}},
		{"email_address": fmt.Sprintf("r%d@lab.example", s.N), "customer_ids": []int64{customers[first]}},
	}[s.B/7%3])
}

// target chooses a route and one of its records by the source's id, so that a
// history and its twin mean the same one. It reports whether it is there.
func (l *life) target(s Step) (r *fieldmap.Route, id string, ok bool) {
	routes := l.Targets()
	r = routes[s.A%len(routes)]
	var ids []string
	switch r.Hub.Name {
	case fieldmap.Account:
		ids = texts(l.customers)
	case fieldmap.Contact:
		ids = texts(l.contacts)
	case fieldmap.Opportunity:
		for _, id := range l.deals {
			ids = append(ids, "close:"+id)
		}
	}
	if len(ids) == 0 {
		return r, "", false
	}
	id = l.find(r, ids[s.B%len(ids)])
	return r, id, id != ""
}

func texts(ids []int64) (out []string) {
	for _, id := range ids {
		out = append(out, fmt.Sprint(id))
	}
	return out
}

func (l *life) targetEdit(s Step) {
	r, id, ok := l.target(s)
	if !ok {
		return
	}
	fields := map[string][]string{
		"Account": {"Description", "Name", "NumberOfEmployees", "BillingCity"}, "Contact": {"LastName", "Phone", "FirstName", "MailingCity"},
		"Opportunity": {"Name", "Amount"}, "deals": {"dealname", "amount"},
		"companies": {"description", "name", "numberofemployees", "city"}, "contacts": {"lastname", "phone", "firstname", "city"},
	}[r.Object]
	field, value := fields[s.A/7%len(fields)], fmt.Sprint("hand ", s.N)
	if strings.EqualFold(field, "numberofemployees") || strings.EqualFold(field, "amount") {
		value = fmt.Sprint(9000 + s.N)
	}
	l.edits = append(l.edits, edit{time.Now(), r.System, r.Object, id, field})
	l.watch(l.touched, func() {
		if r.System == HubSpot {
			_ = l.HubSpot.SetField(r.Object, id, field, value)
		} else {
			_ = l.Salesforce.SetField(r.Object, id, field, value)
		}
	})
}

func (l *life) targetDelete(s Step) {
	if r, id, ok := l.target(s); ok {
		l.watch(l.touched, func() {
			if r.System == HubSpot {
				_ = l.HubSpot.Delete(r.Object, id)
			} else {
				_ = l.Salesforce.Delete(r.Object, id)
			}
		})
	}
}

// targetRestore brings back what was last deleted in HubSpot; Salesforce's bin
// has no such door.
func (l *life) targetRestore(s Step) {
	for _, object := range []string{"companies", "contacts", "deals"} {
		for _, w := range l.HubSpot.Audit() {
			if w.Object == object && w.Created && l.HubSpot.Archived(object, w.ID) {
				l.watch(l.touched, func() { _ = l.HubSpot.Restore(object, w.ID) })
				return
			}
		}
	}
}

// targetMerge merges a record into one that nobody holds, or into another one of
// ours.
func (l *life) targetMerge(s Step) {
	r, id, ok := l.target(s)
	_, other, both := l.target(Step{A: s.A, B: s.B + 1})
	if !ok || r.Hub.Name != fieldmap.Account {
		return
	}
	l.watch(l.touched, func() {
		if !both || other == id || s.A/5%2 == 0 {
			other = ""
		}
		if r.System == HubSpot {
			if other == "" {
				other, _ = l.HubSpot.Insert("companies", map[string]string{"name": "Winner"})
			}
			_ = l.HubSpot.Merge("companies", other, id)
			return
		}
		if other == "" {
			other, _ = l.Salesforce.Insert("Account", map[string]string{"Name": "Winner"})
		}
		_ = l.Salesforce.Merge(other, id)
	})
}

func (l *life) targetTouch(s Step) {
	if r, id, ok := l.target(s); ok {
		if r.System == HubSpot {
			_ = l.HubSpot.Touch(r.Object, id)
		} else {
			_ = l.Salesforce.Touch(r.Object, id)
		}
	}
}
