package jsonwalk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how deep a document may nest.
const MaxDepth = 64

// Shape says what to keep of a document.
type Shape struct {
	// Array is the member that holds the records, empty when the document is
	// itself the array.
	Array string
	// Head are members of the document to keep beside the records.
	Head []string
	// Fields are the members to keep of each record. A dotted name reaches into
	// an object inside, and also means a member of exactly that name.
	Fields []string
}

// Walker reads documents of one shape, one after the other. It is not safe for
// concurrent use.
type Walker struct {
	array string
	head  *object
	rec   *object
	page  Page

	dec  *jsontext.Decoder
	src  bytes.Buffer
	body []byte
}

// Page is what was kept of one document. It points into the document's bytes
// and is valid until the walker's next Walk.
type Page struct {
	Head  [][]byte // in the order of Shape.Head; nil where absent
	Found bool     // the array was there

	width int
	rows  []int // offset into cells, -1 for a null
	cells [][]byte
}

// Len returns the number of the array's elements.
func (p *Page) Len() int { return len(p.rows) }

// Row returns the literals of one record in the order of Shape.Fields, nil
// where absent. It returns nil for an element that is null.
func (p *Page) Row(i int) [][]byte {
	at := p.rows[i]
	if at < 0 {
		return nil
	}
	return p.cells[at : at+p.width : at+p.width]
}

// New returns a walker for documents of this shape.
func New(s Shape) *Walker {
	return &Walker{
		array: s.Array,
		head:  newObject(s.Head),
		rec:   newObject(s.Fields),
		page:  Page{Head: make([][]byte, len(s.Head)), width: len(s.Fields)},
		dec:   jsontext.NewDecoder(new(bytes.Buffer)),
	}
}

// Walk reads one whole document. An error names the place and never a value. One
// value that is no JSON does not spoil the rest: a text that is no Unicode comes
// as it was sent, and in the place of anything else stands a literal that is
// Unreadable. Both are refused when they are converted.
func (w *Walker) Walk(body []byte) (*Page, error) {
	err := w.walk(body)
	if err == nil {
		return &w.page, nil
	}
	err = w.explain(err)
	mended, ok := mend(body)
	if !ok || w.walk(mended) != nil {
		return nil, err
	}
	return &w.page, nil
}

func (w *Walker) walk(body []byte) error {
	w.body = body
	w.reset()
	clear(w.page.Head)
	w.page.rows, w.page.cells, w.page.Found = w.page.rows[:0], w.page.cells[:0], false
	return w.document()
}

// reset begins to read w.body.
func (w *Walker) reset() {
	// The decoder reads a bytes.Buffer in place, without a copy.
	w.src = *bytes.NewBuffer(w.body)
	// That a member is wanted and comes twice is noticed here, at a price that does
	// not grow with the members that nobody wants.
	w.dec.Reset(&w.src, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
}

func (w *Walker) document() error {
	var err error
	switch kind := w.dec.PeekKind(); {
	case w.array == "" && kind == '[':
		err = w.records()
	case w.array != "" && kind == '{':
		err = w.envelope()
	default:
		if _, err = w.dec.ReadToken(); err == nil {
			err = fmt.Errorf("the document is %s", kindName(kind))
		}
	}
	if err != nil {
		return err
	}
	if _, err := w.dec.ReadToken(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errors.New("something stands after the document")
		}
		return err
	}
	return nil
}

func (w *Walker) envelope() error {
	if _, err := w.dec.ReadToken(); err != nil {
		return err // Walk explains it
	}
	w.head.met++
	for pos := 0; w.dec.PeekKind() != '}'; pos++ {
		name, err := w.dec.ReadValue()
		if err != nil {
			return err // Walk explains it
		}
		switch here := string(name[1:len(name)-1]) == w.array && w.dec.PeekKind() == '['; {
		case here && w.page.Found:
			err = errTwice
		case here:
			err = w.records()
		default:
			err = w.memberOf(w.head, pos, name, w.page.Head)
		}
		if err != nil {
			return err
		}
	}
	_, err := w.dec.ReadToken()
	return err // Walk explains it
}

func (w *Walker) records() error {
	if _, err := w.dec.ReadToken(); err != nil {
		return err // Walk explains it
	}
	w.page.Found = true
	for {
		switch kind := w.dec.PeekKind(); kind {
		case ']':
			_, err := w.dec.ReadToken()
			return err // Walk explains it
		case '{':
			start, cells := w.start(), w.row()
			if err := w.members(w.rec, cells); err != nil {
				return err
			}
			if Unreadable(w.body[start:]) {
				w.rec.fill(cells, w.body[start:w.dec.InputOffset()])
			}
		case 'n':
			if _, err := w.dec.ReadToken(); err != nil {
				return err // Walk explains it
			}
			w.page.rows = append(w.page.rows, -1)
		default:
			if _, err := w.dec.ReadToken(); err != nil {
				return err // Walk explains it
			}
			return fmt.Errorf("record %d is %s", len(w.page.rows), kindName(kind))
		}
	}
}

