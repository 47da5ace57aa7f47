package hubspotsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const (
	maxBatch        = 100
	maxHistoryBatch = 50
)

func (c *call) serveBatch(o *objectType, verb string) *Error {
	switch verb {
	case "read":
		return c.readMany(o)
	case "create":
		c.calls.count(CallCreateMany, o.name)
		return c.writeMany(o, OpCreate)
	case "update":
		c.calls.count(CallUpdateMany, o.name)
		return c.writeMany(o, OpUpdate)
	case "upsert":
		c.calls.count(CallUpsertMany, o.name)
		return c.writeMany(o, OpUpsert)
	case "archive":
		return c.archiveMany(o)
	}
	return notFound()
}

func tooLarge(limit, n int) *Error {
	return invalid(fmt.Sprintf("The maximum number of inputs supported in a batch request is %d; the request has %d", limit, n))
}

// readMany serves batch/read: what is not there is told in one error.
func (c *call) readMany(o *objectType) *Error {
	c.calls.count(CallRetrieveMany, o.name)
	var in struct {
		Properties []string `json:"properties"`
		History    []string `json:"propertiesWithHistory"`
		IDProperty string   `json:"idProperty"`
		Inputs     []idRef  `json:"inputs"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if len(in.History) > 0 && len(in.Inputs) > maxHistoryBatch {
		return invalid(fmt.Sprintf("The maximum number of inputs supported in a batch request for property histories is %d; the request has %d", maxHistoryBatch, len(in.Inputs)))
	}
	if len(in.Inputs) > maxBatch {
		return tooLarge(maxBatch, len(in.Inputs))
	}
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	var key *property
	if in.IDProperty != "" && in.IDProperty != "hs_object_id" {
		if key = o.key(in.IDProperty); key == nil {
			return nonUnique(o, in.IDProperty, c.PortalID())
		}
	}
	want := live
	if c.query().Get("archived") == "true" {
		want = archived
	}
	rows, missing := c.find(o, key, in.Inputs, want)
	v := &view{o: o, props: o.pick(in.Properties)}
	for _, name := range in.History {
		if p := o.prop(name); p != nil {
			v.history = append(v.history, p)
		}
	}
	var errs []*Error
	if len(missing) > 0 {
		errs = append(errs, &Error{
			State: "error", Category: "OBJECT_NOT_FOUND", Context: map[string][]string{"ids": missing},
			Message: "Could not get some " + o.upper() + " objects, they may be deleted or not exist. Check that ids are valid.",
		})
	}
	c.sendMany(http.StatusOK, errs, len(rows), func(b []byte, i int) []byte {
		return append(c.store.appendRecord(b, rows[i], &o.rows[rows[i]], v), '}')
	})
	return nil
}

func (c *call) find(o *objectType, key *property, ids []idRef, want life) (rows []uint32, missing []string) {
	seen := map[uint32]bool{}
	for _, in := range ids {
		n, ok := c.store.seen(o).row(string(in.ID))
		if key != nil {
			n, ok = c.store.seen(o).holder(key, string(in.ID))
		}
		switch {
		case !ok || o.rows[n].life != want:
			missing = append(missing, string(in.ID))
		case !seen[n]:
			seen[n] = true
			rows = append(rows, n)
		}
	}
	return rows, missing
}

// sendMany sends a batch's answer: 207 as soon as one input failed.
func (c *call) sendMany(status int, errs []*Error, n int, record func([]byte, int) []byte) {
	if len(errs) > 0 && !c.store.switches.foldStatus {
		status = http.StatusMultiStatus
	}
	c.send(status, func(b []byte) []byte {
		b = append(b, `{"status":"COMPLETE","results":[`...)
		for i := range n {
			if i > 0 {
				b = append(b, ',')
			}
			b = record(b, i)
		}
		now := formatTime(c.store.now())
		b = append(append(append(b, `],"startedAt":"`...), now...), `","completedAt":"`...)
		b = append(append(b, now...), '"')
		if len(errs) > 0 {
			b = strconv.AppendInt(append(b, `,"numErrors":`...), int64(len(errs)), 10)
			raw, err := json.Marshal(errs)
			if err != nil {
				raw = []byte("[]")
			}
			b = append(append(b, `,"errors":`...), raw...)
		}
		return append(b, '}')
	})
}

