package state

import (
	"strings"
)

// Key returns the key of the hold: system, object and flow, record and field,
// each escaped. The record is hub:ID where the hub record is known, else the
// remote id.
func (h Hold) Key() string {
	return holdPrefix(h.System, h.Object, h.Flow, h.Hub, h.Remote) + escape(h.Field)
}

func holdPrefix(system, object string, flow Flow, hub HubID, remote string) string {
	subject := escape(remote)
	if hub != 0 {
		subject = "hub:" + hub.String()
	}
	return escape(system) + "/" + escape(object) + "/" + flow.String() + "/" + subject + "/"
}

func (tx *Tx) holds() *table { return tx.table("hold") }

// holdsState says whether there is any hold at all: mostly there is none, and
// then no record has to be looked up.
type holdsState uint8

const (
	holdsUnknown holdsState = iota
	holdsNone
	holdsSome
)

func (tx *Tx) noHolds() bool {
	if tx.idle == holdsUnknown {
		tx.idle = holdsNone
		if t := tx.holds(); t.b != nil {
			if key, _ := t.b.Cursor().First(); key != nil {
				tx.idle = holdsSome
			}
		}
	}
	return tx.idle == holdsNone
}

func (tx *Tx) events() *table { return tx.table("event") }

func eventKey(h Hold) []byte { return []byte(escape(h.Event) + " " + h.Key()) }

// holdCount counts the holds of a system that are dropped, or are not; of all
// systems where system is empty.
func (tx *Tx) holdCount(system string, dropped bool) *counter {
	name := "hold"
	if dropped {
		name = "dropped"
	}
	return tx.counter(bucketName(name, system), func() (n uint64) {
		_ = tx.EachHold(system, func(h Hold) error {
			n += bit(h.Dropped == dropped)
			return nil
		})
		return n
	})
}

func (tx *Tx) countHold(h Hold, by int) {
	tx.holdCount(h.System, h.Dropped).add(by)
	tx.holdCount("", h.Dropped).add(by)
}

// CountHolds returns how many holds of a system are not dropped; of all systems
// where system is empty.
func (tx *Tx) CountHolds(system string) int { return int(tx.holdCount(system, false).n) }

// CountDropped returns how many holds of a system are dropped; of all systems
// where system is empty.
func (tx *Tx) CountDropped(system string) int { return int(tx.holdCount(system, true).n) }

// PutHold stores a hold under its key. One that is there already keeps the time
// since when it holds.
func (tx *Tx) PutHold(h Hold) error {
	key := h.Key()
	for _, dropped := range []bool{false, true} { // counted before the row is there
		tx.holdCount(h.System, dropped)
		tx.holdCount("", dropped)
	}
	if old, ok := tx.Hold(key); ok {
		if !old.Since.IsZero() {
			h.Since = old.Since
		}
		tx.countHold(old, -1)
		if err := tx.dropEvent(old); err != nil {
			return err
		}
	}
	tx.countHold(h, 1)
	if h.Event != "" {
		if err := tx.events().put(eventKey(h), nil); err != nil {
			return err
		}
	}
	tx.idle = holdsSome
	return tx.holds().putJSON([]byte(key), h)
}

func (tx *Tx) dropEvent(h Hold) error {
	if h.Event == "" {
		return nil
	}
	return tx.events().del(eventKey(h))
}

// DeleteHold ends the hold with this key. It is no error when there is none.
func (tx *Tx) DeleteHold(key string) error {
	h, ok := tx.Hold(key)
	if !ok {
		return nil
	}
	tx.countHold(h, -1)
	if err := tx.dropEvent(h); err != nil {
		return err
	}
	return tx.holds().del([]byte(key))
}

// Hold returns the hold with this key.
func (tx *Tx) Hold(key string) (Hold, bool) {
	var h Hold
	ok := tx.holds().getNoted([]byte(key), &h)
	return h, ok
}

// HoldsOf returns the holds of one record of a system in one flow: those kept
// under its hub id, then those kept under its remote id.
func (tx *Tx) HoldsOf(system, object string, flow Flow, hub HubID, remote string) []Hold {
	if tx.noHolds() {
		return nil
	}
	var found []Hold
	if hub != 0 {
		found = tx.holdsUnder(found, holdPrefix(system, object, flow, hub, ""))
	}
	if remote != "" {
		found = tx.holdsUnder(found, holdPrefix(system, object, flow, 0, remote))
	}
	return found
}

func (tx *Tx) holdsUnder(found []Hold, prefix string) []Hold {
	err := tx.eachHold(prefix, func(h Hold) error {
		found = append(found, h)
		return nil
	})
	if err != nil {
		tx.note(err)
	}
	return found
}

// HoldsFor returns the holds that wait for this event.
func (tx *Tx) HoldsFor(event string) []Hold {
	if tx.noHolds() {
		return nil
	}
	var found []Hold
	err := tx.events().walk(nil, []byte(escape(event)+" "), func(key, _ []byte, damage error) error {
		if damage != nil {
			return damage
		}
		_, holdKey, _ := strings.Cut(string(key), " ")
		if h, ok := tx.Hold(holdKey); ok {
			found = append(found, h)
		}
		return nil
	})
	if err != nil {
		tx.note(err)
	}
	return found
}

// EachHold calls fn for each hold of a system, of all where system is empty, in
// the order of their keys.
func (tx *Tx) EachHold(system string, fn func(Hold) error) error {
	prefix := ""
	if system != "" {
		prefix = escape(system) + "/"
	}
	return tx.eachHold(prefix, fn)
}

func (tx *Tx) eachHold(prefix string, fn func(Hold) error) error {
	t := tx.holds()
	return t.walk(nil, []byte(prefix), func(key, payload []byte, damage error) error {
		var h Hold
		if damage == nil {
			damage = t.unJSON(key, payload, &h)
		}
		if damage != nil {
			return damage
		}
		return fn(h)
	})
}
