package salesforce

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/outcome"
	"crmsyncd/providers/internal/rest"
	"crmsyncd/providers/internal/scrub"
)

// BatchSize is the most that one collections call takes.
func (c *Client) BatchSize(string) int { return recordsPerCall }

// Create inserts one record per patch. It never repeats a call that may have
// taken effect: the whole is then of kind Unknown. Two patches with one value
// in a unique field are both refused without a call for them.
func (c *Client) Create(ctx context.Context, object string, patches []record.Patch) ([]providers.Result, error) {
	w := c.newWrite(creating, "create "+object, object, patches)
	return w.run(ctx)
}

// Update writes the fields of each patch by record id. Sending it twice does
// the same as once, so it is repeated after a lost answer.
func (c *Client) Update(ctx context.Context, object string, patches []record.Patch) ([]providers.Result, error) {
	w := c.newWrite(updating, "update "+object, object, patches)
	return w.run(ctx)
}

// Bounds on what one write may cost beyond its one call: repeats of locked
// records, and the parts into which a refused batch is cut.
const (
	maxCalls   = 40
	lockTries  = 2
	lockedWait = 400 * time.Millisecond
)

// write is one batch on its way. Every patch ends with an id or an error.
type write struct {
	c       *Client
	call    call
	object  string
	patches []record.Patch
	results []providers.Result

	calls    int
	answered bool  // at least one call brought results
	again    []int // failed in passing, and certainly not written
}

func (c *Client) newWrite(v verb, op, object string, patches []record.Patch) *write {
	kind := kindCreate
	if v == updating {
		kind = kindUpdate
	}
	return &write{
		c: c, call: call{op: op, kind: kind, verb: v}, object: object, patches: patches,
		results: make([]providers.Result, len(patches)),
	}
}

func (w *write) run(ctx context.Context) ([]providers.Result, error) {
	if len(w.patches) > recordsPerCall {
		return nil, providers.Errorf(providers.Broken, w.call.op, "%d records in one call, at most %d are possible", len(w.patches), recordsPerCall)
	}
	if err := w.checkFields(); err != nil {
		return nil, err
	}
	if err := w.refuseTwins(ctx); err != nil {
		return nil, err
	}
	if err := w.send(ctx, w.open()); err != nil {
		return w.stopped(err)
	}
	for try := range lockTries {
		if len(w.again) == 0 {
			break
		}
		again := w.again
		w.again = nil
		if !paused(ctx, lockedWait<<try) {
			break
		}
		if err := w.send(ctx, again); err != nil {
			return w.stopped(err)
		}
	}
	return w.results, nil
}

// stopped ends a write on the failure of a whole call. Where others went
// through, the failure belongs to the records of that call and of those that
// were not sent any more; else it is that of the write.
func (w *write) stopped(err *providers.Error) ([]providers.Result, error) {
	if !w.answered {
		return nil, err
	}
	outcome.Stopped(w.results, w.ref, err)
	return w.results, nil
}

func (w *write) ref(i int) record.Ref { return ref(w.object, w.patches[i].ID) }

// about returns a copy of err that names record i.
func (w *write) about(i int, err *providers.Error) *providers.Error {
	return outcome.About(w.ref(i), err)
}

// checkFields refuses names that are none. Patches of one batch mostly have
// the same fields, so a name is looked at again only where it differs from the
// one above.
func (w *write) checkFields() error {
	if err := checkNames(w.call.op, w.object, nil); err != nil {
		return err
	}
	var above []record.FieldValue
	for i := range w.patches {
		fields := w.patches[i].Fields
		for j := range fields {
			if j < len(above) && above[j].Name == fields[j].Name {
				continue
			}
			if err := checkNames(w.call.op, w.object, []record.Field{fields[j].Field}); err != nil {
				return err
			}
		}
		above = fields
	}
	return nil
}

// open returns the patches that have no verdict yet.
func (w *write) open() []int {
	idx := make([]int, 0, len(w.patches))
	for i := range w.results {
		if w.results[i].Open() {
			idx = append(idx, i)
		}
	}
	return idx
}

