package state

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/bbolt"
)

// verifyStep is how many rows one transaction of Verify reads.
const verifyStep = 5000

// maxDamages bounds the list: a file that is worse is put back, not read.
const maxDamages = 1000

// verifier is one pass over everything.
type verifier struct {
	s      *Store
	found  []Damage
	done   int
	total  int
	report func(done, total int)
}

// Verify reads every row and returns what is wrong: checksums that do not fit,
// packed values that cannot be, an index and its rows that do not agree, counts
// that are off, and what bbolt's own check finds. progress may be nil.
//
// On a damaged file it may end the process: bbolt checks its pages in a
// goroutine in which nothing can catch a fault. It is for a process that has
// nothing else to do, on the file or on an Image of it.
func (s *Store) Verify(ctx context.Context, progress func(done, total int)) ([]Damage, error) {
	return s.verify(ctx, progress, (*verifier).pages)
}

// VerifyRows is Verify without bbolt's own check. It works in short transactions
// beside everything else and ends no process.
func (s *Store) VerifyRows(ctx context.Context, progress func(done, total int)) ([]Damage, error) {
	return s.verify(ctx, progress, func(*verifier) error { return nil })
}

func (s *Store) verify(ctx context.Context, progress func(done, total int), pages func(*verifier) error) ([]Damage, error) {
	if progress == nil {
		progress = func(int, int) {}
	}
	v := &verifier{s: s, report: progress}
	before := uint64(0)
	var names []string
	err := s.View(func(tx *Tx) error {
		before = uint64(tx.b.ID())
		tx.eachTable("", func(t *table) {
			names = append(names, t.name)
			v.total += int(t.rows())
		})
		return nil
	})
	for _, name := range names {
		if err == nil {
			err = v.bucket(ctx, name)
		}
	}
	if err == nil && len(v.found) == 0 {
		err = s.View(func(tx *Tx) error {
			if uint64(tx.b.ID()) == before {
				v.counts(tx)
			}
			return ctx.Err()
		})
	}
	if err == nil && len(v.found) == 0 {
		err = pages(v)
	}
	if errors.Is(err, ErrDamaged) {
		v.add(Damage{Bucket: "file " + s.path, Problem: err.Error()})
		err = nil
	}
	if err != nil {
		return v.found, fmt.Errorf("verify the state: %w", err)
	}
	return v.found, nil
}

func (v *verifier) add(d Damage) {
	if len(v.found) < maxDamages {
		v.found = append(v.found, d)
	}
}

