package main_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// C4.1: held tells since when a record is not visible, and after two full runs
// how a person says that it is gone; unlink --gone refuses what is visible.
func TestC4_1_E2EUnlinkGone(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.seed(3)
	b.want(0, "run", "--once")
	unlink := func(code int, args ...string) string {
		t.Helper()
		out, errs, got := b.run(append([]string{"unlink", "--gone"}, args...)...)
		if got != code {
			t.Errorf("unlink --gone %v: code %d, want %d\n%s%s", args, got, code, out, errs)
		}
		return out + errs
	}
	key := fmt.Sprint(b.qb.CustomerIDs()[0])
	if out := unlink(64, "salesforce/Account", "account", key); !strings.Contains(out, "visible") {
		t.Errorf("of a visible record: %s", out)
	}
	name := b.sf.Record("Account", b.sf.Find("Account", "QBench_Id__c", key)[0])["Name"]
	if _, err := b.sf.ArmRule(fmt.Appendf(nil, `{"object":"Account","match":{"Name":%q},"effect":"hide"}`, name)); err != nil {
		t.Fatal(err)
	}
	b.want(3, "run", "--once", "--full")
	if out := b.want(0, "held"); strings.Contains(out, "--gone") || !strings.Contains(out, "not_visible (1)") || !strings.Contains(out, "in 1 full run") {
		t.Errorf("held after one full run:\n%s", out)
	}
	b.want(3, "run", "--once", "--full")
	if out := b.want(0, "held"); !strings.Contains(out, "crmsyncd unlink --gone salesforce/Account account KEY") || !strings.Contains(out, "in 2 full runs") {
		t.Errorf("held after two full runs:\n%s", out)
	}
	unlink(64, "salesforce", "account", key)
	unlink(64, "salesforce/Account", "account")
	unlink(1, "salesforce/Account", "account", "nobody")
	if out := unlink(0, "salesforce/Account", "account", key); !strings.Contains(out, "its record there is gone") {
		t.Errorf("unlink --gone: %s", out)
	}
	if out := b.want(0, "held"); !strings.Contains(out, "deleted_remotely (1)") {
		t.Errorf("held after unlink --gone:\n%s", out)
	}
	unlink(64, "salesforce/Account", "account", key)
}

// link asks the system first, without a daemon and beside one: what is not there
// is not linked, and neither is anything in a system that refuses.
func TestE2ELinkAsksFirst(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.seed(2)
	b.want(0, "run", "--once")
	key := fmt.Sprint(b.qb.CustomerIDs()[0])
	theirs := b.sf.Find("Account", "QBench_Id__c", key)[0]
	refused := func() {
		t.Helper()
		b.want(0, "unlink", "salesforce/Account", "account", key)
		for _, id := range []string{"nosuchid", "0018d0000099999AAA"} {
			_, errs, code := b.run("link", "salesforce/Account", "account", key, id)
			if code != 64 || !strings.Contains(errs, id) || !strings.Contains(errs, "nothing is linked") {
				t.Errorf("link with %s: code %d, %s", id, code, errs)
			}
		}
		b.want(0, "link", "salesforce/Account", "account", key, theirs)
	}
	refused()
	b.want(0, "run", "--once")
	s := b.start()
	defer func() { s.signal(os.Interrupt); s.wait(30e9) }()
	b.until("the first runs are done", func() bool { _, _, code := b.run("status"); return code == 0 })
	refused()
}
