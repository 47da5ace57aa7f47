package hubspot

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
	"crmsyncd/providers/internal/outcome"
)

// The places of what is kept of one record's answer.
const (
	ansID = iota
	ansTrace
	ansUpdated
	ansSource
	ansApp
	ansKey
	ansShown
)

// note reads a batch's answer and reconciles it with what was sent: results and
// errors come in any order, and nothing that neither names counts as written.
func (w *write) note(ctx context.Context, idx []int, body []byte) *providers.Error {
	names := w.properties(idx)
	p, faults, e := w.readAnswer(idx, names, body)
	if e != nil {
		return w.unreadable(idx, e)
	}
	said := p.Len() + len(faults)
	w.noteResults(idx, p, w.keyField(idx), names)
	loose := w.noteFaults(idx, faults)
	outcome.Single(w.results, idx)
	left := w.silent(idx)
	switch {
	case len(left) == 0:
		return nil
	case w.call.verb == updating:
		return w.settle(ctx, idx, left, loose)
	}
	return w.doubt(ctx, idx, left, loose, said)
}

// readAnswer reads a batch's answer: the results with these properties, and the
// errors of single records.
func (w *write) readAnswer(idx []int, names []string, body []byte) (*jsonwalk.Page, []fault, *providers.Error) {
	cells := make([]string, 0, ansShown+len(names))
	cells = append(cells, "id", "objectWriteTraceId", "updatedAt", "properties.hs_object_source", "properties.hs_object_source_id",
		"properties."+w.keyField(idx))
	for _, name := range names {
		cells = append(cells, "properties."+name)
	}
	p, err := jsonwalk.New(jsonwalk.Shape{Array: "results", Head: []string{"errors"}, Fields: cells}).Walk(body)
	if err != nil {
		return nil, nil, providers.Errorf(providers.Broken, w.call.op, "read the answer: %w", err)
	}
	faults := parseFaults(p.Head[0])
	if !p.Found && len(faults) == 0 {
		return nil, nil, providers.Errorf(providers.Broken, w.call.op, "the answer holds neither results nor errors")
	}
	return p, faults, nil
}

// keyField is the field by which an answer without trace ids can be told apart:
// the first identifier that is sent.
func (w *write) keyField(idx []int) string {
	for _, f := range w.patches[idx[0]].Fields {
		if f.Type == record.ID && !isAssociation(f.Name) {
			return f.Name
		}
	}
	return idProperty
}

// noteResults takes in what was written.
func (w *write) noteResults(idx []int, p *jsonwalk.Page, key string, names []string) {
	for at := range p.Len() {
		row := p.Row(at)
		if row == nil {
			continue
		}
		id, ok := idOf(row[ansID])
		i, known := w.resultOf(idx, row, id, key)
		switch {
		case !ok || !known:
		case w.call.verb == updating && id != w.patches[i].ID:
			w.fail(i, providers.Errorf(providers.Broken, w.call.op, "the answer is about another record"))
		default:
			w.answered, w.written[i] = true, true
			if w.call.verb == creating {
				w.c.learnApp(row[ansSource], row[ansApp])
			}
			w.results[i].Version = stamp(row[ansUpdated])
			w.results[i].Shown = w.shown(&w.patches[i], names, row[ansShown:])
			if w.call.verb == creating || !hasAssociation(&w.patches[i]) {
				w.results[i].ID = id
			}
		}
	}
}

// resultOf returns the patch that a result is about: by its trace id, by its
// record, or by the identifier that the patch carried.
func (w *write) resultOf(idx []int, row [][]byte, id, key string) (int, bool) {
	if trace, ok := jsonwalk.Text(row[ansTrace]); ok {
		i, ok := placeOf(trace)
		return i, ok && slices.Contains(idx, i)
	}
	value, _ := jsonwalk.Text(row[ansKey])
	for _, i := range idx {
		if w.call.verb == updating {
			if w.patches[i].ID == id {
				return i, true
			}
			continue
		}
		for _, f := range w.patches[i].Fields {
			if f.Name == key && f.Value.IsSet() && f.Value.Text() == value {
				return i, true
			}
		}
	}
	return 0, false
}

