package closeiosim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/fakedata"
	"crmsyncd/providers/qbench/qbenchsim"
)

func text(r map[string]any, key string) string {
	s, _ := r[key].(string)
	return s
}

// The same seed gives both systems the same companies, partly under the same id.
func TestSeedSharesAccountsWithTheLaboratory(t *testing.T) {
	const seed, accounts, each = 7, 200, 2
	lab := qbenchsim.New(qbenchsim.Options{})
	customers := lab.Load(fakedata.New(seed, accounts, each))
	b := newBed(t, closeiosim.Options{Seed: seed, Accounts: accounts, ContactsPerAccount: each})
	external := "custom." + b.sim.CustomFieldID("lead", "AccountExternalID")
	known := map[string]string{}
	for i, id := range customers {
		f, _ := lab.Customer(id)
		name, _ := f["customer_name"].(string)
		known[fmt.Sprint(id)] = strings.TrimSpace(name)
		if id != int64(1000+i) {
			t.Fatalf("customer %d has id %d", i, id)
		}
	}
	seen := map[string]int{}
	count := map[string]int{}
	for _, id := range b.sim.IDs("lead") {
		lead := b.get("/lead/" + id + "/")
		switch key := text(lead, external); {
		case key == "":
			count["without id"]++
		case known[key] == "" && !strings.HasSuffix(key, ".0"):
			count["id nobody knows"]++
		case strings.HasSuffix(key, ".0"):
			count["spoiled id"]++
		case known[key] != text(lead, "name"):
			count["another's id"]++
		default:
			count["same"]++
		}
		if key := text(lead, external); key != "" {
			seen[key]++
			if seen[key] == 2 {
				count["one id twice"]++
			}
		}
	}
	for what, least := range map[string]int{"same": 60, "without id": 15, "id nobody knows": 3, "another's id": 2, "spoiled id": 1, "one id twice": 1} {
		if count[what] < least {
			t.Errorf("%s: %d leads, want at least %d (%v)", what, count[what], least, count)
		}
	}
	mails := map[string]bool{}
	for _, id := range lab.ContactIDs() {
		f, _ := lab.Contact(id)
		mail, _ := f["email_address"].(string)
		mails[strings.ToLower(strings.TrimSpace(mail))] = true
	}
	shared := 0
	ids := b.sim.IDs("contact")
	key := "custom." + b.sim.CustomFieldID("contact", "ContactExternalID")
	for _, id := range ids {
		if mails[text(b.get("/contact/"+id+"/"), key)] {
			shared++
		}
	}
	if len(ids) < 120 || shared < len(ids)/2 || shared == len(ids) {
		t.Errorf("%d of %d contacts are known by their e-mail", shared, len(ids))
	}
}

func TestSeedIsUntidy(t *testing.T) {
	b := newBed(t, closeiosim.Options{Seed: 3, Accounts: 300, ContactsPerAccount: 2})
	seen := map[string]int{}
	mark := func(what string, is bool) {
		if is {
			seen[what]++
		}
	}
	departed := map[string]bool{}
	for _, u := range b.sim.Users() {
		departed[u.ID] = u.Departed
		mark("departed user", u.Departed)
	}
	at := map[string]int{}
	for _, id := range b.sim.IDs("lead") {
		r := b.get("/lead/" + id + "/")
		at[text(r, "date_updated")]++
		mark("whole second", !strings.Contains(text(r, "date_updated"), "."))
		mark("no name", r["name"] == nil)
		custom := r["custom"].(object)
		mark("parent", custom["ParentExternalID"] != nil)
		mark("parent nobody has", custom["ParentExternalID"] == "404404")
		mark("owner who left", departed[text(custom, "Account Owner")])
		mark("no renewal", custom["Renewal Date"] == nil)
	}
	for _, n := range at {
		mark("many of one stamp", n > 10)
	}
	for _, id := range b.sim.IDs("task") {
		r := b.get("/task/" + id + "/")
		mark("task of type "+text(r, "_type"), true)
		mark("date", len(text(r, "date")) == 10)
		mark("datetime", len(text(r, "date")) > 10)
		mark("dateless", r["date"] == nil)
		mark("open", r["is_complete"] == false)
		mark("complete", r["is_complete"] == true)
	}
	for _, id := range b.sim.IDs("opportunity") {
		r := b.get("/opportunity/" + id + "/")
		mark(text(r, "status_type"), true)
		mark(text(r, "value_currency"), true)
	}
	for _, what := range []string{
		"departed user", "whole second", "no name", "parent", "parent nobody has", "owner who left", "no renewal", "many of one stamp",
		"task of type lead", "task of type outgoing_call", "task of type incoming_email", "task of type email_followup",
		"task of type opportunity_due", "task of type missed_call", "date", "datetime", "dateless", "open", "complete",
		"active", "won", "lost", "USD", "EUR", "JPY",
	} {
		if seen[what] == 0 {
			t.Errorf("no record with: %s", what)
		}
	}
	if n := len(rows(b.get("/event/"))); n != 0 || len(b.sim.Writes()) != 0 {
		t.Errorf("the seed left %d events and %d writes", n, len(b.sim.Writes()))
	}
}

func TestSeedIsRepeatable(t *testing.T) {
	dump := func() string {
		b := newBed(t, closeiosim.Options{Seed: 5, Accounts: 40, ContactsPerAccount: 3})
		var all []string
		for _, kind := range []string{"lead", "contact", "opportunity", "task"} {
			all = append(all, b.send("GET", "/"+kind+"/", "").Body.String())
		}
		return strings.Join(all, "\n")
	}
	if d := cmp.Diff(dump(), dump()); d != "" {
		t.Error(d)
	}
}
