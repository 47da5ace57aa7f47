package state

import "fmt"

func routeKey(system, object string, flow Flow) []byte {
	return []byte(escape(system) + "/" + escape(object) + "/" + flow.String())
}

// Position returns how far an object of a system is settled in one flow. A
// damaged one is an ErrDamaged: the route begins anew.
func (tx *Tx) Position(system, object string, flow Flow) (Position, bool, error) {
	var p Position
	ok, err := tx.table("position").getJSON(routeKey(system, object, flow), &p)
	if err != nil {
		return Position{}, false, fmt.Errorf("read the position of %s/%s: %w", system, object, err)
	}
	return p, ok, nil
}

// SetPosition stores how far an object of a system is settled in one flow. It
// must be the last thing to move: what it passes is never looked at again.
func (tx *Tx) SetPosition(system, object string, flow Flow, p Position) error {
	return tx.table("position").putJSON(routeKey(system, object, flow), p)
}
