package state

import (
	"encoding/binary"
	"slices"
	"testing"

	"crmsyncd/fieldmap/record"
)

// PackedSize returns the bytes of the packed rows of a record and its link,
// with their keys and checksums.
func PackedSize(r *HubRecord, l *Link) int64 {
	hub, _ := packHub(nil, r)
	link, _ := packLink(nil, l)
	return int64(len(hub) + len(link) + 2*(8+sumSize))
}

// BucketBytes returns the bytes of all pages of a bucket.
func BucketBytes(s *Store, name string) (n int) {
	sizes, _ := s.Sizes()
	for _, one := range sizes {
		if one.Name == name {
			n = int(one.Pages)
		}
	}
	return n
}

// SetFormat writes another format number into the file.
func SetFormat(s *Store, format int) error {
	return s.Update(func(tx *Tx) error {
		h := s.header()
		h.Format = format
		tx.head = &h
		return nil
	})
}

// Migrate runs migrations that stand for later ones.
func Migrate(s *Store, from int, to []int, run func(to int) error) (format int, err error) {
	var steps []migration
	for _, n := range to {
		steps = append(steps, migration{to: n, run: func(*Tx) error { return run(n) }})
	}
	h := header{Format: from}
	err = s.Update(func(tx *Tx) error { return migrate(tx, &h, steps) })
	return h.Format, err
}

// SmallMoves lets a transaction move n links at most.
func SmallMoves(s *Store, n int) { s.moveStep = n }

// SmallRuns makes every chunk of a merge leave a run of match keys, and folds
// them a few at a time.
func SmallRuns(s *Store) { s.runSize, s.foldStep = 1, 3 }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// HubThroughBytes packs and unpacks a record.
func HubThroughBytes(t testing.TB, r HubRecord) (out HubRecord) {
	b, err := packHub(nil, &r)
	must(t, err)
	must(t, unpackHub(b, &out))
	return out
}

// LinkThroughBytes packs and unpacks a link.
func LinkThroughBytes(t testing.TB, l Link) (out Link) {
	b, err := packLink(nil, &l)
	must(t, err)
	_, err = unpackLink(b, &out)
	must(t, err)
	return out
}

// JournalThroughBytes packs and unpacks entries.
func JournalThroughBytes(t testing.TB, in []JournalEntry) []JournalEntry {
	out, err := unpackJournal(in[0].Seq, packJournal(in))
	must(t, err)
	return out
}

func packJournal(in []JournalEntry) []byte {
	var p journalPacker
	b, n := p.pack(in)
	if n != len(in) {
		panic("the entries take more than one value")
	}
	return b
}

// packJournal1 packs entries as format 1 of the state did.
func packJournal1(entries []JournalEntry) []byte {
	var texts []string
	number := func(s string) uint64 {
		i := slices.Index(texts, s)
		if i < 0 {
			i = len(texts)
			texts = append(texts, s)
		}
		return uint64(i)
	}
	var body []byte
	var prev JournalEntry
	for _, e := range entries {
		body = binary.AppendVarint(AppendUvarint(body, e.Run), e.At-prev.At)
		body = AppendUvarint(AppendUvarint(AppendUvarint(body, number(e.Object)), uint64(e.Hub)), uint64(e.System))
		body = AppendUvarint(AppendString(body, e.Remote), uint64(e.Field))
		body = AppendValue(AppendValue(body, e.Old), e.New)
		body = AppendUvarint(AppendUvarint(AppendUvarint(body, number(e.Reason)), number(e.Evidence)), e.Config)
		prev = e
	}
	b := AppendUvarint(AppendUvarint([]byte{packedVersion}, uint64(len(entries))), uint64(len(texts)))
	for _, s := range texts {
		b = AppendString(b, s)
	}
	return append(b, body...)
}

// JournalAsBefore appends entries as format 1 of the state did, without an
// index.
func JournalAsBefore(tx *Tx, entries []JournalEntry) error {
	for i := range entries {
		entries[i].Seq = tx.journalLast().next()
	}
	b := packJournal1(entries)
	tx.journalBytes().add(len(b))
	return tx.journal().put(numberKey(entries[0].Seq), b)
}

// MigrateJournal is the step from format 1 to 2.
func MigrateJournal(tx *Tx) error { return migrateJournal(tx) }

// JournalValues is how many values the journal has, and how many bytes they are
// thought to take.
func JournalValues(tx *Tx) (n int, bytes uint64) {
	return int(tx.journal().rows()), tx.journalBytes().n
}

// EachName calls fn for each bucket with how many rows it has.
func EachName(tx *Tx, fn func(name string, rows int)) {
	tx.eachTable("", func(t *table) { fn(t.name, int(t.rows())) })
}

// IntentsThroughBytes packs and unpacks intents.
func IntentsThroughBytes(t testing.TB, in []Intent) []Intent {
	out, _, _, err := unpackIntents(packIntents(in))
	must(t, err)
	return out
}

