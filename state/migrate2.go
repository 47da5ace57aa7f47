package state

import (
	"bytes"
	"encoding/json"
	"strings"
)

// The second format keeps positions and holds by flow, and remembers which
// objects have had their first contact. Links, hub records, intents and plans of
// the first one are read as they are, and brought to the second whenever they
// are written: a file of a million links opens as fast as any.

// choiceName is what only the position of a push has.
const choiceName = "choice"

// migrateTwo brings a file from the first format to the second.
func migrateTwo(tx *Tx) error {
	pushed, err := migratePositions(tx)
	if err != nil {
		return err
	}
	if err := migrateHolds(tx, pushed); err != nil {
		return err
	}
	if err := migrateContact(tx); err != nil {
		return err
	}
	return migrateJournal(tx)
}

// rekeyed is a row on its way to another key, or to none.
type rekeyed struct{ from, to, payload []byte }

func (t *table) rekey(rows []rekeyed) error {
	for _, r := range rows {
		if err := t.del(r.from); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if r.to == nil {
			continue
		}
		if err := t.put(r.to, r.payload); err != nil {
			return err
		}
	}
	return nil
}

// migratePositions returns the objects, escaped as system/object, that are
// pushed to. A damaged position is as good as none.
func migratePositions(tx *Tx) (pushed map[string]bool, err error) {
	pushed = map[string]bool{}
	t := tx.table("position")
	var rows []rekeyed
	err = t.walk(nil, nil, func(key, payload []byte, damage error) error {
		var p Position
		if damage != nil || json.Unmarshal(payload, &p) != nil {
			rows = append(rows, rekeyed{from: bytes.Clone(key)})
			return nil //nolint:nilerr // the route begins anew
		}
		flow := FlowPull
		if _, push := p.Fields[choiceName]; push {
			flow, pushed[string(key)] = FlowPush, true
		}
		rows = append(rows, rekeyed{bytes.Clone(key), []byte(string(key) + "/" + flow.String()), bytes.Clone(payload)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return pushed, t.rekey(rows)
}

// migrateHolds gives each hold its flow: that of the object's position, where it
// has one, else by how it names its record.
func migrateHolds(tx *Tx, pushed map[string]bool) error {
	var holds []Hold
	t := tx.holds()
	err := t.walk(nil, nil, func(key, payload []byte, damage error) error {
		var h Hold
		if damage == nil {
			damage = t.unJSON(key, payload, &h)
		}
		if damage != nil {
			return nil //nolint:nilerr // its record is decided anew
		}
		object := escape(h.System) + "/" + escape(h.Object)
		h.Flow = FlowPull
		if pushed[object] || h.Hub != 0 && tx.table("position").raw([]byte(object+"/"+FlowPull.String())) == nil {
			h.Flow = FlowPush
		}
		holds = append(holds, h)
		return nil
	})
	if err != nil || len(holds) == 0 {
		return err
	}
	if err := t.drop(); err != nil {
		return err
	}
	if err := tx.events().drop(); err != nil {
		return err
	}
	for _, h := range holds {
		if err := t.putJSON([]byte(h.Key()), h); err != nil {
			return err
		}
		if h.Event != "" {
			if err := tx.events().put(eventKey(h), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// migrateContact marks the objects that have links as met before.
func migrateContact(tx *Tx) error {
	var met []string
	tx.eachTable("link/", func(t *table) {
		if key, _ := t.first(); key != nil {
			met = append(met, strings.TrimSuffix(strings.TrimPrefix(t.name, "link/"), spareSuffix))
		}
	})
	for _, object := range met {
		system, name, _ := strings.Cut(object, "/")
		if err := tx.SetMet(unescape(system), unescape(name)); err != nil {
			return err
		}
	}
	return nil
}

// SetMet marks the first contact with an object as over.
func (tx *Tx) SetMet(system, object string) error {
	return tx.SetMeta("met:"+escape(system)+"/"+escape(object), []byte("yes"))
}