// noteFaults takes in what was refused, and returns the errors that name no
// record.
func (w *write) noteFaults(idx []int, faults []fault) (loose []fault) {
	for _, f := range faults {
		about := w.faulted(idx, f)
		for _, i := range about {
			w.fail(i, errorOf(w.call.op, w.call.verb, f))
		}
		if len(about) == 0 {
			loose = append(loose, f)
		}
	}
	return loose
}

// faulted returns the patches that an error names.
func (w *write) faulted(idx []int, f fault) []int {
	var out []int
	for _, trace := range f.Traces {
		if i, ok := placeOf(trace); ok && slices.Contains(idx, i) {
			out = append(out, i)
		}
	}
	if len(out) > 0 || w.call.verb == creating {
		return out
	}
	for _, i := range idx {
		if slices.Contains(f.IDs, w.patches[i].ID) {
			out = append(out, i)
		}
	}
	return out
}

// silent returns the patches that the answer says nothing about.
func (w *write) silent(idx []int) []int {
	var out []int
	for _, i := range idx {
		if w.results[i].Open() && !w.written[i] {
			out = append(out, i)
		}
	}
	return out
}

// doubt ends the creates that the answer says nothing about. Where the numbers
// agree, they are those that the errors without a name are about: certainly not
// made, and sent again one by one. Otherwise they may have been made.
func (w *write) doubt(ctx context.Context, idx, left []int, loose []fault, said int) *providers.Error {
	switch {
	case len(loose) > 0 && said == len(idx) && len(left) == len(loose) && len(left) == 1:
		w.fail(left[0], errorOf(w.call.op, w.call.verb, loose[0]))
		return nil
	case len(loose) > 0 && said == len(idx) && len(left) == len(loose):
		return w.singly(ctx, left)
	}
	e := providers.Errorf(providers.Unknown, w.call.op, "the answer leaves %d of %d records out", len(left), len(idx))
	if !w.answered {
		return e
	}
	for _, i := range left {
		w.results[i].Err = w.about(i, e)
	}
	return nil
}

// settle ends the updates that the answer says nothing about. One that is alone
// with an error is what the error is about; several are sent again one by one.
// Without an error the records are read: an update by an id that is gone does
// nothing and says nothing.
//
// https://github.com/HubSpot/hubspot-api-nodejs/issues/548, last checked 2026-11-22.
func (w *write) settle(ctx context.Context, idx, left []int, loose []fault) *providers.Error {
	switch {
	case len(loose) > 0 && len(left) == 1:
		w.fail(left[0], errorOf(w.call.op, w.call.verb, loose[0]))
		return nil
	case len(loose) > 0 && len(idx) > 1:
		return w.singly(ctx, left)
	}
	ids := make([]string, len(left))
	for n, i := range left {
		ids[n] = w.patches[i].ID
	}
	ask := question{object: w.object, typ: objectType(w.object), names: []string{idProperty}}
	recs, _, err := w.c.readBatch(ctx, call{op: w.call.op, kind: kindGet}, ask, "", ids)
	if err != nil {
		return outcome.AsError(err)
	}
	for _, i := range left {
		there := slices.ContainsFunc(recs, func(r record.Record) bool { return r.ID == w.patches[i].ID })
		if there && !w.answered && len(left) == len(idx) {
			return providers.Errorf(providers.Broken, w.call.op, "the update was taken and nothing was written")
		}
		e := providers.Errorf(providers.Transient, w.call.op, "the record is there, and the answer leaves it out")
		if !there {
			e = &providers.Error{Op: w.call.op, Kind: providers.Missing, Code: "OBJECT_NOT_FOUND", Message: "the record is gone"}
		}
		w.fail(i, e)
	}
	return nil
}

// singly sends patches one by one.
func (w *write) singly(ctx context.Context, idx []int) *providers.Error {
	for _, i := range idx {
		if err := w.send(ctx, []int{i}); err != nil {
			return err
		}
	}
	return nil
}

// unreadable ends a call whose answer says nothing: records may have been made
// by it.
func (w *write) unreadable(idx []int, e *providers.Error) *providers.Error {
	if w.call.verb == creating {
		e.Kind = providers.Unknown
	}
	return w.lost(idx, e)
}

// placeOf reads the trace id of an answer.
func placeOf(trace string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(trace, tracePrefix))
	return n, err == nil && n >= 0
}
