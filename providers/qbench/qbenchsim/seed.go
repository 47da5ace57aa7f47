package qbenchsim

import (
	"strconv"
	"strings"

	"crmsyncd/providers/fakedata"
)

// Seed fills the tenant with invented, untidy customers and contacts. The same
// seed and sizes give the same records.
func (s *Sim) Seed(seed uint64, accounts, contactsPerAccount int) {
	s.Load(fakedata.New(seed, accounts, contactsPerAccount))
}

// Load adds the companies and people of a world, in the shape of this system.
// It returns the ids of the customers, in the order of the companies.
func (s *Sim) Load(w *fakedata.World) []int64 {
	ids := make([]int64, w.Accounts())
	for i := range ids {
		ids[i] = s.AddCustomer(customerFields(w.Company(i)))
	}
	for j := range w.People() {
		p := w.Person(j)
		owners := make([]int64, len(p.Companies))
		for k, i := range p.Companies {
			owners[k] = ids[i]
		}
		s.AddContact(contactFields(p), owners...)
	}
	return ids
}

func customerFields(c fakedata.Company) Fields {
	f := Fields{
		"customer_name":       c.Name,
		"phone":               orNull(c.Phone),
		"fax":                 orNull(c.Fax),
		"comments":            orNull(c.Comments),
		"website":             c.Website,
		"industry":            c.Industry,
		"description":         orNull(c.Description),
		"number_of_employees": headcount(c),
		"account_no":          c.AccountNo,
		"phone_type":          nil,
		dateCreated:           c.Created,
	}
	if len(c.Tags) > 0 {
		f["tags"] = c.Tags
	}
	putAddress(f, c.Form, c.Address)
	f["address_type"] = orNull(c.Address.Type)
	return f
}

func contactFields(p fakedata.Person) Fields {
	f := Fields{
		"first_name":    orNull(p.First),
		"last_name":     orNull(p.Last),
		"email_address": orNull(p.Email),
		"phone":         orNull(p.Phone),
		"mobile":        orNull(p.Mobile),
		"fax":           orNull(p.Fax),
		"title":         orNull(p.Title),
		dateCreated:     p.Created,
	}
	putAddress(f, p.Form, p.Address)
	return f
}

// headcount is a number where a number was typed, else text, else null.
func headcount(c fakedata.Company) any {
	if n, err := strconv.Atoi(c.Employees); err == nil && !c.EmployeesText {
		return n
	}
	return orNull(strings.TrimSpace(c.Employees))
}

// putAddress writes an address in the form that a record has. The flat keys are
// additional fields, so each record shows them, filled or not.
func putAddress(f Fields, form fakedata.AddressForm, a fakedata.Address) {
	flat := a
	switch form {
	case fakedata.TextAddress:
		f["address"] = a.Line()
	case fakedata.ObjectAddress:
		f["address"] = Address{a.Street, a.Street2, a.City, a.State, a.PostalCode, a.Country}
	}
	if form != fakedata.FlatAddress {
		flat = fakedata.Address{}
	}
	f["street"] = orNull(flat.Street)
	f["street_2"] = orNull(flat.Street2)
	f["city"] = orNull(flat.City)
	f["state"] = orNull(flat.State)
	f["postal_code"] = orNull(flat.PostalCode)
	f["country"] = orNull(flat.Country)
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