// bucket checks the rows of one bucket, some at a time.
func (v *verifier) bucket(ctx context.Context, name string) error {
	var from []byte
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := 0
		err := v.s.View(func(tx *Tx) error {
			t := tx.table(name)
			check := checker(tx, name)
			return t.walk(from, nil, func(key, payload []byte, damage error) error {
				if n == verifyStep {
					return ErrStop
				}
				n++
				from = append(append(from[:0], key...), 0)
				if damage == nil {
					damage = check(t, key, payload)
				}
				if damage != nil {
					v.add(damageOf(t, key, damage))
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		v.done += n
		v.report(min(v.done, v.total), v.total)
		if n < verifyStep {
			return nil
		}
	}
}

func damageOf(t *table, key []byte, err error) Damage {
	var d *DamageError
	if errors.As(err, &d) {
		return Damage{d.Bucket, d.Key, d.Problem}
	}
	return Damage{t.name, keyText(key), err.Error()}
}

// rowCheck checks one row whose checksum is right.
type rowCheck func(t *table, key, payload []byte) error

// checker returns the check for the rows of a bucket.
func checker(tx *Tx, name string) rowCheck {
	kind, of, _ := strings.Cut(name, "/")
	side := func(kind string) *table { return tx.table(kind + "/" + of) }
	switch kind {
	case "hub":
		return checkHub(side("change"))
	case "change":
		return checkChange(side("hub"))
	case "key":
		return checkKey(side("hub"))
	case "keyrun":
		object, _, _ := strings.Cut(of, "/")
		return checkRun(tx.table("key/"+object), checkKey(tx.table("hub/"+object)))
	case "link":
		base := strings.TrimSuffix(of, spareSuffix)
		return checkLink(tx.table("remote/"+base), tx.linkRows("link/"+base))
	case "remote":
		return checkRemote(tx.linkRows("link/" + of))
	case "intent":
		return checkIntent
	case "answered":
		return checkSpans
	case "hold":
		return checkHold(tx)
	case "event":
		return checkEvent(tx)
	}
	return checkPacked(kind)
}

func checkJSON(payload []byte) error {
	if !json.Valid(payload) {
		return errShort
	}
	return nil
}

func checkLen(key []byte, n int) error {
	if len(key) != n {
		return errShort
	}
	return nil
}

// checkPacked checks rows that no other row points to.
func checkPacked(kind string) rowCheck {
	return func(_ *table, key, payload []byte) (err error) {
		switch kind {
		case "meta", "merge", "fold", "run", "position", "plan":
			err = checkJSON(payload)
		case "intent":
			_, _, _, err = unpackIntents(payload)
		case "journal", "journalof", "journalnew", "journalrun", "journalkept":
			err = checkJournal(kind, key, payload)
		case "excluded":
			_, err = unpackExcluded(payload)
		case "planrow":
			_, err = unpackPlanRow(1, payload)
		case "spool":
			err = eachEntry(payload, func(int, []byte) {})
		case "count":
			_, _, err = ReadUvarint(payload)
		case "child":
			err = checkLen(key, 16)
		case "flip":
			err = checkLen(key, dayLen+8)
		case "when":
			_, _, err = unpackWhen(payload)
		case "fact", "name", "config", "remotekey", "wake", asideRows:
		default:
			err = errors.New("a bucket that this version does not know")
		}
		return err
	}
}

// checkJournal checks a value of the journal, a row of one of its indexes, or
// what was kept of it.
func checkJournal(kind string, key, payload []byte) (err error) {
	switch kind {
	case "journalof", "journalnew":
		_, err = unpackPosts(0, payload, nil)
	case "journalrun":
		_, err = readSpan(key, payload)
	case "journalkept":
		_, err = unpackKept(payload)
	default:
		_, err = unpackJournal(1, payload)
	}
	return err
}

func checkHub(changes *table) rowCheck {
	var rec HubRecord
	return func(_ *table, key, payload []byte) error {
		if err := unpackHub(payload, &rec); err != nil {
			return err
		}
		at, ok, err := changes.get(numberKey(rec.Number))
		id, _, _ := ReadUvarint(at)
		if err == nil && (!ok || numberText(key) != HubID(id).String()) {
			return fmt.Errorf("its change number %d is not in the index", rec.Number)
		}
		return nil
	}
}

func checkChange(hub *table) rowCheck {
	return func(_ *table, key, payload []byte) error {
		id, _, err := ReadUvarint(payload)
		if err != nil {
			return err
		}
		row, ok, err := hub.get(numberKey(id))
		if err == nil && (!ok || fmt.Sprint(hubNumber(row)) != numberText(key)) {
			return fmt.Errorf("hub record %d does not have this change number", id)
		}
		return nil
	}
}

func checkKey(hub *table) rowCheck {
	return func(_ *table, key, _ []byte) error {
		if len(key) != keyRowSize {
			return errShort
		}
		if !hub.has(key[keyPrefixSize:]) {
			return fmt.Errorf("there is no hub record %s", numberText(key[keyPrefixSize:]))
		}
		return nil
	}
}

func checkRun(keys *table, check rowCheck) rowCheck {
	return func(_ *table, _, payload []byte) error {
		run := keyRun(payload)
		if len(payload)%runRowSize != 0 {
			return errShort
		}
		for i := range run.len() {
			if err := firstError(run.check(keys, i), check(keys, run.row(i), nil)); err != nil {
				return err
			}
		}
		return nil
	}
}

func checkLink(remotes *table, rows *linkRows) rowCheck {
	var link Link
	return func(t *table, key, payload []byte) error {
		_, bad := unpackLink(payload, &link)
		if err := firstError(bad, rows.checkHome(t, key)); err != nil {
			return err
		}
		link.Hub = HubID(binary.BigEndian.Uint64(key))
		at, ok, err := remotes.get([]byte(link.Remote))
		row, unread := unpackRemote(at)
		switch broken := err != nil || (ok && unread != nil); {
		case broken:
			return nil // reported with the index row
		case ok && row == rowOf(&link):
			return nil
		case link.State == LinkClosed && row.hub != link.Hub:
			return nil // another link may have its remote id by now
		case !ok || row.hub != link.Hub:
			return fmt.Errorf("its remote id %q is not in the index", link.Remote)
		}
		return fmt.Errorf("the index says something else of its remote id %q", link.Remote)
	}
}

func checkRemote(links *linkRows) rowCheck {
	return func(_ *table, key, payload []byte) error {
		at, err := unpackRemote(payload)
		if err != nil {
			return err
		}
		row, ok, damage := links.get(numberKey(uint64(at.hub)))
		// A damaged link is reported with its own row.
		head, bad := readLinkHead(row)
		if !ok || damage == nil && bad == nil && string(head.remote) != string(key) {
			return fmt.Errorf("hub record %d is not linked to it", at.hub)
		}
		return nil
	}
}

func checkHold(tx *Tx) rowCheck {
	return func(t *table, key, payload []byte) error {
		var h Hold
		if err := t.unJSON(key, payload, &h); err != nil {
			return err
		}
		if h.Key() != string(key) || h.Event != "" && !tx.events().has(eventKey(h)) {
			return errors.New("it is not in the index of events")
		}
		return nil
	}
}

func checkEvent(tx *Tx) rowCheck {
	return func(_ *table, key, _ []byte) error {
		_, holdKey, _ := strings.Cut(string(key), " ")
		if !tx.holds().has([]byte(holdKey)) {
			return errors.New("there is no such hold")
		}
		return nil
	}
}

func numberText(key []byte) string {
	if len(key) != 8 {
		return ""
	}
	return fmt.Sprint(binary.BigEndian.Uint64(key))
}

// pages lets bbolt check its pages. Writers wait meanwhile, because the check
// reads their list of free pages. It comes last and only where every row could
// be read: it works in a goroutine of its own, where a fault would be fatal.
func (v *verifier) pages() error {
	if !v.s.opt.ReadOnly {
		v.s.writing.Lock()
		defer v.s.writing.Unlock()
		if err := v.s.refused(); err != nil {
			return err
		}
	}
	return guard(v.s.path, func() error {
		b, err := v.s.db.Begin(!v.s.opt.ReadOnly)
		if err != nil {
			return err
		}
		defer func() { _ = b.Rollback() }()
		for err := range b.Check(bbolt.WithKVStringer(noContent{})) {
			v.add(Damage{Bucket: "file " + v.s.path, Problem: err.Error()})
		}
		return nil
	})
}

// counts compares each maintained number with what it counts. It is called only
// where nothing was written since the rows were read.
func (v *verifier) counts(tx *Tx) {
	counts := tx.table("count")
	_ = counts.walk(nil, nil, func(key, payload []byte, damage error) error {
		n, _, err := ReadUvarint(payload)
		if damage == nil && err == nil {
			v.count(tx, counts, key, n)
		}
		return nil
	})
}

// count compares the number n, kept under key, with what it counts.
func (v *verifier) count(tx *Tx, counts *table, key []byte, n uint64) {
	kind, of, _ := strings.Cut(string(key), "/")
	switch kind {
	case "hub", "link", "excluded":
		rows := tx.table(string(key)).rows()
		if kind == "link" {
			rows = tx.linkRows(string(key)).rows()
		}
		if rows != n {
			v.add(damageOf(counts, key, fmt.Errorf("it says %d and there are %d", n, rows)))
		}
	case "id", "intent", "run", "change":
		if last := v.last(tx, kind, of); last > n {
			v.add(damageOf(counts, key, fmt.Errorf("it says %d and %d is in use", n, last)))
		}
	}
}

func (v *verifier) last(tx *Tx, kind, of string) uint64 {
	switch kind {
	case "id":
		return tx.table("hub/" + of).lastKey()
	case "intent":
		return tx.table("intent/" + of).lastBatch()
	case "run":
		return tx.runs().lastKey()
	}
	var highest uint64
	tx.eachTable("change/", func(t *table) { highest = max(highest, t.lastKey()) })
	return highest
}

// noContent keeps keys and values out of bbolt's messages.
type noContent struct{}

// KeyToString hides a key.
func (noContent) KeyToString([]byte) string { return "[key]" }

// ValueToString hides a value.
func (noContent) ValueToString([]byte) string { return "[value]" }
