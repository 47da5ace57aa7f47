package engine_test

import (
	"context"
	"errors"
	"testing"

	"crmsyncd/sync/engine"
)

// auditScenarios says whether every scenario ends with the audit. One that
// leaves the two sides apart on purpose opts out with unaudited.
const auditScenarios = true

// unaudited keeps a world out of the audit at its end, because of reason.
func unaudited(reason string) worldOption {
	return func(w *world) { w.unaudited = reason }
}

// auditAtEnd makes the audit the last step of a scenario.
func (w *world) auditAtEnd() {
	t, ok := w.t.(*testing.T)
	if !ok || !auditScenarios || w.unaudited != "" {
		return
	}
	t.Cleanup(func() {
		if t.Failed() || t.Skipped() {
			return
		}
		w.cutAt = 0
		_ = w.store.Close() // where it is still open
		w.open()
		auditClean(t, w)
	})
}

// auditClean carries out a full run of every system and then the audit, and
// fails on all that is unexplained or still to be read. A guard may stop a
// run: what it keeps back is due.
func auditClean(t *testing.T, w *world) {
	t.Helper()
	ctx := context.Background() // the test's own has ended in a cleanup
	w.clearFaults()
	w.tick()
	run := func(what string, one func(context.Context, engine.Request) error, system string) {
		err := one(ctx, engine.Request{System: system, Full: true, Trigger: "test"})
		if err != nil && !errors.Is(err, engine.ErrGuard) {
			t.Errorf("audit: full %s of %s: %v", what, system, err)
		}
		w.tick()
	}
	for _, system := range w.mapping.PullOrder() {
		run("pull", func(ctx context.Context, r engine.Request) error { _, err := w.eng.Pull(ctx, r); return err }, system)
	}
	for _, system := range w.eng.SystemNames() {
		if _, push := w.eng.Flows(system); push {
			run("push", func(ctx context.Context, r engine.Request) error { _, err := w.eng.Push(ctx, r); return err }, system)
		}
	}
	res, err := w.eng.Audit(ctx, engine.AuditRequest{}, func(f engine.AuditFinding) error {
		t.Errorf("audit: %s", auditLine(f))
		return nil
	})
	if err != nil || len(res.Failed) > 0 {
		t.Errorf("audit: %v %+v", err, res.Failed)
	}
}

// A scenario whose sides agree passes the audit at its end, also after a
// restart.
func TestAuditClean(t *testing.T) {
	w := newWorld(t)
	acme := w.qb.AddCustomer(customer("Acme"))
	w.qb.AddContact(person("Ann", "Lee", "ann@acme.example"), acme)
	w.sync()
	w.restart()
	auditClean(t, w)
}
