package engine_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/providers/salesforce/salesforcesim"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
)

// Files and lines of the configuration that scenarios change.
const (
	sfRoutes      = "routes/salesforce.yaml"
	sfDescription = "      - {remote: Description, hub: description}\n"
	sfIndustry    = "      - {remote: Industry, hub: industry}\n"
	sfEmployees   = "      - {remote: NumberOfEmployees, hub: number_of_employees}\n"
	sfContactKeys = "      - {remote: QBench_Id__c, hub: user_id}\n"
	hsDescription = "      - {remote: description, hub: description}\n"
	hsFirstName   = "      - {remote: firstname, hub: first_name}\n"
)

// format1Fixtures lists every fixture. A scenario is part of its fixture: it must
// stay as it is.
func format1Fixtures() []fixture {
	return []fixture{
		{name: "in_order", play: playInOrder, edits: [][3]string{
			// What Salesforce says of a person stays beside what we say.
			{sfRoutes, "    match:\n" + sfContactKeys, "    on_link: keep\n    match:\n" + sfContactKeys},
			// What is told and never read: a line that is never written, and a value
			// that the target has no word for.
			{sfRoutes, sfEmployees, strings.Replace(sfEmployees, "}", ", write: never}", 1)},
			{hubspotRoutes, "        on_unmapped: hold\n", "        on_unmapped: skip_field\n"},
		}},
		{name: "holds", play: playHolds, edits: [][3]string{
			{sfRoutes, "    match:\n" + sfContactKeys, "    on_move: hold\n    match:\n" + sfContactKeys},
			{closeRoutes, "      # - {remote: description, hub: description}\n", hsDescription},
			{"hub.yaml", "    - {name: name, required: true}\n", "    - {name: name, required: true}\n    - {name: description, wins: hold}\n"},
		}},
		{name: "due", play: playDue},
		{name: "intents", play: playIntents, killed: true},
		{name: "spool", play: playSpool, killed: true},
		{name: "wrong_line", play: playWrongLine, edits: [][3]string{
			{sfRoutes, sfEmployees, strings.Replace(sfEmployees, "}", ", write: enforce}", 1)},
			{hubspotRoutes, hsFirstName, strings.Replace(hsFirstName, "}", ", write: enforce}", 1)},
		}},
		{name: "plan", play: playPlan, guards: engine.Guards{
			Removals: engine.Guard{Percent: 10, Floor: 3}, Overwrites: engine.Guard{Percent: 50, Floor: 5},
		}},
	}
}

// format1Fixture returns the fixture of this name.
func format1Fixture(name string) fixture {
	all := format1Fixtures()
	return all[slices.IndexFunc(all, func(f fixture) bool { return f.name == name })]
}

// all lets an hour pass and runs both flows of every system. The errors say
// which run did not end well.
func (s *theater) all(full bool) error {
	s.tick()
	var errs []error
	for _, system := range []string{"qbench", "close"} {
		_, err := s.eng.Pull(s.t.Context(), engine.Request{System: system, Full: full, Trigger: "test"})
		errs = append(errs, runError("pull "+system, err))
	}
	for _, system := range []string{"salesforce", "hubspot"} {
		_, err := s.eng.Push(s.t.Context(), engine.Request{System: system, Full: full, Trigger: "test"})
		errs = append(errs, runError("push "+system, err))
	}
	return errors.Join(errs...)
}

