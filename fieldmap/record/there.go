package record

// Known says how it is known what stands in a field of a system.
type Known uint8

// The ways to know. Their numbers are stored.
const (
	Unread Known = iota // nothing is known
	Read                // a listing, a read by id or the answer of a write showed it
	Sent                // a write was accepted, and nothing has shown the value since
)

// maxMay bounds how many values of a field are remembered.
const maxMay = 4

// There is what is known to stand in one field of a record of a system: the
// digest of the value that was read or sent last, in their own form, and the
// values before it that are not settled yet. The zero There is unread. It is
// comparable.
type There struct {
	Known Known
	n     uint8
	reads uint8 // a bit for each value that was read, not sent
	may   [maxMay]Digest
}

// ReadThere returns what is known after a reading alone.
func ReadThere(d Digest) There {
	if d == 0 {
		return There{}
	}
	return There{Known: Read, n: 1, reads: 1, may: [maxMay]Digest{d}}
}

// SentThere returns what is known of a field that was written when its record
// was made.
func SentThere(d Digest) There {
	if d == 0 {
		return There{}
	}
	return There{Known: Sent, n: 1, may: [maxMay]Digest{d}}
}

// Only makes t a There of one value that was read or sent. It reports false, and
// leaves t alone, for a value or a way to know that cannot be.
func (t *There) Only(known Known, d Digest) bool {
	switch {
	case d == 0:
		return false
	case known == Read:
		*t = There{Known: Read, n: 1, reads: 1}
	case known == Sent:
		*t = There{Known: Sent, n: 1}
	default:
		return false
	}
	t.may[0] = d
	return true
}

// MakeThere puts a There together from its stored parts. It reports false for
// parts that cannot be.
func MakeThere(known Known, reads uint8, may []Digest) (There, bool) {
	t := There{Known: known, n: uint8(min(len(may), maxMay+1)), reads: reads}
	if len(may) > maxMay || known > Sent || (known == Unread) != (len(may) == 0) || reads>>len(may) != 0 {
		return There{}, false
	}
	copy(t.may[:], may)
	if t.n > 0 && (reads>>(t.n-1)&1 == 1) != (known == Read) {
		return There{}, false
	}
	return t, true
}

// Last returns the digest of the value that was read or sent last, 0 where
// nothing is known.
func (t *There) Last() Digest {
	if t.n == 0 {
		return 0
	}
	return t.may[t.n-1]
}

// All returns the values that are remembered, the oldest first, and a bit for
// each that was read.
func (t *There) All() ([]Digest, uint8) { return t.may[:t.n], t.reads }

// Open reports whether what was sent is not settled: nothing has shown it, or
// what was shown led to a question.
func (t *There) Open() bool { return t.Known == Sent || t.n > 1 }

// lastSent returns where the value that was sent last stands, -1 where none is
// remembered.
func (t *There) lastSent() int {
	for i := int(t.n) - 1; i >= 0; i-- {
		if t.reads>>i&1 == 0 {
			return i
		}
	}
	return -1
}

// Sent returns the digest of the value that was sent last, 0 where none is
// remembered.
func (t *There) Sent() Digest {
	if i := t.lastSent(); i >= 0 {
		return t.may[i]
	}
	return 0
}

// May reports whether a value may still stand there: it is the one that was
// read last, or was sent since.
func (t *There) May(d Digest) bool {
	for i := int(t.n) - 1; i >= 0; i-- {
		if t.may[i] == d {
			return true
		}
		if t.reads>>i&1 == 1 {
			return false
		}
	}
	return false
}

// AnsweredBefore reports whether this value was read after the value that was
// sent last had been sent before, and neither read nor sent before that: the same
// answer to the same value.
func (t *There) AnsweredBefore(d Digest) bool {
	last, sent := t.lastSent(), false
	for i := range max(last, 0) {
		switch read := t.reads>>i&1 == 1; {
		case t.may[i] == d:
			return read && sent
		case !read && t.may[i] == t.may[last]:
			sent = true
		}
	}
	return false
}

// TimesSent counts how often the value that was sent last was sent.
func (t *There) TimesSent() (n int) {
	for i := range int(t.n) {
		if t.reads>>i&1 == 0 && t.may[i] == t.Sent() {
			n++
		}
	}
	return n
}

// Rename gives a value that is remembered another digest that means the same.
func (t *There) Rename(from, to Digest) {
	for i := range int(t.n) {
		if t.may[i] == from {
			t.may[i] = to
		}
	}
}

// Send notes that a value was accepted.
func (t *There) Send(d Digest) { t.add(d, Sent) }

// Show notes that a reading showed a value, and keeps what led to it: the value
// is not settled yet.
func (t *There) Show(d Digest) { t.add(d, Read) }

func (t *There) add(d Digest, known Known) {
	if d == 0 || known == Read && t.Known == Read && t.Last() == d {
		return
	}
	if t.n == maxMay {
		copy(t.may[:], t.may[1:])
		t.reads >>= 1
		t.n--
	}
	t.may[t.n] = d
	if known == Read {
		t.reads |= 1 << t.n
	}
	t.Known = known
	t.n++
}
