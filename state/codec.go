package state

import (
	"encoding/binary"
	"errors"

	"crmsyncd/fieldmap/record"
)

// packedVersion is the first byte of every packed value.
const packedVersion = 1

// errShort says that packed bytes end too early or hold what cannot be.
var errShort = errors.New("malformed packed value")

// ReadUvarint reads what binary.AppendUvarint wrote and returns the bytes behind
// it.
func ReadUvarint(b []byte) (n uint64, rest []byte, err error) {
	n, used := binary.Uvarint(b)
	if used <= 0 {
		return 0, nil, errShort
	}
	return n, b[used:], nil
}

// AppendString appends a packed text to b.
func AppendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// ReadString reads what AppendString wrote and returns the bytes behind it.
func ReadString(b []byte) (s string, rest []byte, err error) {
	n, b, err := ReadUvarint(b)
	if err != nil || n > uint64(len(b)) {
		return "", nil, errShort
	}
	return string(b[:n]), b[n:], nil
}

// AppendValue appends a packed value of any of the four states to b.
func AppendValue(b []byte, v record.Value) []byte {
	switch v.State() {
	case record.Missing:
		return append(b, 0)
	case record.Unreadable:
		return append(b, 1)
	case record.Null:
		return append(b, 2)
	case record.Set:
	}
	return append(binary.AppendUvarint(b, uint64(len(v.Text()))+2), v.Text()...)
}

// ReadValue reads what AppendValue wrote and returns the bytes behind it.
func ReadValue(b []byte) (v record.Value, rest []byte, err error) {
	n, b, err := ReadUvarint(b)
	if err != nil {
		return v, nil, err
	}
	switch n {
	case 0:
		return v, b, nil
	case 1:
		return record.UnreadableValue(), b, nil
	case 2:
		return record.NullValue(), b, nil
	}
	n -= 2
	if n > uint64(len(b)) {
		return v, nil, errShort
	}
	return record.Of(string(b[:n])), b[n:], nil
}

// reader takes a packed value apart. It goes bad instead of failing at each
// step, and returns zeros from then on. With text set, which is the same bytes
// as a string, the texts it returns share that one copy.
type reader struct {
	b    []byte
	text string
	pos  int
	bad  bool
}

func newReader(b []byte) *reader {
	r := &reader{b: b}
	if r.byte() != packedVersion {
		r.bad = true
	}
	return r
}

func (r *reader) byte() byte {
	if r.bad || r.pos >= len(r.b) {
		r.bad = true
		return 0
	}
	r.pos++
	return r.b[r.pos-1]
}

func (r *reader) uvarint() uint64 {
	if i := r.pos; !r.bad && i < len(r.b) && r.b[i] < 0x80 { // as mostly
		r.pos = i + 1
		return uint64(r.b[i])
	}
	return r.longUvarint()
}

func (r *reader) longUvarint() uint64 {
	if r.bad {
		return 0
	}
	n, used := binary.Uvarint(r.b[r.pos:])
	if used <= 0 {
		r.bad = true
		return 0
	}
	r.pos += used
	return n
}

func (r *reader) varint() int64 {
	n := r.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

func (r *reader) fixed() uint64 {
	if r.bad || len(r.b)-r.pos < 8 {
		r.bad = true
		return 0
	}
	r.pos += 8
	return binary.LittleEndian.Uint64(r.b[r.pos-8:])
}

// bytes returns a length-prefixed run of bytes that shares memory with b.
func (r *reader) bytes() []byte {
	n := r.uvarint()
	if r.bad || n > uint64(len(r.b)-r.pos) {
		r.bad = true
		return nil
	}
	r.pos += int(n)
	return r.b[r.pos-int(n) : r.pos]
}

func (r *reader) string() string {
	b := r.bytes()
	if r.text != "" {
		return r.text[r.pos-len(b) : r.pos]
	}
	return string(b)
}

// same returns old if the next text is equal to it, which saves a copy.
func (r *reader) same(old string) string {
	b := r.bytes()
	if string(b) == old {
		return old
	}
	return string(b)
}

func (r *reader) value() record.Value {
	if r.bad {
		return record.Value{}
	}
	v, rest, err := ReadValue(r.b[r.pos:])
	if err != nil {
		r.bad = true
		return record.Value{}
	}
	r.pos = len(r.b) - len(rest)
	return v
}

// count reads the number of parts that follow. Each part takes at least one
// byte, so a hostile number cannot make us allocate more than what is there.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.b)-r.pos) {
		r.bad = true
		return 0
	}
	return int(n)
}

// num reads a dictionary number that is larger than prev.
func (r *reader) num(prev Num, delta uint64) Num {
	n := uint64(prev) + delta
	if delta == 0 || delta > 0xFFFF || n > 0xFFFF {
		r.bad = true
		return 0
	}
	return Num(n)
}

func (r *reader) short() Num {
	n := r.uvarint()
	if n > 0xFFFF {
		r.bad = true
	}
	return Num(n)
}

// end reports an error unless everything was read and nothing was wrong.
func (r *reader) end() error {
	if r.bad || r.pos != len(r.b) {
		return errShort
	}
	return nil
}
