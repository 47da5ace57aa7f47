package salesforce

import (
	"context"
	"encoding/json"
	"strings"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
	"crmsyncd/providers/internal/outcome"
	"crmsyncd/providers/internal/scrub"
)

// The places of what is kept of one record's answer.
const (
	ansID = iota
	ansSuccess
	ansErrors
	ansCode
	ansMessage
)

// note reads a collections answer: one result per record in the order of the
// request. Success is looked at first, for a failed insert may still say that
// it created something.
func (w *write) note(idx []int, body []byte) *providers.Error {
	p, err := jsonwalk.New(jsonwalk.Shape{
		Fields: []string{"id", "success", "errors", "errorCode", "message"},
	}).Walk(body)
	if err != nil {
		return w.unreadable(idx, providers.Errorf(providers.Broken, w.call.op, "read the answer: %w", err))
	}
	if p.Len() != len(idx) {
		return w.unreadable(idx, providers.Errorf(providers.Broken, w.call.op, "%d results for %d records", p.Len(), len(idx)))
	}
	w.answered = true
	for at, i := range idx {
		w.results[i] = w.result(i, p.Row(at))
		if e := w.results[i].Err; e != nil && e.Kind == providers.Transient && retriedOnce(e.Code) {
			w.again = append(w.again, i)
		}
	}
	outcome.Single(w.results, idx)
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

func (w *write) result(i int, row [][]byte) providers.Result {
	if row == nil || string(row[ansSuccess]) != "true" {
		return providers.Result{Err: w.failed(i, row)}
	}
	id, ok := idOf(row[ansID])
	switch {
	case w.call.verb == creating && ok:
		return providers.Result{ID: id}
	case w.call.verb == creating:
		return providers.Result{Err: w.about(i, providers.Errorf(providers.Unknown, w.call.op, "the answer names no id"))}
	}
	if asked, _ := ID18(w.patches[i].ID); asked != id {
		return providers.Result{Err: w.about(i, providers.Errorf(providers.Broken, w.call.op, "the answer is about another record"))}
	}
	return providers.Result{ID: id}
}

// failed returns the error of a record that was not written. Of several faults
// the widest counts, for it reaches further than the record.
func (w *write) failed(i int, row [][]byte) *providers.Error {
	var faults []fault
	if row != nil {
		faults = recordFaults(row)
	}
	if len(faults) == 0 {
		kind := providers.Broken
		if w.call.verb == creating {
			kind = providers.Unknown
		}
		return w.about(i, providers.Errorf(kind, w.call.op, "the answer tells neither success nor an error"))
	}
	var worst *providers.Error
	for _, f := range faults {
		e := recordError(w.call.op, w.call.verb, ref(w.object, w.patches[i].ID), f)
		if worst == nil || e.Kind == providers.Broken && worst.Kind != providers.Broken {
			worst = e
		}
	}
	outcome.Own(worst, &w.patches[i])
	return w.c.said(scrub.Values(worst, &w.patches[i]))
}

func recordFaults(row [][]byte) []fault {
	var list []faultJSON
	if row[ansErrors] != nil {
		_ = json.Unmarshal(row[ansErrors], &list)
	}
	if row[ansCode] != nil {
		var one faultJSON
		one.ErrorCode, _ = jsonwalk.Text(row[ansCode])
		one.Message, _ = jsonwalk.Text(row[ansMessage])
		list = append(list, one)
	}
	var out []fault
	for i := range list {
		if f := list[i].fault(); f.Code != "" {
			out = append(out, f)
		}
	}
	return out
}

// refuseTwins refuses what can only go wrong in one call: two updates of one
// record, and two creates with one value in a unique field. The service refuses
// one of the latter, and which is not told anywhere.
func (w *write) refuseTwins(ctx context.Context) error {
	if w.call.verb == updating {
		w.refuse(w.twins(ownID), "the call names the record twice")
		return nil
	}
	twins := w.twins(identifiers)
	if len(twins) == 0 {
		return nil
	}
	// Identifiers repeat only by mistake, so that asking which field is unique
	// costs a call only then.
	schema, err := w.c.Describe(ctx, w.object)
	if err != nil {
		return err
	}
	for key := range twins {
		if !uniqueField(schema, key.field) {
			delete(twins, key)
		}
	}
	w.refuse(twins, "two records of the call carry one value of a unique field")
	return nil
}

type twinKey struct{ field, value string }

func ownID(keys []twinKey, p *record.Patch) []twinKey {
	id, _ := ID18(p.ID)
	return append(keys, twinKey{"Id", id})
}

func identifiers(keys []twinKey, p *record.Patch) []twinKey {
	for i := range p.Fields {
		if f := &p.Fields[i]; f.Type == record.ID && f.Value.IsSet() {
			keys = append(keys, twinKey{f.Name, f.Value.Text()})
		}
	}
	return keys
}

// twins returns the keys that several patches carry, with those patches.
func (w *write) twins(keys func([]twinKey, *record.Patch) []twinKey) map[twinKey][]int {
	first := make(map[twinKey]int, len(w.patches))
	var out map[twinKey][]int
	var of []twinKey
	for i := range w.patches {
		of = keys(of[:0], &w.patches[i])
		for _, k := range of {
			j, met := first[k]
			if !met {
				first[k] = i
				continue
			}
			if out == nil {
				out = make(map[twinKey][]int)
			}
			if out[k] == nil {
				out[k] = []int{j}
			}
			out[k] = append(out[k], i)
		}
	}
	return out
}

func (w *write) refuse(twins map[twinKey][]int, why string) {
	for key, idx := range twins {
		for _, i := range idx {
			e := providers.Errorf(providers.Rejected, w.call.op, "%s (%s)", why, key.field)
			e.Fields = []string{key.field}
			w.results[i].Err = w.about(i, e)
		}
	}
}

func uniqueField(s providers.Schema, name string) bool {
	for _, f := range s.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.Unique
		}
	}
	return false
}
