package salesforcesim_test

import (
	"strings"
	"testing"

	"crmsyncd/providers/salesforce/salesforcesim"
)

func TestSchemaObjects(t *testing.T) {
	o := newOrg(t, withSchema(`
objects:
  Account:
    fields:
      - {name: Industry, updateable: false}
      - {name: Region__c, type: text, length: 5, required: true}
  Lab__c:
    label: Lab
    owned: true
    mergeable: true
    addresses: [Main]
    fields:
      - {name: Account__c, type: lookup, reference_to: [account], cascade: true}
      - {name: Open__c, type: checkbox, default: "true"}
      - {name: Beds__c, type: number, precision: 3, scale: 0}
  Person__c: {person_name: true}
`))
	if a := o.do("POST", v62+"/sobjects/Account", `{"Name":"x"}`); o.code(a) != "REQUIRED_FIELD_MISSING" {
		t.Errorf("got %s", a.body)
	}
	acct := o.must("Account", map[string]string{"Name": "x", "Region__c": "EU"})
	if a := o.do("PATCH", v62+"/sobjects/Account/"+acct, `{"Industry":"x"}`); o.code(a) != "INVALID_FIELD_FOR_INSERT_UPDATE" {
		t.Errorf("got %s", a.body)
	}
	lab := o.must("lab__c", map[string]string{"Name": "L", "Account__c": acct, "MainCity": "Ulm", "Beds__c": "12"})
	r := o.Record("Lab__c", lab)
	if lab[:3] != "a00" || r["Open__c"] != "true" || r["OwnerId"] == "" || r["Beds__c"] != "12" {
		t.Errorf("got %v", r)
	}
	if got := o.query("SELECT Account__r.Name FROM Lab__c WHERE Account__r.Region__c = 'eu'"); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	o.must("Person__c", map[string]string{"LastName": "Roe", "FirstName": "Jo"})
	if got := o.query("SELECT Name FROM Person__c")[0]["Name"]; got != "Jo Roe" {
		t.Errorf("got %v", got)
	}
	if err := o.Delete("Account", acct); err != nil || o.Count("Lab__c") != 0 {
		t.Errorf("the lab outlived its account: %v", err)
	}
}

func TestSchemaRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "the file is empty",
		"objects: [":                           "line 1",
		"objects:\n  Account:\n    feilds: []": "line 3: field feilds not found",
		"objects:\n  Account:\n    fields:\n      - {name: A__c, type: string, lengh: 3}":     "line 4: field lengh not found",
		"objects:\n  Account:\n    fields:\n      - {name: A__c, type: string, length: long}": "line 4",
		"objects: {}\n---\nobjects: {}":                                                                           "more than one document",
		"objects: {Account: {fields: [{name: A__c}]}}":                                                            "Account.A__c: type is missing",
		"objects: {Account: {fields: [{name: A__c, type: blob}]}}":                                                `type "blob": unknown`,
		"objects: {Account: {fields: [{name: A__c, type: string}, {name: a__c, type: string}]}}":                  "named twice",
		"objects: {Account: {fields: [{name: 1A, type: string}]}}":                                                "not a name",
		"objects: {Account: {fields: [{name: 'A b', type: string}]}}":                                             "not a name",
		"objects: {Account: {fields: [{name: '', type: string}]}}":                                                "not a name",
		"objects: {Account: {fields: [{name: A__c, type: string, length: 256}]}}":                                 "length 256",
		"objects: {Account: {fields: [{name: A__c, type: string, length: 0}]}}":                                   "length 0",
		"objects: {Account: {fields: [{name: A__c, type: string, length: -1}]}}":                                  "length -1",
		"objects: {Account: {fields: [{name: A__c, type: double, precision: 19}]}}":                               "precision 19",
		"objects: {Account: {fields: [{name: A__c, type: double, precision: 3, scale: 4}]}}":                      "scale 4",
		"objects: {Account: {fields: [{name: A__c, type: int, digits: 0}]}}":                                      "digits 0",
		"objects: {Account: {fields: [{name: A__c, type: boolean, external_id: true}]}}":                          "external_id",
		"objects: {Account: {fields: [{name: A__c, type: picklist, restricted: true}]}}":                          "no values",
		"objects: {Account: {fields: [{name: A__c, type: picklist, values: [' x']}]}}":                            "cannot be stored",
		"objects: {Account: {fields: [{name: A__c, type: picklist, values: [x], restricted: true, default: y}]}}": `default "y"`,
		"objects: {Account: {fields: [{name: A__c, type: lookup}]}}":                                              "reference_to is missing",
		"objects: {Account: {fields: [{name: A__c, type: lookup, reference_to: [Nope]}]}}":                        `no object "Nope"`,
		"objects: {Account: {fields: [{name: A__c, type: string, reference_to: [Account]}]}}":                     "refers to nothing",
		"objects: {Account: {fields: [{name: Id, createable: true}]}}":                                            "keeps this field itself",
		"objects: {Account: {key_prefix: '999'}}":                                                                 "cannot change",
		"objects: {Lab__c: {key_prefix: '001'}}":                                                                  "belongs to Account",
		"objects: {Lab__c: {key_prefix: 'a'}}":                                                                    "three letters or digits",
		"objects: {'Lab c': {}}":                                                                                  "not a name",
		"objects: {Lab__c: {addresses: ['x y']}}":                                                                 "not a name",
	} {
		s, err := salesforcesim.ReadSchema(strings.NewReader(text))
		if err == nil {
			_, err = salesforcesim.New(salesforcesim.Options{Schema: s})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "salesforcesim.") {
			t.Errorf("the message names a Go type: %v", err)
		}
	}
}

// All that is wrong is told at once.
func TestSchemaTellsAllErrors(t *testing.T) {
	s, err := salesforcesim.ReadSchema(strings.NewReader("objects: {Account: {fields: [{name: A__c}, {name: B__c, type: blob}]}, Lab__c: {key_prefix: '001'}}"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = salesforcesim.New(salesforcesim.Options{Schema: s})
	for _, want := range []string{"Account.A__c", "Account.B__c", "Lab__c"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is missing in %v", want, err)
		}
	}
}

func TestOptionsRefused(t *testing.T) {
	for want, opt := range map[string]salesforcesim.Options{
		"OrgID":      {OrgID: "nope"},
		"MinVersion": {MinVersion: 60, MaxVersion: 50},
	} {
		if _, err := salesforcesim.New(opt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	sim, err := salesforcesim.New(salesforcesim.Options{OrgID: "00D8d0000000009"})
	if err != nil || sim.OrgID() != "00D8d0000000009EAA" {
		t.Errorf("got %v, %v", sim, err)
	}
}
