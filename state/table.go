package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/url"
	"strings"

	"go.etcd.io/bbolt"
)

const sumSize = 4

// How full pages are made. Rows that arrive in key order leave little room.
const (
	fillAppend = 1.0
	fillMerge  = 0.9
)

// table is one bucket within one transaction. Each of its values ends in a
// checksum over the bucket's name, the key and the value, so that a flipped
// bit, or a row in a wrong place, is noticed when it is read. A spare bucket has
// the checksums of the one that it is to replace.
type table struct {
	tx   *Tx
	name string
	b    *bbolt.Bucket // nil as long as nothing was ever put
	c    *bbolt.Cursor // for get, which would make one for each key
	seed uint32
	fill float64
}

// table returns the bucket of this kind for these names.
func (tx *Tx) table(kind string, names ...string) *table {
	name := bucketName(kind, names...)
	if t := tx.tables[name]; t != nil {
		return t
	}
	t := &table{tx: tx, name: name, seed: checksum(0, []byte(strings.TrimSuffix(name, spareSuffix)))}
	if tx.merging {
		t.fill = fillMerge
	}
	t.attach(tx.b.Bucket([]byte(name)))
	tx.tables[name] = t
	return t
}

func (t *table) attach(b *bbolt.Bucket) {
	t.b = b
	if b == nil {
		return
	}
	t.c = b.Cursor()
	if t.fill > 0 {
		b.FillPercent = t.fill
	}
}

// raw returns the value under key with its checksum, nil where there is none.
func (t *table) raw(key []byte) []byte {
	if t.b == nil {
		return nil
	}
	k, val := t.c.Seek(key)
	if !bytes.Equal(k, key) {
		return nil
	}
	return val
}

// pack sets how full the table's pages are made in this transaction.
func (t *table) pack(fill float64) *table {
	t.fill = fill
	t.attach(t.b)
	return t
}

// bucketName joins kind and names so that no two lists give one name.
func bucketName(kind string, names ...string) string {
	for _, n := range names {
		kind += "/" + escape(n)
	}
	return kind
}

// escape leaves letters, digits and a few marks as they are.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.', c == '@':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// unescape is the inverse of escape.
func unescape(s string) string {
	out, err := url.PathUnescape(s)
	if err != nil {
		return s
	}
	return out
}

func checksum(seed uint32, b []byte) uint32 {
	return crc32.Update(seed, crc32.MakeTable(crc32.Castagnoli), b)
}

func (t *table) sum(key, payload []byte) uint32 {
	return checksum(checksum(t.seed, key), payload)
}

// open checks the value under key and returns it without its checksum.
func (t *table) open(key, val []byte) ([]byte, error) {
	n := len(val) - sumSize
	if n < 0 {
		return nil, t.damage(key, "too short")
	}
	if binary.LittleEndian.Uint32(val[n:]) != t.sum(key, val[:n]) {
		return nil, t.damage(key, "checksum does not fit")
	}
	return val[:n:n], nil
}

func (t *table) damage(key []byte, problem string) *DamageError {
	return &DamageError{Bucket: t.name, Key: keyText(key), Problem: problem}
}

// keyText shows numbers in decimal and everything else quoted.
func keyText(key []byte) string {
	if len(key) == 8 && key[0] == 0 {
		return fmt.Sprint(binary.BigEndian.Uint64(key))
	}
	return fmt.Sprintf("%q", key)
}

// get returns the value under key; ok says whether there is a row at all. The
// value is valid until the transaction ends.
func (t *table) get(key []byte) (payload []byte, ok bool, err error) {
	val := t.raw(key)
	if val == nil {
		return nil, false, nil
	}
	payload, err = t.open(key, val)
	return payload, true, err
}

// put stores payload, which may be changed afterwards.
func (t *table) put(key, payload []byte) error {
	if err := t.create(); err != nil {
		return err
	}
	val := t.tx.grab(len(payload) + sumSize)
	copy(val, payload)
	binary.LittleEndian.PutUint32(val[len(payload):], t.sum(key, payload))
	return t.b.Put(key, val)
}

// putRaw stores a value that has its checksum, be it right or not.
func (t *table) putRaw(key, val []byte) error {
	if err := t.create(); err != nil {
		return err
	}
	own := t.tx.grab(len(val))
	copy(own, val)
	return t.b.Put(key, own)
}

func (t *table) create() error {
	if t.b != nil {
		return nil
	}
	b, err := t.tx.b.CreateBucketIfNotExists([]byte(t.name))
	if err != nil {
		return fmt.Errorf("create %s: %w", t.name, err)
	}
	t.attach(b)
	return nil
}

func (t *table) has(key []byte) bool { return t.raw(key) != nil }

func (t *table) del(key []byte) error {
	if t.b == nil {
		return nil
	}
	return t.b.Delete(key)
}

// drop removes the bucket with everything in it.
func (t *table) drop() error {
	if t.b == nil {
		return nil
	}
	t.b = nil
	return t.tx.b.DeleteBucket([]byte(t.name))
}

// lastKey returns the highest key as a number, 0 when the table is empty.
func (t *table) lastKey() uint64 {
	if t.b == nil {
		return 0
	}
	k, _ := t.b.Cursor().Last()
	if len(k) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(k)
}

// endsBefore reports whether every key of the table is below key.
func (t *table) endsBefore(key string) bool {
	if t.b == nil {
		return true
	}
	last, _ := t.b.Cursor().Last()
	return string(last) < key
}

// rows counts the rows by walking all pages.
func (t *table) rows() uint64 {
	if t.b == nil {
		return 0
	}
	return uint64(t.b.Stats().KeyN)
}

// walk calls fn for each row from the key from on whose key begins with
// prefix. Rows may be changed, added and removed meanwhile. A row that is
// damaged comes with the error in place of its value.
func (t *table) walk(from, prefix []byte, fn func(key, payload []byte, damage error) error) error {
	if t.b == nil {
		return nil
	}
	if from == nil {
		from = prefix
	}
	c := t.b.Cursor()
	key, val := c.Seek(from)
	var prev []byte
	for key != nil && bytes.HasPrefix(key, prefix) {
		if prev != nil && bytes.Compare(key, prev) <= 0 {
			return t.disorder(key)
		}
		prev = append(prev[:0], key...)
		payload, damage := t.open(key, val)
		if err := fn(key, payload, damage); err != nil {
			return stopped(err)
		}
		if !t.tx.writable {
			key, val = c.Next()
			continue
		}
		if t.b == nil {
			return nil // fn dropped the table
		}
		// A cursor is lost once its bucket changes.
		c = t.b.Cursor()
		if key, val = c.Seek(prev); bytes.Equal(key, prev) {
			key, val = c.Next()
		}
	}
	return nil
}

// disorder says that a page is damaged. Without this a walk might go round in
// circles.
func (t *table) disorder(key []byte) error { return t.damage(key, "keys are out of order") }

func stopped(err error) error {
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

func numberKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
