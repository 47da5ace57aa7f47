package main

import (
	"strings"

	"crmsyncd/providers/fakedata"
)

// seedSalesforce lets the org know some of the companies and people already, as
// a CRM does that was in use before: under its own spelling, a few twice, and
// none with our external id.
func (s *stage) seedSalesforce() error {
	for i := range s.world.Accounts() {
		c := s.world.Company(i)
		if c.CRM.Accounts == 0 || strings.TrimSpace(c.CRM.Name) == "" {
			continue
		}
		var first string
		for n := range c.CRM.Accounts {
			id, err := s.salesforce.Insert("Account", accountFields(c, n))
			if err != nil {
				return err
			}
			s.known.accounts++
			if n == 0 {
				first = id
			}
		}
		if err := s.seedPeople(i, first); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) seedPeople(company int, accountID string) error {
	each := s.world.People() / s.world.Accounts()
	for j := company * each; j < (company+1)*each; j++ {
		p := s.world.Person(j)
		if !p.InCRM || strings.TrimSpace(p.Last) == "" || !strings.Contains(p.Email, "@") {
			continue
		}
		_, err := s.salesforce.Insert("Contact", map[string]string{
			"FirstName": strings.TrimSpace(p.First), "LastName": strings.TrimSpace(p.Last),
			"Email": strings.ToLower(strings.TrimSpace(p.Email)), "AccountId": accountID,
		})
		if err != nil {
			return err
		}
		s.known.contacts++
	}
	return nil
}

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