func runError(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// routine and whole are turns of the engine in which nothing may fail.
func (s *theater) routine() { s.engine(func() { s.well(s.all(false)) }) }

func (s *theater) whole() { s.engine(func() { s.well(s.all(true)) }) }

func (s *theater) well(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// lab makes the i-th customer and its person.
func (s *theater) lab(i int, more ...qbenchsim.Fields) (customerID, contactID int64) {
	name := fmt.Sprintf("Lab %02d", i)
	customerID = s.company(name, append([]qbenchsim.Fields{{"description": name + " tests things"}}, more...)...)
	return customerID, s.who("Ann", fmt.Sprintf("Lee %02d", i), fmt.Sprintf("ann@lab-%02d.example", i), nil, customerID)
}

// company makes a customer of QBench.
func (s *theater) company(name string, more ...qbenchsim.Fields) int64 {
	f := qbenchsim.Fields{
		"customer_name": name, "description": "A lab", "industry": "Food", "website": "https://" + slug(name) + ".example",
		"number_of_employees": 12, "phone": "+1 202 555 0101", "street": "1 Main St", "street_2": "Floor 2", "city": "Springfield",
		"state": "IL", "postal_code": "62701", "country": "United States",
	}
	for _, m := range more {
		maps.Copy(f, m)
	}
	return s.qb.AddCustomer(f)
}

// who makes a contact of QBench.
func (s *theater) who(first, last, email string, more qbenchsim.Fields, customers ...int64) int64 {
	f := qbenchsim.Fields{
		"first_name": first, "last_name": last, "email_address": email, "phone": "+1 202 555 0102", "street": "2 Side St",
		"city": "Springfield", "state": "IL", "postal_code": "62702", "country": "United States",
	}
	maps.Copy(f, more)
	return s.qb.AddContact(f, customers...)
}

// in and at change a record of a target by hand.
func (s *theater) in(object, name, field, value string) {
	s.t.Helper()
	key := map[string]string{"Account": "Name", "Contact": "Email", "companies": "name", "contacts": "email"}[object]
	if object == "companies" || object == "contacts" {
		s.well(s.hs.SetField(object, s.hsOne(s.hs, object, key, name)["hs_object_id"], field, value))
		return
	}
	s.well(s.sf.SetField(object, s.only(object, key, name)["Id"], field, value))
}

func (s *theater) put(object string, fields map[string]string) string {
	s.t.Helper()
	insert := s.sf.Insert
	if object == "companies" || object == "contacts" {
		insert = s.hs.Insert
	}
	id, err := insert(object, fields)
	s.well(err)
	return id
}

// playInOrder: 22 customers with one person each in both targets, some of which
// were there before, 12 of them in Close with people, opportunities and tasks,
// and 8 leads that only Close knows; then differences of every kind that may
// stay. The last two customers were never read back. Nothing is due at its end.
func playInOrder(s *theater) {
	for i := range 3 { // found by their website
		site := fmt.Sprintf("https://lab-%02d.example", i)
		s.put("Account", map[string]string{"Name": fmt.Sprint("Old ", i), "Website": site, "BillingCity": "Elsewhere"})
		s.put("companies", map[string]string{"name": fmt.Sprint("Old ", i), "domain": fmt.Sprintf("lab-%02d.example", i), "description": "Theirs"})
		s.put("Contact", map[string]string{"FirstName": "Anna", "LastName": "Old", "Email": fmt.Sprintf("ann@lab-%02d.example", i)})
	}
	labs := make([]int64, 20)
	for i := range labs {
		more := qbenchsim.Fields{}
		switch i {
		case 1:
			more["description"] = nil // a blank beside what HubSpot has
		case 10:
			more["industry"] = "Fortune Telling"
		case 11:
			more["description"] = "  Two blanks at both ends\r\n"
		}
		labs[i], _ = s.lab(i, more)
	}
	for i := range 20 {
		id := fmt.Sprint(labs[min(i, 11)])
		if i >= 12 {
			id = fmt.Sprint(7000 + i) // a customer that QBench does not know
		}
		s.inClose(i, id)
	}
	s.routine()
	s.routine()
	s.whole()
	s.in("Account", "Lab 03", "Description", "Typed in Salesforce")
	s.in("companies", "Lab 04", "numberofemployees", "77")
	s.in("Contact", "ann@lab-05.example", "LastName", "Typed")
	s.in("contacts", "ann@lab-06.example", "firstname", "Typed")
	s.well(s.qb.UpdateCustomer(labs[7], qbenchsim.Fields{"city": "Moved", "phone": "+1 202 555 0199"}))
	s.well(s.qb.UpdateCustomer(labs[8], qbenchsim.Fields{"description": "Changed at its source"}))
	s.well(s.qb.UpdateCustomer(labs[9], qbenchsim.Fields{"number_of_employees": nil}))
	s.routine()
	s.whole()
	s.whole()
	s.lab(20, qbenchsim.Fields{"description": "  Two blanks at both ends  "})
	s.lab(21, qbenchsim.Fields{"industry": "Underwater Basketry"})
	s.routine()
	s.routine()
}

// inClose makes the i-th lead with all that can hang on it.
func (s *theater) inClose(i int, id string) {
	lead := s.lead(fmt.Sprintf("Lead %02d", i), id)
	if i%2 == 0 {
		s.custom(lead, "Renewal Date", "2027-03-01")
	}
	who := s.cl.AddContact(lead, closeiosim.Fields{
		"name": fmt.Sprintf("Bo Chan %02d", i), "title": "Head of Lab", "emails": []any{map[string]any{"type": "office", "email": fmt.Sprintf("bo@lead-%02d.example", i)}},
	})
	if i%4 == 0 {
		s.cl.AddOpportunity(lead, closeiosim.Fields{"value": 1250000, "value_currency": "USD"})
		s.cl.AddTask(lead, closeiosim.Fields{"text": "Call", "date": "2026-12-01", "contact_id": who})
	}
}

// playHolds ends with a hold of every reason that format 1 knows, some of them
// dropped.
func playHolds(s *theater) {
	labs := make([]int64, 16)
	people := make([]int64, len(labs))
	for i := range labs {
		labs[i], people[i] = s.lab(i)
	}
	s.holdsOfPulls(labs, people)
	s.holdsOfPushes(labs)
	s.routine()
	s.routine()
	s.whole()
	s.holdsOfLinked(labs, people)
	s.routine()
	s.whole()
	s.engine(func() {
		n, err := s.eng.DropHolds(engine.HoldFilter{System: "hubspot", Reason: ledger.HoldUnmapped})
		s.well(err)
		m, err := s.eng.DropHolds(engine.HoldFilter{System: "qbench", Reason: ledger.HoldManyCustomers})
		s.well(err)
		if n == 0 || m == 0 {
			s.t.Errorf("%d and %d holds were dropped", n, m)
		}
	})
	// The last of all: the next run settles it.
	s.company("Lost answer")
	s.engine(func() {
		s.tick()
		s.pull()
		s.fault("salesforce", "drop,method=POST,path=/composite/sobjects")
		if _, err := s.tryPush(); err == nil {
			s.t.Log("the push ended well though its answer was lost")
		}
		s.clearFaults()
	})
}

// holdsOfPulls are records that cannot come into the hub.
func (s *theater) holdsOfPulls(labs, people []int64) {
	nameless := s.company("")
	s.who("No", "Customer", "no@customer.example", nil, nameless)
	s.who("Two", "Customers", "two@customers.example", nil, labs[0], labs[1])
	s.who("Twin", "One", "twin@lab-02.example", nil, labs[2])
	s.who("Twin", "Two", "twin@lab-02.example", nil, labs[2])
	_ = s.qb.UpdateCustomer(labs[3], qbenchsim.Fields{"number_of_employees": "about a dozen"})
	twins := s.lead("Lab 02", labs[2])
	s.cl.AddContact(twins, closeiosim.Fields{"name": "Twin Close", "emails": []any{map[string]any{"type": "office", "email": "twin@lab-02.example"}}})
	s.lead("Lab 02 once more", labs[2])
	s.lead("Lab 04", labs[4], closeiosim.Fields{"description": "Lab 04 tests things"})
	s.lead("Lab 05", labs[5], closeiosim.Fields{"description": "Lab 05 tests things"})
	child := s.lead("Child", 8001)
	s.custom(child, "ParentExternalID", "8999")
	_ = people
}

// holdsOfPushes are records that cannot go out.
func (s *theater) holdsOfPushes(labs []int64) {
	s.who("No", "Mail", "", qbenchsim.Fields{"email_address": nil}, labs[0])
	s.who("Bad", "Mail", "this is no address", nil, labs[0])
	s.who("No", "Phone", "nophone@lab-00.example", qbenchsim.Fields{"phone": nil}, labs[0])
	_ = s.qb.UpdateCustomer(labs[6], qbenchsim.Fields{"industry": "Underwater Basketry"})
	_ = s.qb.UpdateCustomer(labs[7], qbenchsim.Fields{"industry": "Fortune Telling"})
	for i := range 2 {
		s.put("Account", map[string]string{"Name": fmt.Sprint("Two of Lab 08: ", i), "Website": "https://lab-08.example"})
	}
	s.put("Account", map[string]string{"Name": "Claimed", "Website": "https://lab-09.example", "QBench_Id__c": "claimed"})
	s.sf.SetRule(func(w salesforcesim.Write) *salesforcesim.Error {
		if strings.Contains(w.Fields["Description"], "refused") {
			return &salesforcesim.Error{Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Message: "the description is not liked", Fields: []string{"Description"}}
		}
		return nil
	})
	_ = s.qb.UpdateCustomer(labs[10], qbenchsim.Fields{"description": "This is refused"})
}

// holdsOfLinked are records that were in order before.
func (s *theater) holdsOfLinked(labs, people []int64) {
	_ = s.qb.UpdateCustomer(labs[11], qbenchsim.Fields{"description": "This is refused later"})
	_ = s.qb.UpdateContact(people[11], qbenchsim.Fields{"email_address": nil})
	_ = s.qb.UpdateContact(people[12], qbenchsim.Fields{"customer_ids": []int64{labs[13]}})
	_ = s.qb.UpdateCustomer(labs[4], qbenchsim.Fields{"description": "QBench says this"})
	s.change(s.cl.Find("lead", "name", "Lab 04")[0], closeiosim.Fields{"description": "Close says that"})
	s.custom(s.cl.Find("lead", "name", "Lab 05")[0], "AccountExternalID", "8002")
	s.well(s.sf.Delete("Account", s.account("Lab 14")["Id"]))
	s.well(s.hs.Delete("companies", s.hsOne(s.hs, "companies", "name", "Lab 14")["hs_object_id"]))
	s.well(s.sf.Merge(s.account("Lab 13")["Id"], s.account("Lab 15")["Id"]))
	s.well(s.hs.Merge("companies", s.hsOne(s.hs, "companies", "name", "Lab 13")["hs_object_id"], s.hsOne(s.hs, "companies", "name", "Lab 15")["hs_object_id"]))
}

// playDue: eight customers were in order; then people changed things everywhere,
// and no run, or only a pull, came after.
func playDue(s *theater) {
	labs := make([]int64, 8)
	people := make([]int64, len(labs))
	for i := range labs {
		labs[i], people[i] = s.lab(i)
	}
	s.routine()
	s.routine()
	s.whole()
	s.well(s.qb.UpdateCustomer(labs[0], qbenchsim.Fields{"description": "Pulled and not pushed"}))
	s.engine(func() {
		s.tick()
		s.pull()
	})
	s.well(s.qb.UpdateCustomer(labs[1], qbenchsim.Fields{"description": "Not pulled"}))
	s.in("Account", "Lab 02", "Description", "Typed in Salesforce")
	s.well(s.qb.UpdateCustomer(labs[3], qbenchsim.Fields{"description": "Changed on both sides"}))
	s.in("Account", "Lab 03", "Description", "Typed in Salesforce")
	s.in("companies", "Lab 03", "description", "Typed in HubSpot")
	s.well(s.qb.UpdateContact(people[4], qbenchsim.Fields{"email_address": "ann.lee@lab-04.example"}))
	s.well(s.qb.UpdateContact(people[5], qbenchsim.Fields{"customer_ids": []int64{labs[6]}}))
	s.well(s.qb.UpdateCustomer(labs[6], qbenchsim.Fields{"city": "Moved"}))
	s.well(s.qb.UpdateCustomer(labs[7], qbenchsim.Fields{"description": nil, "industry": "Chemicals"}))
	s.lab(8)
	s.inClose(0, fmt.Sprint(labs[1]))
}

// neverCreated is a writer whose creates never reach the system.
type neverCreated struct {
	providers.Writer
	do func()
}

func (b *neverCreated) Create(_ context.Context, object string, _ []record.Patch) ([]providers.Result, error) {
	b.do()
	return nil, providers.Errorf(providers.Unknown, "create "+object, "the process died")
}

// dies makes a system's creates the end of the process: before they reach it, or
// after so many further commits.
func (s *theater) dies(system string, reached bool, commits int) {
	s.wrap = func(sys *engine.System) {
		cut := func() { s.cutAt = s.commits + commits }
		switch {
		case sys.Name != system:
		case reached:
			sys.Writer = &afterCreate{sys.Writer, cut}
		default:
			sys.Writer = &neverCreated{sys.Writer, cut}
		}
	}
	s.build()
}

// revive opens the state again as the start after a kill does.
func (s *theater) revive() {
	s.wrap, s.cutAt = nil, 0
	s.restart()
}

// playIntents ends with a kill: Salesforce made three accounts whose answers were
// never taken, HubSpot never heard of three companies, and a pull of QBench left
// what it read in its spool.
func playIntents(s *theater) {
	labs := make([]int64, 9)
	for i := range 6 {
		labs[i], _ = s.lab(i)
	}
	s.routine()
	s.routine()
	for i := 6; i < 9; i++ {
		labs[i], _ = s.lab(i)
	}
	s.engine(func() {
		s.tick()
		s.pull()
		s.dies("salesforce", true, 1)
		if _, err := s.tryPush(); err == nil {
			s.t.Error("the push of Salesforce did not die")
		}
		s.revive()
		s.dies("hubspot", false, 1)
		if _, err := s.eng.Push(s.t.Context(), engine.Request{System: "hubspot"}); err == nil {
			s.t.Error("the push of HubSpot did not die")
		}
		s.revive()
	})
	s.in("Account", "Lab 06", "Description", "Typed in Salesforce")
	for i := range 4 {
		_ = s.qb.UpdateCustomer(labs[i], qbenchsim.Fields{"description": fmt.Sprint("New ", i)})
	}
	s.lab(9)
	s.engine(func() {
		s.tick()
		s.spool = 1
		s.restart()
		for n := 1; s.spooled("pull/qbench/customer") == 0; n++ {
			s.commits, s.cutAt = 0, n
			_, err := s.eng.Pull(s.t.Context(), engine.Request{System: "qbench"})
			s.cutAt = 0
			if err == nil {
				s.t.Fatal("the pull ended before it had anything in its spool")
			}
		}
	})
}

func (s *theater) spooled(name string) (n int) {
	_ = s.store.View(func(tx *state.Tx) error { n = s.store.Spool(name).Len(tx); return nil })
	return n
}

// playSpool ends with a kill in a large stage: Salesforce made four accounts, and
// the answers are in the spool. A person changed one of them since.
func playSpool(s *theater) {
	for i := range 3 {
		s.lab(i)
	}
	s.routine()
	s.routine()
	for i := 3; i < 7; i++ {
		s.lab(i)
	}
	s.engine(func() {
		s.spool = 1
		s.restart()
		s.tick()
		s.pull()
		s.dies("salesforce", true, 2)
		if _, err := s.tryPush(); err == nil {
			s.t.Error("the push did not die")
		}
		s.wrap, s.cutAt = nil, 0
	})
	s.in("Account", "Lab 04", "Description", "Typed in Salesforce")
}

// playWrongLine: a line of a route was wrong for a while, and format 1 takes the
// values that it wrote for Salesforce's own form of ours (C2.1). Records that we
// made were edited by a person before anything read them back: at Lab 04 in
// fields that are enforced (C2.2), at Lab 05 in fields that are not (C2.3).
func playWrongLine(s *theater) {
	for i := range 6 {
		s.lab(i, qbenchsim.Fields{"industry": []string{"Food", "Chemicals", "Mining"}[i%3]})
	}
	s.engine(func() {
		s.spool = 1 // in a large stage nothing is read back, enforced or not
		s.restart()
		s.well(s.all(false))
		s.spool = 0
		s.restart()
	})
	s.in("Account", "Lab 04", "NumberOfEmployees", "99")
	s.in("Account", "Lab 05", "Industry", "Typed")
	s.in("contacts", "ann@lab-04.example", "firstname", "Typed")
	s.in("contacts", "ann@lab-05.example", "lastname", "Typed")
	s.in("Contact", "ann@lab-05.example", "LastName", "Typed")
	s.routine()
	s.engine(func() {
		s.reroute(sfDescription, strings.Replace(sfDescription, "hub: description", "hub: industry", 1))
	})
	s.routine()
	s.engine(func() {
		s.reroute(strings.Replace(sfDescription, "hub: description", "hub: industry", 1), sfDescription)
	})
	s.routine()
	s.whole()
	s.routine()
}

// reroute changes a line of the routes of Salesforce and starts again.
func (s *theater) reroute(from, to string) {
	s.edit(sfRoutes, from, to)
	s.load()
	s.restart()
}

// playPlan ends with two plans that wait: eight accounts of Salesforce would be
// written over, and four customers would leave the hub.
func playPlan(s *theater) {
	labs := make([]int64, 12)
	for i := range labs {
		labs[i], _ = s.lab(i)
		if i < 8 {
			s.put("Account", map[string]string{
				"Name": fmt.Sprintf("Lab %02d", i), "Website": fmt.Sprintf("https://lab-%02d.example", i), "Description": "Theirs", "Industry": "Food",
			})
		}
	}
	s.engine(func() { s.guarded(s.all(false)) })
	for _, id := range labs[8:] {
		s.qb.DeleteCustomer(id)
	}
	s.engine(func() { s.guarded(s.all(true)) })
}

func (s *theater) guarded(err error) {
	s.t.Helper()
	if !errors.Is(err, engine.ErrGuard) {
		s.t.Fatalf("no guard stopped the run: %v", err)
	}
}
