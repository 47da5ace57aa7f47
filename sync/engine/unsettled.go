package engine

import (
	"crmsyncd/fieldmap/record"
	"crmsyncd/state"
)

// lookedUp is what the state knows of a record that a page brought.
type lookedUp struct {
	raw     record.Digest
	hub     state.HubID
	linked  bool
	settled bool // nothing changed since every field of it was settled
}

// halvePage is the size from which a page is looked up by two at once: the time
// goes into waiting for memory, all over the index.
const halvePage = 100

// unsettled returns the records whose raw digest is not the settled one.
func (p *puller) unsettled(recs []record.Record) ([]freshRecord, error) {
	if cap(p.looked) < len(recs) {
		p.looked = make([]lookedUp, len(recs))
	}
	looked := p.looked[:len(recs)]
	if err := p.lookUpAll(recs, looked); err != nil {
		return nil, err
	}
	askAll := p.req.Full && len(p.costly) > 0
	var fresh []freshRecord
	for i := range looked {
		l := &looked[i]
		if l.linked {
			p.seen.set(uint64(l.hub))
		}
		if !l.settled || askAll {
			fresh = append(fresh, freshRecord{i, l.raw})
		}
	}
	return fresh, nil
}

func (p *puller) lookUpAll(recs []record.Record, out []lookedUp) error {
	half := len(recs) / 2
	if len(recs) < halvePage {
		half = len(recs)
	}
	var other error
	var panicked any
	done := make(chan struct{})
	if half < len(recs) {
		go func() {
			defer close(done)
			defer func() { panicked = recover() }()
			other = p.lookUp(recs[half:], out[half:], nil)
		}()
	} else {
		close(done)
	}
	err := p.lookUp(recs[:half], out[:half], &p.rawBuf)
	<-done
	if panicked != nil {
		panic(panicked)
	}
	if err != nil {
		return err
	}
	return other
}

// lookUp compares records with the state. In a full run the link itself is
// looked at too, for its digests may be damaged.
func (p *puller) lookUp(recs []record.Record, out []lookedUp, buf *[]byte) error {
	var own []byte
	if buf == nil {
		buf = &own
	}
	return p.opt.Store.View(func(tx *state.Tx) error {
		links := tx.Links(p.req.System, p.r.Object)
		for i := range recs {
			l := &out[i]
			l.raw, *buf = p.key.Raw(p.r.Fingerprint, &recs[i], *buf)
			hub, settled, st, ok := links.Peek(recs[i].ID)
			l.hub, l.linked = hub, ok
			l.settled = ok && settled == l.raw && st == state.LinkOpen && (!p.req.Full || links.Sound(hub))
		}
		return nil
	})
}
