package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"crmsyncd/providers/qbench/qbenchsim"
	"crmsyncd/state"
)

// F24: an older state beside its sidecar makes nothing, and believes no digest,
// until a person says that it is right; then what is there is found and not
// made a second time.
func TestF24_OlderStateCreatesNothing(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	path := w.store.Path()
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w.open()
	w.qb.AddCustomer(customer("Best"))
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
	w.sync()
	if err := errors.Join(w.store.Close(), os.WriteFile(path, old, 0o600)); err != nil {
		t.Fatal(err)
	}
	w.open()
	if w.store.Suspect() == "" {
		t.Fatal("an older state is not suspect")
	}
	w.qb.AddCustomer(customer("Cole"))
	w.sf.ResetAudit()
	w.sf.ResetCalls()
	w.tick()
	w.pull()
	if _, err := w.tryPush(); err == nil || !strings.Contains(err.Error(), "nothing is created") {
		t.Errorf("err = %v, want nothing created", err)
	}
	w.wantCount("Account", 2)
	if w.sf.Calls().Total() == 0 {
		t.Error("nothing was read: the digests were believed")
	}
	if err := w.store.Trust(); err != nil {
		t.Fatal(err)
	}
	w.sync()
	w.wantCount("Account", 3)
	w.wantHeld("")
	if w.account("Acme")["Description"] != "New" {
		t.Error("Acme was not updated")
	}
}

// An older state believes no digest: what a person changed is seen before
// anything is written over it.
func TestF24_OlderStateReadsBeforeItWrites(t *testing.T) {
	w := newWorld(t, edited("routes/salesforce.yaml", "    create_needs: [name]\n", "    create_needs: [name]\n    on_link: keep\n"))
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	path := w.store.Path()
	_ = w.store.Close()
	old, _ := os.ReadFile(path)
	w.open()
	w.sync()
	if err := errors.Join(w.store.Close(), os.WriteFile(path, old, 0o600)); err != nil {
		t.Fatal(err)
	}
	w.open()
	_ = w.sf.SetField("Account", w.account("Acme")["Id"], "Description", "By hand")
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New"})
	w.tick()
	w.pull()
	w.push()
	if a := w.account("Acme"); a["Description"] != "By hand" {
		t.Errorf("Description %q: lost digests were believed", a["Description"])
	}
}

// damageLink spoils the stored row of the link of hub record 1 with a remote
// record, and no other row, as a failing disk does.
func (w *world) damageLink(system, object, remote string) {
	w.t.Helper()
	path := w.store.Path()
	if err := w.store.Close(); err != nil {
		w.t.Fatal(err)
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	key := append(bytes.Repeat([]byte{0}, 7), 1)
	for at := 0; ; {
		i := bytes.Index(sound[at:], key)
		if i < 0 {
			w.t.Fatal("the row was not found in the file")
		}
		at += i + 1
		row := sound[at+7 : min(at+67, len(sound))]
		j := bytes.Index(row, []byte(remote))
		if j < 0 {
			continue
		}
		spoiled := bytes.Clone(sound)
		spoiled[at+7+j] ^= 1
		if w.damages(spoiled, "link/"+system+"/"+object) {
			if err := os.WriteFile(path, spoiled, 0o600); err != nil {
				w.t.Fatal(err)
			}
			w.open()
			return
		}
	}
}

// damages reports whether a state of these bytes has one damaged row, in this
// bucket.
func (w *world) damages(b []byte, bucket string) bool {
	path := filepath.Join(w.t.TempDir(), "state.db")
	if err := errors.Join(os.Chmod(filepath.Dir(path), 0o700), os.WriteFile(path, b, 0o600)); err != nil { // a folder
		w.t.Fatal(err)
	}
	s, err := state.Open(path, state.Options{})
	if err != nil {
		return false
	}
	defer func() { _ = s.Close() }()
	found, err := s.Verify(w.t.Context(), nil)
	return err == nil && len(found) == 1 && found[0].Bucket == bucket
}

// A damaged link row means that its digests are lost, never that the
// record is new: it is read again, met anew, and nothing is doubled.
func TestDamagedLinkRow(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.sync()
	id := w.account("Acme")["Id"]
	w.damageLink("salesforce", "Account", id)
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "New", "city": "Elsewhere"})
	w.sync()
	w.wantCount("Account", 1)
	w.wantHeld("")
	if a := w.account("Acme"); a["Description"] != "New" || a["BillingCity"] != "Springfield" {
		t.Errorf("Description %q, BillingCity %q", a["Description"], a["BillingCity"])
	}
	w.damageLink("qbench", "customer", fmt.Sprint(acme))
	_ = w.qb.UpdateCustomer(acme, qbenchsim.Fields{"description": "Newer"})
	w.sync()
	w.tick()
	w.pull(true)
	w.push(true)
	w.wantCount("Account", 1)
	w.wantHeld("")
	if w.account("Acme")["Description"] != "Newer" || w.openLinks("customer") != 1 {
		t.Errorf("Description %q", w.account("Acme")["Description"])
	}
}