// row adds an empty row.
func (w *Walker) row() [][]byte {
	at := len(w.page.cells)
	for range w.page.width {
		w.page.cells = append(w.page.cells, nil)
	}
	w.page.rows = append(w.page.rows, at)
	return w.page.cells[at:]
}

func (w *Walker) members(o *object, cells [][]byte) error {
	if w.dec.StackDepth() >= MaxDepth {
		return errDeep()
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return err // Walk explains it
	}
	o.met++
	for pos := 0; w.dec.PeekKind() != '}'; pos++ {
		name, err := w.dec.ReadValue()
		if err != nil {
			return err // Walk explains it
		}
		if err := w.memberOf(o, pos, name, cells); err != nil {
			return err
		}
	}
	_, err := w.dec.ReadToken()
	return err // Walk explains it
}

// memberOf reads the value of the member of this name.
func (w *Walker) memberOf(o *object, pos int, name []byte, cells [][]byte) error {
	n := o.find(pos, name)
	if n != nil {
		if n.met == o.met {
			return errTwice
		}
		n.met = o.met
	}
	return w.member(n, cells)
}

// member reads one value and keeps it where the node says.
func (w *Walker) member(n *node, cells [][]byte) error {
	if n == nil || n.inner == nil || w.dec.PeekKind() != '{' {
		raw, err := w.value()
		if err != nil || n == nil {
			return err
		}
		if n.inner != nil && raw[0] == 'n' {
			// What hangs on a blank is blank, not missing.
			n.inner.fill(cells, raw)
		}
		keep(n, cells, raw)
		return nil
	}
	start := w.start()
	bad := Unreadable(w.body[start:])
	if err := w.members(n.inner, cells); err != nil {
		return err
	}
	raw := w.body[start:w.dec.InputOffset()]
	if bad {
		n.inner.fill(cells, raw)
	}
	keep(n, cells, raw)
	return nil
}

func keep(n *node, cells [][]byte, raw []byte) {
	for _, c := range n.cells {
		cells[c] = raw
	}
}

// start is the offset of the value that was peeked at.
func (w *Walker) start() int64 {
	at := w.dec.InputOffset()
	for w.body[at] != '{' && w.body[at] != '[' {
		at++
	}
	return at
}

// value reads any value and returns its literal.
func (w *Walker) value() ([]byte, error) {
	if kind := w.dec.PeekKind(); kind != '{' && kind != '[' {
		v, err := w.dec.ReadValue()
		if err != nil {
			return nil, err // Walk explains it
		}
		end := int(w.dec.InputOffset())
		return w.body[end-len(v) : end : end], nil
	}
	start, depth := w.start(), w.dec.StackDepth()
	for {
		if _, err := w.dec.ReadToken(); err != nil {
			return nil, err // Walk explains it
		}
		switch now := w.dec.StackDepth(); {
		case now == depth:
			end := w.dec.InputOffset()
			return w.body[start:end:end], nil
		case now > MaxDepth:
			return nil, errDeep()
		}
	}
}

// elements reads w.body as an array.
func (w *Walker) elements() ([][]byte, bool) {
	w.reset()
	if _, err := w.dec.ReadToken(); err != nil {
		return nil, false
	}
	var out [][]byte
	for w.dec.PeekKind() != ']' {
		raw, err := w.value()
		if err != nil {
			return nil, false
		}
		out = append(out, raw)
	}
	_, err := w.dec.ReadToken()
	return out, err == nil
}

// errTwice is said of a member that is wanted: nobody can tell which of the two is
// meant.
var errTwice = errors.New("an object has two members of one name")

func errDeep() error { return fmt.Errorf("it nests deeper than %d levels", MaxDepth) }

// explain makes one line that says where the document is at fault.
func (w *Walker) explain(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("unreadable JSON: it breaks off after %d bytes", len(w.body))
	}
	reason := strings.TrimPrefix(err.Error(), "jsontext: ")
	// The reader adds the path to the place, whose names are the server's.
	reason, _, _ = strings.Cut(reason, ` within "`)
	return fmt.Errorf("unreadable JSON near byte %d: %s", w.dec.InputOffset(), reason)
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return "not JSON"
}
