package salesforcesim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Random collections against a plain map: whatever mix of creates, updates,
// upserts, deletes and roll-backs, the org holds what the map holds, and every
// way of reading shows it.
func TestStoreAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := newOrg(t)
		model := map[string]string{} // key → phone
		ids := map[string]string{}
		key := rapid.StringMatching(`[a-cA-C]`)
		phone := rapid.StringMatching(`[0-9]{0,2}`)
		rt.Repeat(map[string]func(*rapid.T){
			"upsert": func(rt *rapid.T) {
				n := rapid.IntRange(1, 4).Draw(rt, "n")
				none := rapid.Bool().Draw(rt, "allOrNone")
				var records, keys, phones []string
				bad := false
				for range n {
					k, p := key.Draw(rt, "key"), phone.Draw(rt, "phone")
					name := "N"
					if rapid.IntRange(0, 4).Draw(rt, "bad") == 0 {
						name, bad = "", true
					}
					bad = bad || strings.Contains(strings.Join(keys, ""), k)
					records = append(records, account(fmt.Sprintf(`"QBench_Id__c":%q,"Name":%q,"Phone":%q`, k, name, p)))
					keys, phones = append(keys, k), append(phones, p)
				}
				a := o.do("PATCH", many+"/Account/QBench_Id__c", fmt.Sprintf(`{"allOrNone":%t,"records":[%s]}`, none, strings.Join(records, ",")))
				for i, r := range o.results(a) {
					if !r.Success {
						continue
					}
					if none && bad {
						rt.Fatalf("success in a failed all-or-none call: %s", a.body)
					}
					if _, there := model[keys[i]]; *r.Created == there {
						rt.Fatalf("created %v, there before %v", *r.Created, there)
					}
					model[keys[i]], ids[keys[i]] = phones[i], r.ID
				}
			},
			"delete": func(rt *rapid.T) {
				k := key.Draw(rt, "key")
				a := o.do("DELETE", v62+"/sobjects/Account/QBench_Id__c/"+k, "")
				if _, there := model[k]; there != (a.status == 204) {
					rt.Fatalf("delete %s: %d", k, a.status)
				}
				delete(model, k)
			},
			"rename": func(rt *rapid.T) {
				from, to := key.Draw(rt, "from"), key.Draw(rt, "to")
				_, there := model[from]
				_, taken := model[to]
				if !there {
					return
				}
				ok := o.codes(o.do("PATCH", many, list(account(fmt.Sprintf(`"Id":%q,"QBench_Id__c":%q`, ids[from], to)))))[0] == "ok"
				if ok != (!taken || from == to) {
					rt.Fatalf("rename %s to %s: %v", from, to, ok)
				}
				if ok && from != to {
					model[to], ids[to] = model[from], ids[from]
					delete(model, from)
				}
			},
			"": func(rt *rapid.T) {
				got, byKey := map[string]string{}, map[string]string{}
				for _, r := range o.Records("Account") {
					got[r["QBench_Id__c"]] = r["Phone"]
				}
				for _, r := range o.query("SELECT QBench_Id__c, Phone FROM Account WHERE QBench_Id__c IN ('a','b','c','A','B','C')") {
					p, _ := r["Phone"].(string)
					byKey[fmt.Sprint(r["QBench_Id__c"])] = p
				}
				if diff := cmp.Diff(model, got); diff != "" {
					rt.Fatalf("records (-model +org):\n%s", diff)
				}
				if diff := cmp.Diff(model, byKey); diff != "" {
					rt.Fatalf("by key (-model +org):\n%s", diff)
				}
			},
		})
	})
}
