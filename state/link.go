package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"crmsyncd/fieldmap/record"
)

// Field returns what the link knows of field n, or nil. The pointer is valid
// until the next Set.
func (l *Link) Field(n Num) *LinkField {
	if i, ok := l.find(n); ok {
		return &l.Fields[i]
	}
	return nil
}

// Set stores what the link knows of one field.
func (l *Link) Set(f LinkField) {
	i, ok := l.find(f.Field)
	if ok {
		l.Fields[i] = f
		return
	}
	l.Fields = slices.Insert(l.Fields, i, f)
}

// Stands returns what is known to stand in remote field n.
func (l *Link) Stands(n Num) record.There {
	if i, ok := l.findThere(n); ok {
		return l.There[i].There
	}
	return record.There{}
}

// SetStands stores what is known to stand in remote field n.
func (l *Link) SetStands(n Num, t record.There) {
	i, ok := l.findThere(n)
	switch {
	case ok && t.Known == record.Unread:
		l.There = slices.Delete(l.There, i, i+1)
	case ok:
		l.There[i].There = t
	case t.Known != record.Unread && n != 0:
		l.There = slices.Insert(l.There, i, LinkThere{n, t})
	}
}

func (l *Link) findThere(n Num) (int, bool) {
	return search(len(l.There), func(i int) Num { return l.There[i].Field }, n)
}

func (l *Link) find(n Num) (int, bool) {
	return search(len(l.Fields), func(i int) Num { return l.Fields[i].Field }, n)
}

// Links is the links of one object of one system within one transaction. A hub
// record has at most one link there, open or closed, and a remote record at
// most one that is not closed.
type Links struct {
	tx        *Tx
	name      string
	rows      *linkRows
	remotes   *table // remote id → what the index knows of its link
	pending   map[string]remoteRow
	key       []byte // for look-ups
	rewriting bool

	total, open, differ *counter // cached
}

// linksOf names the links of one object of one system.
type linksOf struct{ system, object string }

// Links returns the links of this object of this system.
func (tx *Tx) Links(system, object string) *Links {
	l := tx.links[linksOf{system, object}]
	if l == nil {
		name := bucketName("link", system, object)
		l = &Links{
			tx: tx, name: name,
			rows: tx.linkRows(name), remotes: tx.table("remote", system, object).pack(0),
			pending: map[string]remoteRow{},
		}
		tx.links[linksOf{system, object}] = l
	}
	return l
}

func (l *Links) counted() *counter {
	if l.total == nil {
		l.total = l.tx.counter(l.name, l.rows.rows)
	}
	return l.total
}

func (l *Links) opened() *counter {
	if l.open == nil {
		l.open = l.tx.counter("open"+l.name, l.countOpen)
	}
	return l.open
}

func (l *Links) countOpen() (n uint64) {
	_ = l.Each(0, func(link *Link) error {
		if link.State == LinkOpen {
			n++
		}
		return nil
	})
	return n
}

func (l *Links) differing() *counter {
	if l.differ == nil {
		l.differ = l.tx.counter("differ"+l.name, l.countTolerated)
	}
	return l.differ
}

func (l *Links) countTolerated() (n uint64) {
	_ = l.Each(0, func(link *Link) error { n += uint64(link.tolerated()); return nil })
	return n
}

// Tolerated returns the number of fields of open links that differ and may.
func (l *Links) Tolerated() int { return int(l.differing().n) }

// Count returns the number of links, closed ones as well.
func (l *Links) Count() int { return int(l.counted().n) }

// Open returns the number of open links.
func (l *Links) Open() int { return int(l.opened().n) }

// Get reads the link of a hub record into into, whose Fields it reuses, and
// reports whether there is one. A damaged row is an ErrDamaged, and its digests
// are lost: into then holds the hub id, the remote id as the reverse index has
// it, the state open, and no field.
func (l *Links) Get(hub HubID, into *Link) (bool, error) {
	key := numberKey(uint64(hub))
	payload, ok, err := l.rows.get(key)
	if err == nil && ok {
		err = l.unpack(key, payload, into)
	}
	if err != nil || !ok {
		*into = Link{Hub: hub, Fields: into.Fields[:0], There: into.There[:0]}
	}
	if err != nil {
		into.Remote = l.remoteOf(hub)
	}
	return ok, err
}

// OpenRemote returns the remote id that a hub record is linked with by an open
// link, empty if it has none. A damaged one counts as open, as Get says.
func (l *Links) OpenRemote(hub HubID) string {
	payload, ok, err := l.rows.get(numberKey(uint64(hub)))
	if !ok && err == nil {
		return ""
	}
	head, bad := readLinkHead(payload)
	switch {
	case err != nil || bad != nil || len(head.remote) == 0:
		return l.remoteOf(hub)
	case head.state != LinkOpen:
		return ""
	}
	return string(head.remote)
}

func (l *Links) unpack(key, payload []byte, into *Link) error {
	into.Hub = HubID(binary.BigEndian.Uint64(key))
	one, err := unpackLink(payload, into)
	if err != nil {
		return l.rows.home(key).damage(key, err.Error())
	}
	if one {
		l.tx.s.formatOne().bring(into)
	}
	return nil
}

