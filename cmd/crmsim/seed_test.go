package main

import (
	"strings"
	"testing"
)

// What the portal knew before is what a daemon has to find again: companies by
// the domain of their website, people by their e-mail and tied to their company,
// and nothing with an id of ours.
func TestThePortalKnowsSomeAlready(t *testing.T) {
	s, err := newStage(options{seed: 3, accounts: 120, contactsEach: 3, api: apiOptions{dates: "mixed"}})
	if err != nil {
		t.Fatal(err)
	}
	companies, contacts := s.hubspot.Records("companies"), s.hubspot.Records("contacts")
	if got := (known{len(companies), len(contacts)}); got != s.known.hubspot || got.accounts < 5 || got.contacts < 5 {
		t.Fatalf("the portal holds %+v, %+v were counted", got, s.known.hubspot)
	}
	domains := map[string]bool{}
	for i := range s.world.Accounts() {
		domains[s.world.Company(i).Domain] = true
	}
	matched := 0
	for _, c := range companies {
		if domains[c["domain"]] {
			matched++
		}
		if c["qbench_id"] != "" || strings.HasPrefix(c["domain"], "www.") {
			t.Errorf("company: %v", c)
		}
	}
	if matched < len(companies)/2 {
		t.Errorf("%d of %d companies have the domain of a customer", matched, len(companies))
	}
	for _, c := range contacts {
		ties := s.hubspot.Associations("contacts", c["hs_object_id"], "companies")
		if len(ties) != 1 || !ties[0].Primary() {
			t.Errorf("contact %s: %+v", c["email"], ties)
		}
	}
	if len(s.hubspot.Audit()) != 0 || len(s.hubspot.Calls()) != 0 {
		t.Error("filling the portal counts as calls of its API")
	}
}