// packIntents packs intents as one part.
func packIntents(in []Intent) []byte {
	b := AppendUvarint(AppendString([]byte{lastPart, byte(FlowPush)}, "job"), uint64(len(in)))
	for i := range in {
		b, _ = packIntent(b, &in[i])
	}
	return b
}

// PlanRowThroughBytes packs and unpacks a row of a plan.
func PlanRowThroughBytes(t testing.TB, r PlanRow) PlanRow {
	out, err := unpackPlanRow(r.Hub, packPlanRow(nil, r))
	must(t, err)
	return out
}

// SampleRows returns a packed row of each kind.
func SampleRows(h HubRecord, l Link, j []JournalEntry, i []Intent) map[string][]byte {
	hub, _ := packHub(nil, &h)
	link, _ := packLink(nil, &l)
	return map[string][]byte{
		"hub": hub, "link": link, "remote": packRemote(rowOf(&l)), "intent": packIntents(i), "journal": packJournal(j),
		"planrow":     packPlanRow(nil, PlanRow{Digest: 1, Edition: 2, Fields: []PlanField{{Name: "name", Old: record.Of("a"), Reason: 3, Rule: 4}}}),
		"excluded":    AppendString(append([]byte{packedVersion}, make([]byte, 8)...), "clause"),
		"spool":       appendBytes(appendBytes([]byte{packedVersion}, []byte("key")), []byte("data")),
		"journalkept": append([]byte{packedVersion, 7}, packJournal(j[:1])...),
	}
}

// Kinds returns the kinds of packed rows.
func Kinds() []string {
	return []string{"hub", "link", "remote", "intent", "journal", "journalkept", "journalof", "planrow", "excluded", "spool"}
}

// Decode takes a packed row of a kind apart.
func Decode(kind string, b []byte) error {
	switch kind {
	case "hub":
		_ = hubNumber(b)
		return unpackHub(b, &HubRecord{})
	case "link":
		_, err := unpackLink(b, &Link{})
		return err
	case "remote":
		_, err := unpackRemote(b)
		return err
	}
	_, _ = entryAt(b, 1)
	return checkPacked(kind)(nil, nil, b)
}

// NumberKey returns the key of a numbered row.
func NumberKey(n uint64) []byte { return numberKey(n) }

// SetRaw stores bytes without a checksum of ours.
func SetRaw(tx *Tx, bucket string, key, val []byte) {
	if err := tx.table(bucket).b.Put(key, append([]byte{}, val...)); err != nil {
		panic(err)
	}
}

// Digest returns the digest of bytes under the store's key.
func (tx *Tx) Digest(b []byte) record.Digest { return tx.s.Key().Bytes(b) }

// FlipBit damages the row under key.
func FlipBit(tx *Tx, bucket string, key []byte) {
	val := append([]byte{}, tx.table(bucket).raw(key)...)
	val[len(val)/2] ^= 0x10
	if err := tx.table(bucket).b.Put(key, val); err != nil {
		panic(err)
	}
}

// RootPage returns the number of the page that a bucket begins at; 0 for one that
// is small enough to stand in another's page.
func RootPage(tx *Tx, bucket string) int64 { return int64(tx.table(bucket).b.RootPage()) }

// AppendUvarint appends a packed number to b.
func AppendUvarint(b []byte, n uint64) []byte { return binary.AppendUvarint(b, n) }

// InstallID returns the id that was drawn when the state was first made.
func InstallID(s *Store) string { return s.header().Install }

// DropCounts removes all maintained numbers.
func DropCounts(tx *Tx) error { return tx.table("count").drop() }

// Remove removes a row behind the store's back.
func Remove(tx *Tx, bucket string, key []byte) error {
	if !tx.table(bucket).has(key) {
		panic("there is no such row")
	}
	return tx.table(bucket).del(key)
}

// RemoveAll removes all rows of a bucket behind the store's back.
func RemoveAll(tx *Tx, bucket string) error { return tx.table(bucket).drop() }

// PutRow stores a row with a checksum that is right.
func PutRow(tx *Tx, bucket string, key, payload []byte) error {
	return tx.table(bucket).put(key, payload)
}

// PutRemote stores a row of the index of remote ids.
func PutRemote(tx *Tx, bucket, remote string, hub HubID, raw record.Digest, st LinkState) error {
	return tx.table(bucket).put([]byte(remote), packRemote(remoteRow{hub, st, raw}))
}

// Raw returns a row with its checksum.
func Raw(tx *Tx, bucket string, key []byte) []byte { return tx.table(bucket).raw(key) }

// Keys returns the keys of a bucket.
func Keys(tx *Tx, bucket string) (keys [][]byte) {
	_ = tx.table(bucket).walk(nil, nil, func(key, _ []byte, _ error) error {
		keys = append(keys, slices.Clone(key))
		return nil
	})
	return keys
}
