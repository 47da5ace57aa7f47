package state

import (
	"encoding/binary"
	"fmt"

	"crmsyncd/fieldmap/record"
)

func (tx *Tx) plans() *table { return tx.table("plan") }

func (tx *Tx) planRows(id string) *table { return tx.table("planrow", id) }

// PutPlan stores a plan under its id.
func (tx *Tx) PutPlan(p Plan) error { return tx.plans().putJSON([]byte(p.ID), p) }

// Plan returns the plan with this id.
func (tx *Tx) Plan(id string) (Plan, bool) {
	var p Plan
	ok := tx.plans().getNoted([]byte(id), &p)
	return p, ok
}

// Plans returns all plans in the order of their ids.
func (tx *Tx) Plans() []Plan {
	t := tx.plans()
	var found []Plan
	err := t.walk(nil, nil, func(key, payload []byte, damage error) error {
		var p Plan
		if damage == nil {
			damage = t.unJSON(key, payload, &p)
		}
		found = append(found, p)
		return damage
	})
	if err != nil {
		tx.note(err)
		return nil
	}
	return found
}

// AddPlanRows adds records to a plan.
func (tx *Tx) AddPlanRows(id string, rows []PlanRow) error {
	t := tx.planRows(id)
	for _, r := range rows {
		if err := t.put(numberKey(uint64(r.Hub)), packPlanRow(tx.scratch[:0], r)); err != nil {
			return fmt.Errorf("add to plan %s: %w", id, err)
		}
	}
	return nil
}

// PlanRow returns the record of a plan for this hub record.
func (tx *Tx) PlanRow(id string, hub HubID) (PlanRow, bool) {
	t, key := tx.planRows(id), numberKey(uint64(hub))
	payload, ok, err := t.get(key)
	if ok && err == nil {
		var r PlanRow
		if r, err = unpackPlanRow(hub, payload); err == nil {
			return r, true
		}
		err = t.damage(key, err.Error())
	}
	if err != nil {
		tx.note(err)
	}
	return PlanRow{}, false
}

// EachPlanRow calls fn for each record of a plan in the order of their hub ids.
func (tx *Tx) EachPlanRow(id string, fn func(PlanRow) error) error {
	t := tx.planRows(id)
	return t.walk(nil, nil, func(key, payload []byte, damage error) error {
		if damage != nil {
			return damage
		}
		r, err := unpackPlanRow(HubID(binary.BigEndian.Uint64(key)), payload)
		if err != nil {
			return t.damage(key, err.Error())
		}
		return fn(r)
	})
}

// DropPlan removes a plan with all its records.
func (tx *Tx) DropPlan(id string) error {
	if err := tx.planRows(id).drop(); err != nil {
		return err
	}
	return tx.plans().del([]byte(id))
}

// planRowVersion is that of a packed row with values. One of the first format
// has the names of its fields alone.
const planRowVersion = 2

func packPlanRow(b []byte, r PlanRow) []byte {
	b = binary.LittleEndian.AppendUint64(append(b, planRowVersion), uint64(r.Digest))
	b = binary.AppendUvarint(b, uint64(r.Edition))
	b = binary.AppendUvarint(b, uint64(len(r.Fields)))
	for _, f := range r.Fields {
		b = append(AppendString(b, f.Name), f.Reason)
		b = binary.AppendUvarint(b, uint64(f.Rule))
		b = AppendValue(AppendValue(b, f.Old), f.New)
	}
	return b
}

func unpackPlanRow(hub HubID, b []byte) (PlanRow, error) {
	in := &reader{b: b}
	version := in.byte()
	in.bad = in.bad || version != planRowVersion && version != packedVersion
	r := PlanRow{Hub: hub, Digest: record.Digest(in.fixed())}
	if version == planRowVersion {
		r.Edition = int(in.uvarint())
	}
	for n := in.count(); n > 0 && !in.bad; n-- {
		f := PlanField{Name: in.string()}
		if version == planRowVersion {
			f.Reason, f.Rule, f.Old, f.New = in.byte(), in.short(), in.value(), in.value()
		}
		r.Fields = append(r.Fields, f)
	}
	return r, in.end()
}
