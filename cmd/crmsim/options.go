package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// options are the flags of a rehearsal.
type options struct {
	qbenchAddr, salesforceAddr, hubspotAddr, closeAddr string

	seed                               uint64
	accounts, contactsEach             int
	token                              string
	schema, hubspotSchema, closeSchema string
	configDir                          string
	api                                apiOptions
	faults                             faultOptions
	rules                              []string
}

// apiOptions turn the habits of the laboratory system.
type apiOptions struct {
	lastUpdated, hideCustomerIDs bool
	rateLimit                    int
	dates                        string
}

type faultOptions struct {
	throttled, broken, lostCreates float64
	latency                        time.Duration
	tokenCalls                     int
	rules                          []string
}

func (o *options) bind(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringVar(&o.qbenchAddr, "qbench", "127.0.0.1:8091", "loopback `address` of the laboratory system; port 0 takes any")
	f.StringVar(&o.salesforceAddr, "salesforce", "127.0.0.1:8092", "loopback `address` of the Salesforce org; port 0 takes any")
	f.StringVar(&o.hubspotAddr, "hubspot", "127.0.0.1:8093", "loopback `address` of the HubSpot portal; port 0 takes any")
	f.StringVar(&o.closeAddr, "close", "127.0.0.1:8094", "loopback `address` of the Close organization; port 0 takes any")
	f.Uint64Var(&o.seed, "seed", 1, "the same seed gives the same data")
	f.IntVar(&o.accounts, "accounts", 200, "customers in the laboratory system")
	f.IntVar(&o.contactsEach, "contacts-per-account", 2, "contacts of each customer")
	f.StringVar(&o.token, "token", "", "a `token` that all four always accept, besides the OAuth paths; for Close it is the API key too")
	f.StringVar(&o.schema, "schema", "", "YAML `file` with extra Salesforce objects, fields and picklists")
	f.StringVar(&o.hubspotSchema, "hubspot-schema", "", "YAML `file` with extra HubSpot objects and properties")
	f.StringVar(&o.closeSchema, "close-schema", "", "YAML `file` with extra custom fields of Close")
	f.StringVar(&o.configDir, "write-config", "", "`folder` for the environment and the secret files")
	f.BoolVar(&o.api.lastUpdated, "qbench-last-updated", false, "show last_updated in each record")
	f.BoolVar(&o.api.hideCustomerIDs, "qbench-hide-customer-ids", false, "leave customer_ids out of contacts")
	f.StringVar(&o.api.dates, "qbench-dates", "mixed", "`form` of date_created: none, slash, slash-time, iso, unix or mixed")
	f.IntVar(&o.api.rateLimit, "qbench-rate-limit", 300, "calls a minute before 429; -1 for no limit")
	f.Float64Var(&o.faults.throttled, "fault-429", 0, "`share` of calls that are throttled, 0 to 1")
	f.Float64Var(&o.faults.broken, "fault-5xx", 0, "`share` of calls that end in 503, half of them after they took effect")
	f.Float64Var(&o.faults.lostCreates, "drop-after-create", 0, "`share` of POSTs that take effect but get no answer")
	f.DurationVar(&o.faults.latency, "latency", 0, "wait this long before each answer")
	f.IntVar(&o.faults.tokenCalls, "expire-token", 0, "end each token after so many `calls`; HubSpot's and Close's key have no end")
	f.StringArrayVar(&o.faults.rules, "fault", nil, "a fault `rule`, may be repeated: [qbench:|salesforce:|hubspot:|close:]429,rate=0.1 or 502,path=/composite,after,nth=1")
	f.StringArrayVar(&o.rules, "rule", nil, "a `rule` about records, may be repeated: salesforce:{\"object\":\"Account\",\"code\":…}; see above")
}

// validate reports everything that is wrong with the flags at once.
func (o *options) validate() error {
	errs := []error{
		checkLoopback("--qbench", o.qbenchAddr),
		checkLoopback("--salesforce", o.salesforceAddr),
		checkLoopback("--hubspot", o.hubspotAddr),
		checkLoopback("--close", o.closeAddr),
		checkShare("--fault-429", o.faults.throttled),
		checkShare("--fault-5xx", o.faults.broken),
		checkShare("--drop-after-create", o.faults.lostCreates),
	}
	for name, n := range map[string]int{"--accounts": o.accounts, "--contacts-per-account": o.contactsEach, "--expire-token": o.faults.tokenCalls} {
		if n < 0 {
			errs = append(errs, fmt.Errorf("%s is %d: must not be negative", name, n))
		}
	}
	if o.faults.latency < 0 {
		errs = append(errs, fmt.Errorf("--latency is %v: must not be negative", o.faults.latency))
	}
	return errors.Join(errs...)
}

// checkLoopback keeps the simulators, which trust everybody, off the network.
func checkLoopback(flag, addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%s %q: must be address:port, such as 127.0.0.1:8091", flag, addr)
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() || strings.EqualFold(host, "localhost") {
		return nil
	}
	return fmt.Errorf("%s %q: must be a loopback address, such as 127.0.0.1; the simulators are open to whoever reaches them", flag, addr)
}

func checkShare(flag string, p float64) error {
	if p >= 0 && p <= 1 {
		return nil
	}
	return fmt.Errorf("%s is %v: must be between 0 and 1", flag, p)
}