// send writes these patches with one call and notes what became of each. An
// error means that the call failed as a whole. A batch that is refused as a
// whole is cut in two until the record at fault stands alone.
func (w *write) send(ctx context.Context, idx []int) *providers.Error {
	body, idx := w.encode(idx)
	if len(idx) == 0 {
		return nil
	}
	if w.calls++; w.calls > maxCalls {
		return providers.Errorf(providers.Transient, w.call.op, "the batch was refused as a whole again and again, and not all of it was sent")
	}
	resp, err := w.do(ctx, body)
	if err == nil {
		defer resp.Release()
		return w.note(idx, resp.Body)
	}
	e := outcome.AsError(err)
	switch {
	case e.Kind == providers.Unknown:
		return w.lost(idx, e)
	case e.Kind == providers.Broken:
		return w.apart(ctx, idx, e)
	case !divisible(e):
		return e
	case len(idx) == 1:
		w.rejected(idx[0], e)
		return nil
	}
	half := len(idx) / 2
	if err := w.send(ctx, idx[:half]); err != nil {
		return err
	}
	return w.send(ctx, idx[half:])
}

// apart ends a call that was refused for fields of the schema. Only the patches
// that carry them are refused; the others are sent again.
func (w *write) apart(ctx context.Context, idx []int, e *providers.Error) *providers.Error {
	with, without := outcome.Carriers(w.patches, idx, e.Fields)
	if len(with) == 0 {
		return e
	}
	one := *e
	one.Kind = providers.Rejected
	for _, i := range with {
		w.rejected(i, &one)
	}
	return w.send(ctx, without)
}

// rejected notes that a record was refused by the refusal of a whole call.
func (w *write) rejected(i int, e *providers.Error) {
	e = w.about(i, e)
	outcome.Own(e, &w.patches[i])
	w.results[i].Err = scrub.Values(e, &w.patches[i])
	w.answered = true
}

// lost notes that the answer about these patches never came. Nothing else of
// the batch is sent: what follows would most likely be lost as well.
func (w *write) lost(idx []int, e *providers.Error) *providers.Error {
	if w.answered {
		for _, i := range idx {
			w.results[i].Err = w.about(i, e)
		}
	}
	return e
}

func (w *write) do(ctx context.Context, body []byte) (*rest.Response, error) {
	r := rest.Request{
		Method: http.MethodPost, Path: w.c.data("/composite/sobjects"), Body: body,
		Idempotent: w.call.verb == updating,
	}
	if w.call.verb == updating {
		r.Method = http.MethodPatch
	}
	if w.c.cfg.AllowAlerts {
		// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_duplicaterules.htm
		r.Header = http.Header{"Sforce-Duplicate-Rule-Header": {"allowSave=true"}}
	}
	return w.c.send(ctx, w.call, r)
}

// encode writes the request, without the patches that cannot be written. The
// buffer is not reused: a transport may still read it after the answer is here.
func (w *write) encode(idx []int) ([]byte, []int) {
	b := make([]byte, 0, w.roomFor(idx))
	b = append(b, bodyOpen...)
	sent := make([]int, 0, len(idx))
	for _, i := range idx {
		before := len(b)
		if len(sent) > 0 {
			b = append(b, ',')
		}
		var e *providers.Error
		if b, e = w.appendPatch(b, i); e != nil {
			b = b[:before]
			e.Op = w.call.op
			w.results[i].Err = w.about(i, e)
			continue
		}
		sent = append(sent, i)
	}
	return append(b, bodyClose...), sent
}

func (w *write) appendPatch(b []byte, i int) ([]byte, *providers.Error) {
	id := ""
	if w.call.verb == updating {
		var ok bool
		if id, ok = ID18(w.patches[i].ID); !ok {
			return b, providers.Errorf(providers.Rejected, w.call.op, "the record's id is no Salesforce id")
		}
	}
	return appendRecord(b, w.object, id, w.patches[i].Fields)
}

// roomFor guesses the size of a request from its first record.
func (w *write) roomFor(idx []int) int {
	if len(idx) == 0 {
		return 0
	}
	one := 80
	for _, f := range w.patches[idx[0]].Fields {
		one += len(f.Name) + len(f.Value.Text()) + 12
	}
	return len(idx)*one + len(bodyOpen) + len(bodyClose)
}

// divisible reports whether a call may have been refused because of one of its
// records. Faults of the configuration, the system or the quota are not.
func divisible(e *providers.Error) bool {
	switch e.Kind {
	case providers.Rejected, providers.Missing, providers.Exists:
		return true
	case providers.Transient:
		return e.Code == "REQUEST_RUNNING_TOO_LONG"
	}
	return false
}

// paused waits about d, so that records that lock each other out do not meet
// again, and reports whether the context lasted.
func paused(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d/2 + rand.N(d))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
