package salesforcesim_test

import (
	"testing"

	"crmsyncd/providers/salesforce/salesforcesim"
)

// Restore takes an account out of the bin with the contacts that went there in
// its wake.
func TestRestore(t *testing.T) {
	s, err := salesforcesim.New(salesforcesim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	insert := func(object string, f map[string]string) string {
		id, err := s.Insert(object, f)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	acme := insert("Account", map[string]string{"Name": "Acme"})
	insert("Contact", map[string]string{"LastName": "Lee", "AccountId": acme})
	if err := s.Restore("Account", acme); err == nil {
		t.Error("a record that is not in the bin was restored")
	}
	if err := s.Delete("Account", acme); err != nil {
		t.Fatal(err)
	}
	if s.Count("Account")+s.Count("Contact") != 0 {
		t.Fatal("the contact did not go with its account")
	}
	if err := s.Restore("Account", acme); err != nil {
		t.Fatal(err)
	}
	if s.Count("Account") != 1 || s.Count("Contact") != 1 || len(s.Find("Account", "Name", "Acme")) != 1 {
		t.Errorf("%d accounts and %d contacts are back", s.Count("Account"), s.Count("Contact"))
	}
	for _, id := range []string{"x", "001000000000999AAA"} {
		if err := s.Restore("Account", id); err == nil {
			t.Errorf("%s was restored", id)
		}
	}
}
