package state

import (
	"encoding/binary"
	"errors"
)

// spans are the batches of intents that are answered, as ranges of their
// numbers. They are one short row, because a row for each batch would be more
// pages for each commit. Where the row is damaged, no batch is answered: each is
// looked up again, which does no harm.
type spans [][2]uint64

func (tx *Tx) answeredTable() *table { return tx.table("answered") }

func answeredKey(system, object string) []byte { return []byte(escape(system) + "/" + escape(object)) }

func (tx *Tx) answered(system, object string) spans {
	payload, _, err := tx.answeredTable().get(answeredKey(system, object))
	if err != nil {
		return nil
	}
	sp, err := unpackSpans(payload)
	if err != nil {
		return nil
	}
	return sp
}

func (sp spans) has(batch uint64) bool {
	for _, s := range sp {
		if s[0] <= batch && batch <= s[1] {
			return true
		}
	}
	return false
}

// add takes a batch in.
func (sp spans) add(batch uint64) spans {
	if sp.has(batch) {
		return sp
	}
	if n := len(sp); n > 0 && sp[n-1][1]+1 == batch {
		sp[n-1][1] = batch
		return sp
	}
	return append(sp, [2]uint64{batch, batch})
}

func (sp spans) pack() (b []byte) {
	for _, s := range sp {
		b = binary.AppendUvarint(binary.AppendUvarint(b, s[0]), s[1]-s[0])
	}
	return b
}

func unpackSpans(b []byte) (sp spans, err error) {
	for len(b) > 0 {
		var first, more uint64
		if first, b, err = ReadUvarint(b); err != nil {
			return nil, err
		}
		if more, b, err = ReadUvarint(b); err != nil || first+more < first {
			return nil, errShort
		}
		sp = append(sp, [2]uint64{first, first + more})
	}
	return sp, nil
}

func checkSpans(_ *table, _, payload []byte) error {
	_, err := unpackSpans(payload)
	return err
}

// AnswerIntents closes a batch whose outcome is known and keeps what it holds
// until DropAnswered, for answers in a spool that refer to it instead of saying
// it again.
func (tx *Tx) AnswerIntents(system, object string, batch uint64) error {
	return tx.answeredTable().put(answeredKey(system, object), tx.answered(system, object).add(batch).pack())
}

// ReopenIntents makes all batches open again that AnswerIntents closed, because
// the answers are lost.
func (tx *Tx) ReopenIntents(system, object string) error {
	return tx.answeredTable().del(answeredKey(system, object))
}

// HasAnswered reports whether there is anything for DropAnswered to remove.
func (tx *Tx) HasAnswered(system, object string) bool { return len(tx.answered(system, object)) > 0 }

// DropAnswered removes the batches that AnswerIntents closed.
func (tx *Tx) DropAnswered(system, object string) error {
	t, answered := tx.intents(system, object), tx.answered(system, object)
	open := false
	err := t.walk(nil, nil, func(key, _ []byte, _ error) error {
		if open = !answered.has(batchOf(key)); open {
			return ErrStop
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case !open:
		return errors.Join(t.drop(), tx.ReopenIntents(system, object))
	}
	err = t.walk(nil, nil, func(key, _ []byte, _ error) error {
		if answered.has(batchOf(key)) {
			return t.del(key)
		}
		return nil
	})
	return errors.Join(err, tx.ReopenIntents(system, object))
}
