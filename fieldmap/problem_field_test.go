package fieldmap_test

import (
	"testing"

	"crmsyncd/fieldmap"
)

// TestFieldProblems: field mappings and the hub's fields.
func TestFieldProblems(t *testing.T) {
	t.Parallel()
	editable := func(f fieldmap.FieldSpec) func(c *config) {
		return func(c *config) { f.Editable = true; c.closeRoute(lead(f)) }
	}
	runProblems(t, map[string]problemTest{
		"unknown field": {
			func(c *config) { c.pullField(fieldmap.FieldSpec{Remote: "w", Hub: "wbsite", Line: 17}) },
			`routes/qbench.yaml:17: objects[0].fields[6].hub: account has no field "wbsite" (did you mean website?)`, false,
		},
		"no remote": {func(c *config) { c.pullField(fieldmap.FieldSpec{Hub: "website"}) }, "names no remote field", false},
		"no owner": {
			func(c *config) {
				c.field(fieldmap.HubFieldSpec{Name: "a", Type: "text"})
				c.closeRoute(lead(fieldmap.FieldSpec{Remote: "a", Hub: "a"}))
				o := lead(fieldmap.FieldSpec{Remote: "a", Hub: "a"})
				s := c.account()
				s.SystemOfRecord = "qbench"
				c.set(s)
				c.opt.Systems["desk"] = fieldmap.SystemInfo{Provider: "desk"}
				c.routes = append(c.routes, fieldmap.RouteSpec{System: "desk", Objects: []fieldmap.ObjectSpec{o}})
			}, "account.a has no owner: close and desk fill it", false,
		},
		"unknown owner": {
			func(c *config) { c.field(fieldmap.HubFieldSpec{Name: "website", Wins: "newr"}) }, "did you mean newer?", false,
		},
		"owner that does not pull": {
			func(c *config) { c.field(fieldmap.HubFieldSpec{Name: "name", Wins: "close"}) }, "close owns name but no route pulls it", false,
		},
		"R86, R98: usage pushed": {
			func(c *config) { c.pushField(fieldmap.FieldSpec{Remote: "Logins__c", Hub: "logins"}) }, "logins is usage data", false,
		},
		"R86: usage editable": {editable(fieldmap.FieldSpec{Remote: "l", Hub: "logins"}), "logins is usage data", false},
		"D17: pull into crm id": {
			func(c *config) { c.pullField(fieldmap.FieldSpec{Remote: "sf", Hub: "crm_account_id"}) },
			"crm_account_id is filled by the daemon", false,
		},
		"D17: support id nobody fills": {
			func(c *config) { c.pushField(fieldmap.FieldSpec{Remote: "Desk__c", Hub: "support_account_id"}) }, "no route fills it", true,
		},
		"pushed but never filled": {
			func(c *config) { c.pushField(fieldmap.FieldSpec{Remote: "H", Hub: "health"}) }, "health is pushed, but no route fills it", true,
		},
		"R162, R173: contact address nobody fills": {
			func(c *config) { c.drop(c.qbContact(), "addresses.city") }, "map the contact's address fields", false,
		},
		"R170: address type": {
			func(c *config) { c.pullField(fieldmap.FieldSpec{Remote: "c", Hub: "addresses.MAILING.city"}) },
			`address type "MAILING" is not declared for account (allowed: BILLING, SHIPPING)`, false,
		},
		"D3: contact address type": {
			func(c *config) {
				c.qbContact().Fields = append(c.qbContact().Fields, fieldmap.FieldSpec{Remote: "c", Hub: "addresses.HOME.city"})
			}, `(allowed: MAILING; more can be declared as address_types of contact in hub.yaml)`, false,
		},
		"D3: phone type": {
			func(c *config) { c.pullField(fieldmap.FieldSpec{Remote: "c", Hub: "phone_numbers.FAX"}) },
			`phone type "FAX" is not declared for account (allowed: WORK; more`, false,
		},
		"R170: account types are closed": {
			func(c *config) { s := c.account(); s.AddressTypes = []string{"HOME"}; c.set(s) }, "allowed: BILLING, SHIPPING)", false,
		},
		"R171: type as a field": {
			func(c *config) { c.pullField(fieldmap.FieldSpec{Remote: "t", Hub: "addresses.BILLING.address_type"}) },
			"the address type is part of the path", false,
		},
		"address field": {
			func(c *config) { c.pullField(fieldmap.FieldSpec{Remote: "t", Hub: "addresses.BILLING.citty"}) }, "did you mean city?", false,
		},
		"address field, default type": {
			func(c *config) { c.pullField(fieldmap.FieldSpec{Remote: "t", Hub: "addresses.zip"}) }, "allowed: street_1, street_2, city", false,
		},
		"parts of a phone": {
			func(c *config) { c.pullField(fieldmap.FieldSpec{Remote: "t", Hub: "phone_numbers.WORK.number"}) }, "a phone has no parts", false,
		},
		"types of opportunities": {
			func(c *config) { c.hub.Objects["opportunity"] = fieldmap.HubObjectSpec{AddressTypes: []string{"X"}} }, "opportunity has no address", false,
		},
		"type in small letters": {
			func(c *config) {
				s := c.hub.Objects["contact"]
				s.PhoneTypes = []string{"mobile"}
				c.hub.Objects["contact"] = s
			}, "write it in capitals", false,
		},
		"two fields into one": {
			func(c *config) { c.pullField(fieldmap.FieldSpec{Remote: "title", Hub: "name"}) }, "two remote fields fill name", false,
		},
		"two mappings onto one": {
			func(c *config) { c.pushField(fieldmap.FieldSpec{Remote: "Name", Hub: "industry"}) }, "two mappings write Name", false,
		},
		"write on a pull": {
			func(c *config) { c.pullField(fieldmap.FieldSpec{Remote: "w", Hub: "website", Write: "enforce"}) }, "write is a word for push routes", false,
		},
		"write mode": {
			func(c *config) { c.pushField(fieldmap.FieldSpec{Remote: "W", Hub: "website", Write: "always"}) },
			"allowed: on_change, enforce, fill_blank, create_only, never", false,
		},
		"on_empty": {
			func(c *config) { c.pullField(fieldmap.FieldSpec{Remote: "w", Hub: "website", OnEmpty: "ignored"}) }, "did you mean ignore?", false,
		},
		"repair": {
			func(c *config) { c.customer().Fields[0].Normalize = "round" }, "allowed: whole_number", false,
		},
		"repair of a text": {
			func(c *config) { c.customer().Fields[1].Normalize = "whole_number" }, "whole_number repairs ids", false,
		},
		"F18: no such picklist value": {
			func(c *config) {
				c.pullField(fieldmap.FieldSpec{Remote: "h", Hub: "health", Values: map[string][]string{"OK": {"grene"}}})
			}, `value "grene" is not known (did you mean green?)`, false,
		},
		"value of another type": {
			func(c *config) {
				c.pullField(fieldmap.FieldSpec{Remote: "n", Hub: "number_of_employees", Values: map[string][]string{"few": {"some"}}})
			}, "not a whole number", false,
		},
		"blank in a value map": {
			func(c *config) {
				c.pullField(fieldmap.FieldSpec{Remote: "h", Hub: "health", Values: map[string][]string{" ": {"green"}}})
			}, "a value map holds a blank", false,
		},
		"blank hub value": {
			func(c *config) {
				c.pullField(fieldmap.FieldSpec{Remote: "h", Hub: "health", Values: map[string][]string{"a": {""}}})
			}, "a value map holds a blank", false,
		},
		"push cannot tell": {
			func(c *config) { c.sfAccount().Fields[3].Values = map[string][]string{"A": {"Lab"}, "B": {"Lab"}} },
			"a push cannot tell which one to write", false,
		},
		"F18: default missing": {
			func(c *config) { c.customer().Fields[5].OnUnmapped = "default" }, "on_unmapped: default has no default", false,
		},
		"default not used": {
			func(c *config) { c.customer().Fields[5].Default = "x" }, "used only with on_unmapped: default", false,
		},
		"default not in the list": {
			func(c *config) {
				c.pullField(fieldmap.FieldSpec{Remote: "h", Hub: "health", OnUnmapped: "default", Default: "blue"})
			}, `value "blue" is not known (allowed: green, red)`, false,
		},
		"default of another type": {
			func(c *config) {
				c.pullField(fieldmap.FieldSpec{
					Remote: "n", Hub: "number_of_employees", OnUnmapped: "default", Default: "few", Values: map[string][]string{"a": {"1"}},
				})
			}, "not a whole number", false,
		},
		"on_unmapped without values": {
			func(c *config) {
				c.pullField(fieldmap.FieldSpec{Remote: "w", Hub: "website", OnUnmapped: "skip_field"})
			},
			"on_unmapped needs values or a picklist", false,
		},
		"on_unmapped": {
			func(c *config) { c.customer().Fields[5].OnUnmapped = "skip" }, "allowed: hold, skip_field, default", false,
		},
		"editable on a push": {
			func(c *config) { c.pushField(fieldmap.FieldSpec{Remote: "W", Hub: "website", Editable: true}) }, "editable is a word for pulled fields", false,
		},
		"editable core field": {editable(fieldmap.FieldSpec{Remote: "w", Hub: "website"}), "website is a core field", false},
		"editable address": {
			editable(fieldmap.FieldSpec{Remote: "w", Hub: "addresses.BILLING.state"}), "add write: on_change", false,
		},
		"R109: editable opportunity": {
			func(c *config) {
				c.closeRoute(fieldmap.ObjectSpec{
					Object: "opportunity", Hub: "opportunity", Direction: "pull",
					Fields: []fieldmap.FieldSpec{{Remote: "note", Hub: "name", Editable: true}},
				})
			}, "opportunity is never written back", false,
		},
		"R76: editable value map": {
			editable(fieldmap.FieldSpec{Remote: "w", Hub: "health", Values: map[string][]string{"a": {"green"}, "b": {"green"}}}),
			"a value map that is not one to one", false,
		},
		"R76: editable, one to two": {
			func(c *config) {
				c.closeRoute(lead(
					fieldmap.FieldSpec{Remote: "h", Hub: "score"}, fieldmap.FieldSpec{Remote: "h", Hub: "health", Editable: true},
				))
			}, "h feeds two hub fields", false,
		},
		"R76: one to two, editable first": {
			func(c *config) {
				c.closeRoute(lead(
					fieldmap.FieldSpec{Remote: "h", Hub: "health", Editable: true}, fieldmap.FieldSpec{Remote: "h", Hub: "score"},
				))
			}, "h feeds two hub fields", false,
		},
		"editable repair": {
			func(c *config) {
				c.field(fieldmap.HubFieldSpec{Name: "old_id", Type: "id"})
				c.closeRoute(lead(fieldmap.FieldSpec{Remote: "h", Hub: "old_id", Editable: true, Normalize: "whole_number"}))
			}, "a repaired field has no way back", false,
		},
		"custom field without type": {
			func(c *config) { c.field(fieldmap.HubFieldSpec{Name: "websit"}) }, "so it needs a type (did you mean website?)", false,
		},
		"custom field of unknown type": {
			func(c *config) { c.field(fieldmap.HubFieldSpec{Name: "x", Type: "txt"}) }, "did you mean text?", false,
		},
		"custom reference": {
			func(c *config) { c.field(fieldmap.HubFieldSpec{Name: "x", Type: "ref"}) }, "cannot be a reference", false,
		},
		"name of a custom field": {
			func(c *config) { c.field(fieldmap.HubFieldSpec{Name: "My Field", Type: "text"}) }, "cannot be the name of a field", false,
		},
		"declared twice": {
			func(c *config) { c.field(fieldmap.HubFieldSpec{Name: "health", Type: "text"}) }, `field "health" is declared twice`, false,
		},
		"core type": {
			func(c *config) { c.field(fieldmap.HubFieldSpec{Name: "join_date", Type: "text"}) }, "account.join_date is of type date", false,
		},
		"class": {func(c *config) { c.field(fieldmap.HubFieldSpec{Name: "website", Class: "usag"}) }, "did you mean usage?", false},
		"scale of a text": {
			func(c *config) { two := 2; c.field(fieldmap.HubFieldSpec{Name: "website", Scale: &two}) }, "a scale is for decimals", false,
		},
		"picklist without values": {
			func(c *config) { c.field(fieldmap.HubFieldSpec{Name: "x", Type: "picklist"}) }, "picklist x has no values", false,
		},
		"values of a text": {
			func(c *config) { c.field(fieldmap.HubFieldSpec{Name: "x", Type: "text", Values: []string{"a"}}) }, "values are for picklists", false,
		},
		"values twice": {
			func(c *config) {
				c.field(fieldmap.HubFieldSpec{Name: "x", Type: "picklist", Values: []string{"a", "a "}})
			}, "stands twice", false,
		},
	})
}