// remoteOf finds the remote id of a damaged link by a walk over the index.
func (l *Links) remoteOf(hub HubID) (remote string) {
	for r, row := range l.pending {
		if row.hub == hub {
			return r
		}
	}
	_ = l.remotes.walk(nil, nil, func(key, payload []byte, damage error) error {
		if row, err := unpackRemote(payload); damage == nil && err == nil && row.hub == hub {
			remote = string(key)
			return ErrStop
		}
		return nil
	})
	return remote
}

// ByRemote returns the hub record that a remote record is or was last linked
// to.
func (l *Links) ByRemote(remote string) (HubID, bool) {
	row, ok := l.lookUp(remote)
	return row.hub, ok
}

// Put stores a link. It is an ErrClaimed when the remote record is joined to
// another hub record by a link that is not closed.
func (l *Links) Put(link *Link) error {
	if link.Hub == 0 || link.Remote == "" {
		return errors.New("put a link without both ids")
	}
	claim, err := l.claim(link)
	if err != nil {
		return err
	}
	if err := l.replace(link.Hub, link.Remote); err != nil {
		return err
	}
	if l.tx.scratch, err = packLink(l.tx.scratch[:0], link); err != nil {
		return fmt.Errorf("put %s %s: %w", l.name, link.Hub, err)
	}
	put := l.rows.put
	if l.rewriting {
		put = l.rows.rewrite
	}
	if err := put(numberKey(uint64(link.Hub)), l.tx.scratch); err != nil {
		return err
	}
	if link.State == LinkOpen {
		l.opened().add(1)
	}
	if n := link.tolerated(); n > 0 {
		l.differing().add(n)
	}
	l.counted().add(1)
	if claim {
		l.pending[strings.Clone(link.Remote)] = rowOf(link)
	}
	return nil
}

// claim reports whether the index is to be written: to name link's hub record,
// or to tell what changed of it. A closed link leaves the name to whoever has
// it.
func (l *Links) claim(link *Link) (bool, error) {
	holder, ok := l.lookUp(link.Remote)
	if !ok || holder.hub == link.Hub {
		return !ok || holder != rowOf(link), nil
	}
	if link.State == LinkClosed {
		return false, nil
	}
	var other Link
	found, err := l.Get(holder.hub, &other)
	if err != nil {
		return false, err
	}
	if found && other.State != LinkClosed && other.Remote == link.Remote {
		return false, fmt.Errorf("link %s of hub record %s: %w, that of hub record %s", link.Remote, link.Hub, ErrClaimed, holder.hub)
	}
	return true, nil
}

// replace takes the present row of hub out of the counts, and its remote id out
// of the index unless that stays.
func (l *Links) replace(hub HubID, remote string) error {
	opened, counted, differing := l.opened(), l.counted(), l.differing()
	key := numberKey(uint64(hub))
	payload, ok, err := l.rows.get(key)
	if !ok {
		return err
	}
	counted.add(-1)
	head, bad := readLinkHead(payload)
	was := head.remote
	switch {
	case err != nil || bad != nil:
		// What the damaged row had is not known; count the others.
		opened.n, opened.dirty = l.countOpen(), true
		differing.n, differing.dirty = l.countTolerated(), true
		was = []byte(l.remoteOf(hub))
	case head.state == LinkOpen:
		opened.add(-1)
		if head.tolerated > 0 {
			differing.add(-head.tolerated)
		}
	}
	if string(was) == remote || len(was) == 0 {
		return nil
	}
	return l.release(string(was), hub)
}

// release takes a remote id out of the index if it names hub.
func (l *Links) release(remote string, hub HubID) error {
	if id, ok := l.ByRemote(remote); !ok || id != hub {
		return nil
	}
	delete(l.pending, remote)
	return l.remotes.del([]byte(remote))
}

// Delete removes the link of a hub record as if it had never been.
func (l *Links) Delete(hub HubID) error {
	if err := l.replace(hub, ""); err != nil {
		return err
	}
	return l.rows.del(numberKey(uint64(hub)))
}

// Each calls fn for each link from the hub id from on. The link is reused for
// the next one. Damaged links are left out, and an ErrDamaged that names the
// first of them is returned in the end.
func (l *Links) Each(from HubID, fn func(*Link) error) error {
	var link Link
	var lost error
	err := l.rows.walk(numberKey(uint64(from)), func(key, payload []byte, damage error) error {
		if damage == nil {
			damage = l.unpack(key, payload, &link)
		}
		if damage != nil {
			lost = firstError(lost, damage)
			return nil
		}
		return fn(&link)
	})
	return firstError(err, lost)
}

// flush puts the collected remote ids into the index, in its order.
func (l *Links) flush() error {
	remotes := make([]string, 0, len(l.pending))
	for r := range l.pending {
		remotes = append(remotes, r)
	}
	slices.Sort(remotes)
	if l.tx.merging && len(remotes) > 0 && l.remotes.endsBefore(remotes[0]) {
		l.remotes.pack(fillMerge) // a first load, in order
	}
	for _, r := range remotes {
		if err := l.remotes.put([]byte(r), packRemote(l.pending[r])); err != nil {
			return err
		}
	}
	clear(l.pending)
	return nil
}
