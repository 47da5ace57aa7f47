package hubspot

import (
	"context"
	"net/http"
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/outcome"
	"crmsyncd/providers/internal/rest"
	"crmsyncd/providers/internal/scrub"
)

// BatchSize is the most that one batch takes.
func (c *Client) BatchSize(string) int { return recordsPerCall }

// Create inserts one record per patch, with what it belongs to. It never
// repeats a call that may have taken effect: the whole is then of kind Unknown.
// A result of kind Exists has the ID of the record in the way, where the vendor
// names it.
func (c *Client) Create(ctx context.Context, object string, patches []record.Patch) ([]providers.Result, error) {
	w := c.newWrite(creating, "create "+object, object, patches)
	return w.run(ctx)
}

// Update writes the properties of each patch by record id, then the
// associations by calls of their own. Sending it twice does the same as once,
// so it is repeated after a lost answer. A patch whose association failed is
// failed, though its properties are written.
func (c *Client) Update(ctx context.Context, object string, patches []record.Patch) ([]providers.Result, error) {
	w := c.newWrite(updating, "update "+object, object, patches)
	return w.run(ctx)
}

// write is one batch on its way. Every patch ends with an id or an error.
type write struct {
	c       *Client
	call    call
	object  string
	patches []record.Patch
	results []providers.Result

	answered bool   // at least one call brought results
	written  []bool // the properties are written, whatever becomes of the associations
}

func (c *Client) newWrite(v verb, op, object string, patches []record.Patch) *write {
	kind := kindCreate
	if v == updating {
		kind = kindUpdate
	}
	return &write{
		c: c, call: call{op: op, kind: kind, verb: v}, object: object, patches: patches,
		results: make([]providers.Result, len(patches)), written: make([]bool, len(patches)),
	}
}

func (w *write) run(ctx context.Context) ([]providers.Result, error) {
	if len(w.patches) > recordsPerCall {
		return nil, providers.Errorf(providers.Broken, w.call.op, "%d records in one call, at most %d are possible", len(w.patches), recordsPerCall)
	}
	if err := w.checkFields(); err != nil {
		return nil, err
	}
	if w.call.verb == updating {
		w.checkTargets()
	}
	open := w.open()
	for len(open) > 0 {
		var now []int
		now, open = w.apart(open)
		if err := w.send(ctx, now); err != nil {
			return w.stopped(err)
		}
	}
	if w.call.verb == updating {
		if err := w.associate(ctx); err != nil {
			return w.stopped(err)
		}
	}
	return w.results, nil
}