// writeMany serves batch/create, update and upsert.
func (c *call) writeMany(o *objectType, op string) *Error {
	var in struct {
		Inputs []recordInput `json:"inputs"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if len(in.Inputs) > maxBatch {
		return tooLarge(maxBatch, len(in.Inputs))
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	status := http.StatusOK
	if op == OpCreate {
		status = http.StatusCreated
	}
	if c.silenced() {
		c.sendMany(status, nil, 0, nil)
		return nil
	}
	drafts, err := c.drafts(o, op, in.Inputs)
	if err != nil {
		return err
	}
	w := c.writer(o, op)
	for _, d := range drafts {
		w.plan(d)
	}
	if err := c.refusal(op, drafts); err != nil {
		return err
	}
	var done []*draft
	var errs []*Error
	for _, d := range drafts {
		switch {
		case d.err != nil:
			errs = append(errs, d.err.inBatch(d.in.Trace, string(d.in.ID)))
		case d.missing && d.key != nil:
			errs = append(errs, noRecord(o, string(d.in.ID)).inBatch(d.in.Trace, string(d.in.ID)))
		case d.missing: // an unknown record id is passed over in silence
		default:
			w.apply(d)
			done = append(done, d)
		}
	}
	c.sendMany(status, errs, len(done), func(b []byte, i int) []byte { return c.appendDone(b, o, op, done[i]) })
	return nil
}

func (c *call) appendDone(b []byte, o *objectType, op string, d *draft) []byte {
	b = c.appendDraft(b, o, d, "")
	if op == OpUpsert {
		b = strconv.AppendBool(append(b, `,"new":`...), d.fresh)
	}
	if d.in.Trace != "" {
		b = quote(append(b, `,"objectWriteTraceId":`...), d.in.Trace)
	}
	return append(b, '}')
}

func (c *call) silenced() bool {
	sw := &c.store.switches
	if sw.silent == 0 {
		return false
	}
	sw.silent = max(sw.silent-1, -1)
	return true
}

// drafts checks what concerns the batch as a whole: keys that are not unique,
// and records that are named twice.
func (c *call) drafts(o *objectType, op string, inputs []recordInput) ([]*draft, *Error) {
	list := make([]*draft, len(inputs))
	seen := make(map[string]bool, len(inputs))
	var twice []string
	for i, in := range inputs {
		d := &draft{in: in}
		list[i] = d
		if op == OpCreate {
			continue
		}
		if op == OpUpsert {
			d.in.Associations = nil
		}
		if in.IDProperty != "" || op == OpUpsert {
			d.key = o.key(in.IDProperty)
			if d.key == nil || (op == OpUpdate && d.key.name == "email") {
				return nil, nonUnique(o, in.IDProperty, c.PortalID())
			}
		}
		id := string(in.ID)
		if d.key != nil {
			id = c.store.fold(d.key, id)
		}
		if seen[id] {
			twice = append(twice, id)
		}
		seen[id] = true
	}
	if len(twice) > 0 {
		return nil, invalid("Duplicate IDs found in batch input: [" + strings.Join(twice, ", ") + "]. IDs must be unique")
	}
	return list, nil
}

// refusal decides whether one bad record refuses the whole batch: always
// without trace ids, and with them where a conflict meets an update or upsert
// or the key is an e-mail address.
func (c *call) refusal(op string, drafts []*draft) *Error {
	sw := &c.store.switches
	isolated := !sw.wholeBatches && traced(drafts)
	for _, d := range drafts {
		if d.key != nil && d.key.name == "email" {
			isolated = false
		}
	}
	for _, d := range drafts {
		switch {
		case d.err == nil:
		case d.err.conflict && (!isolated || (op != OpCreate && !sw.isolateConflicts)):
			whole := *d.err
			whole.Status, whole.Category = http.StatusConflict, "CONFLICT"
			return &whole
		case !isolated:
			return d.err
		}
	}
	return nil
}

// traced tells whether each draft has a trace id of its own.
func traced(drafts []*draft) bool {
	seen := make(map[string]bool, len(drafts))
	for _, d := range drafts {
		if d.in.Trace == "" || seen[d.in.Trace] {
			return false
		}
		seen[d.in.Trace] = true
	}
	return true
}

// archiveMany serves batch/archive, which tells nothing about its records.
func (c *call) archiveMany(o *objectType) *Error {
	c.calls.count(CallArchiveMany, o.name)
	var in struct {
		Inputs []idRef `json:"inputs"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if len(in.Inputs) > maxBatch {
		return tooLarge(maxBatch, len(in.Inputs))
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	for _, ref := range in.Inputs {
		if n, ok := c.store.seen(o).find(string(ref.ID)); ok {
			c.store.archive(o, n)
			c.store.noteRow(o, n, OpArchive)
		}
	}
	c.status = http.StatusNoContent
	return nil
}
