package main

import (
	"fmt"
	"net/url"
	"strings"

	"crmsyncd/providers/fakedata"
)

// past lets a CRM know companies and people from before any synchronization.
type past struct {
	company func(fakedata.Company) (id string, made int, err error)
	person  func(p fakedata.Person, companyID string) (made int, err error)
}

// seedSalesforce lets the org know some of the companies and people already, as
// a CRM does that was in use before: under its own spelling, a few twice, and
// none with our external id.
func (s *stage) seedSalesforce() error {
	return s.seed(&s.known.salesforce, past{s.knowAccount, func(p fakedata.Person, accountID string) (int, error) {
		_, err := s.salesforce.Insert("Contact", map[string]string{
			"FirstName": strings.TrimSpace(p.First), "LastName": strings.TrimSpace(p.Last),
			"Email": email(p), "AccountId": accountID,
		})
		return 1, err
	}})
}

func (s *stage) knowAccount(c fakedata.Company) (first string, made int, err error) {
	for n := range c.CRM.Accounts {
		id, err := s.salesforce.Insert("Account", accountFields(c, n))
		if err != nil {
			return "", made, err
		}
		made++
		if n == 0 {
			first = id
		}
	}
	return first, made, nil
}

// seedHubSpot lets the portal know the same, but each company and each e-mail
// address once. It has nothing that keeps our ids.
func (s *stage) seedHubSpot() error {
	return s.seed(&s.known.hubspot, past{s.knowCompany, s.knowPerson})
}

func (s *stage) knowCompany(c fakedata.Company) (id string, made int, err error) {
	site, err := url.Parse(c.CRM.Website)
	if err != nil {
		return "", 0, fmt.Errorf("read the website of company %d: %w", c.Index, err)
	}
	domain := strings.TrimPrefix(site.Hostname(), "www.")
	if known := s.hubspot.Find("companies", "domain", domain); len(known) > 0 {
		return known[0], 0, nil
	}
	id, err = s.hubspot.Insert("companies", map[string]string{
		"name": strings.TrimSpace(c.CRM.Name), "domain": domain, "city": c.Address.City,
	})
	return id, 1, err
}

// primaryCompany is the type of the tie between a contact and its own company.
const primaryCompany = 1

func (s *stage) knowPerson(p fakedata.Person, companyID string) (made int, err error) {
	if len(s.hubspot.Find("contacts", "email", email(p))) > 0 {
		return 0, nil
	}
	id, err := s.hubspot.Insert("contacts", map[string]string{
		"firstname": strings.TrimSpace(p.First), "lastname": strings.TrimSpace(p.Last), "email": email(p),
	})
	if err != nil {
		return 0, err
	}
	return 1, s.hubspot.Associate("contacts", id, "companies", companyID, primaryCompany)
}

// seed goes through the companies and people that a CRM knew, and counts what
// was made.
func (s *stage) seed(count *known, in past) error {
	for i := range s.world.Accounts() {
		c := s.world.Company(i)
		if c.CRM.Accounts == 0 || strings.TrimSpace(c.CRM.Name) == "" {
			continue
		}
		id, made, err := in.company(c)
		if err != nil {
			return err
		}
		count.accounts += made
		each := s.world.People() / s.world.Accounts()
		for j := i * each; j < (i+1)*each; j++ {
			p := s.world.Person(j)
			if !p.InCRM || strings.TrimSpace(p.Last) == "" || !strings.Contains(p.Email, "@") {
				continue
			}
			made, err := in.person(p, id)
			if err != nil {
				return err
			}
			count.contacts += made
		}
	}
	return nil
}

func email(p fakedata.Person) string { return strings.ToLower(strings.TrimSpace(p.Email)) }

func accountFields(c fakedata.Company, copyNumber int) map[string]string {
	name := strings.TrimSpace(c.CRM.Name)
	if copyNumber > 0 {
		name += " (old)"
	}
	f := map[string]string{"Name": name, "Website": c.CRM.Website}
	if c.Address.City != "" && copyNumber == 0 {
		f["BillingCity"] = c.Address.City
	}
	return f
}