// stopped ends a write on the failure of a whole call. Where others went
// through, the failure belongs to the records of that call and of those that
// were not sent any more; else it is that of the write. A record whose
// association was not reached is not done.
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
	if err := checkObject(w.call.op, w.object); err != nil {
		return err
	}
	var above []record.FieldValue
	for i := range w.patches {
		fields := w.patches[i].Fields
		for j := range fields {
			if j < len(above) && above[j].Field == fields[j].Field {
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

// checkTargets refuses updates that cannot be written whole, before any of them
// is written: those without the id of a record, and those whose association
// leads nowhere.
func (w *write) checkTargets() {
	for i := range w.patches {
		p := &w.patches[i]
		if !validID(p.ID) {
			w.results[i].Err = w.about(i, providers.Errorf(providers.Rejected, w.call.op, "the record's id is no HubSpot id"))
			continue
		}
		if len(p.Fields) == 0 {
			w.results[i].ID = p.ID
		}
		for j := range p.Fields {
			if f := &p.Fields[j]; isAssociation(f.Name) {
				if _, _, e := w.target(f); e != nil {
					w.results[i].Err = w.about(i, e)
				}
			}
		}
	}
}

// open returns the patches that have no verdict yet and carry a property. An
// update of an association alone needs no call about properties.
func (w *write) open() []int {
	idx := make([]int, 0, len(w.patches))
	for i := range w.results {
		if w.results[i].Open() && (w.call.verb == creating || hasProperty(&w.patches[i])) {
			idx = append(idx, i)
		}
	}
	return idx
}

func hasProperty(p *record.Patch) bool {
	for j := range p.Fields {
		if !isAssociation(p.Fields[j].Name) {
			return true
		}
	}
	return false
}

func associationsOf(p *record.Patch) (names []string) {
	for j := range p.Fields {
		if isAssociation(p.Fields[j].Name) {
			names = append(names, p.Fields[j].Name)
		}
	}
	return names
}

func hasAssociation(p *record.Patch) bool {
	for j := range p.Fields {
		if isAssociation(p.Fields[j].Name) {
			return true
		}
	}
	return false
}

// twinKey is what two records of one call cannot share.
type twinKey struct{ field, value string }

// apart returns those that can go into one call, and the rest, which follow it.
// Two inputs with one key spoil a batch for all; in a call of its own the second
// is refused or written like any other.
//
// https://github.com/segmentio/action-destinations/pull/3969, last checked
// 2026-11-22.
func (w *write) apart(idx []int) (now, later []int) {
	taken := make(map[twinKey]struct{}, len(idx))
	now = idx[:0:0]
	var keys []twinKey
next:
	for _, i := range idx {
		keys = w.keys(keys[:0], &w.patches[i])
		for _, k := range keys {
			if _, twin := taken[k]; twin {
				later = append(later, i)
				continue next
			}
		}
		for _, k := range keys {
			taken[k] = struct{}{}
		}
		now = append(now, i)
	}
	return now, later
}

func (w *write) keys(keys []twinKey, p *record.Patch) []twinKey {
	if w.call.verb == updating {
		keys = append(keys, twinKey{idProperty, p.ID})
	}
	for j := range p.Fields {
		switch f := &p.Fields[j]; {
		case !f.Value.IsSet():
		case f.Name == "email":
			keys = append(keys, twinKey{f.Name, strings.ToLower(f.Value.Text())})
		case f.Type == record.ID:
			keys = append(keys, twinKey{f.Name, f.Value.Text()})
		}
	}
	return keys
}

// send writes these patches with one call and notes what became of each. An
// error means that the call failed as a whole. A batch that is refused as a
// whole, of which nothing was written, is cut in two until the record at fault
// stands alone.
func (w *write) send(ctx context.Context, idx []int) *providers.Error {
	body, idx := w.encode(idx)
	if len(idx) == 0 {
		return nil
	}
	resp, err := w.do(ctx, body)
	if err == nil {
		defer resp.Release()
		return w.note(ctx, idx, resp.Body)
	}
	e := outcome.AsError(err)
	switch {
	case e.Kind == providers.Unknown:
		return w.lost(idx, e)
	case e.Kind == providers.Broken:
		return w.apartFrom(ctx, idx, e)
	case !ofRecord(e.Kind):
		return e
	case len(idx) == 1:
		w.fail(idx[0], e)
		return nil
	}
	return w.halves(ctx, idx)
}

// apartFrom ends a call that was refused for fields of the schema. Only the
// patches that carry them are refused; the others are sent again.
func (w *write) apartFrom(ctx context.Context, idx []int, e *providers.Error) *providers.Error {
	with, without := outcome.Carriers(w.patches, idx, e.Fields)
	if len(with) == 0 {
		return e
	}
	one := *e
	one.Kind = providers.Rejected
	for _, i := range with {
		w.fail(i, &one)
	}
	return w.send(ctx, without)
}

// halves sends the two halves of a batch.
func (w *write) halves(ctx context.Context, idx []int) *providers.Error {
	half := len(idx) / 2
	if err := w.send(ctx, idx[:half]); err != nil {
		return err
	}
	return w.send(ctx, idx[half:])
}

// fail notes what is wrong with one record.
func (w *write) fail(i int, e *providers.Error) {
	if e.Kind == providers.Rejected && e.Code == "OBJECT_NOT_FOUND" && len(e.Fields) == 0 {
		e.Fields = associationsOf(&w.patches[i]) // nothing else of a create can be absent
	}
	w.results[i] = providers.Result{Err: w.c.said(scrub.Values(w.about(i, e), &w.patches[i]))}
	if e.Kind == providers.Exists {
		w.results[i].ID = holderOf(e.Message)
	}
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
	tail := "/batch/create"
	if w.call.verb == updating {
		tail = "/batch/update"
	}
	return w.c.send(ctx, w.call, rest.Request{
		Method: http.MethodPost, Path: w.c.paths.objects(objectType(w.object), tail), Body: body,
		Idempotent: w.call.verb == updating,
	})
}

const (
	bodyOpen  = `{"inputs":[`
	bodyClose = `]}`
)

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
		if b, e = w.appendInput(b, i); e != nil {
			b = b[:before]
			w.results[i].Err = w.about(i, e)
			continue
		}
		sent = append(sent, i)
	}
	return append(b, bodyClose...), sent
}

// roomFor guesses the size of a request from its first record.
func (w *write) roomFor(idx []int) int {
	if len(idx) == 0 {
		return 0
	}
	one := 200
	for _, f := range w.patches[idx[0]].Fields {
		one += len(f.Name) + len(f.Value.Text()) + 12
	}
	return len(idx)*one + len(bodyOpen) + len(bodyClose)
}
