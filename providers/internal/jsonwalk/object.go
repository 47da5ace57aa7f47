package jsonwalk

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// object says which members of one object are wanted, and where their literals
// go.
type object struct {
	nodes []node
	index map[string]int
	// memo remembers what stood at each position of the last object: the records
	// of a page mostly have the same members in the same order.
	memo []memo
	met  int // how many objects of the kind were begun
}

type node struct {
	cells []int   // where the literal goes
	inner *object // members wanted of an object inside
	met   int     // the object that had it last
}

type memo struct {
	quoted []byte
	node   int
}

// maxMemo bounds what hostile objects can make the memo hold.
const maxMemo = 256

func newObject(fields []string) *object {
	o := &object{index: map[string]int{}}
	for cell, name := range fields {
		o.add(name, cell)
		if head, rest, dotted := strings.Cut(name, "."); dotted {
			n := o.node(head)
			if o.nodes[n].inner == nil {
				o.nodes[n].inner = newObject(nil)
			}
			o.nodes[n].inner.addPath(rest, cell)
		}
	}
	return o
}

// addPath is add for a name inside an object, which may be dotted again.
func (o *object) addPath(name string, cell int) {
	o.add(name, cell)
	if head, rest, dotted := strings.Cut(name, "."); dotted {
		n := o.node(head)
		if o.nodes[n].inner == nil {
			o.nodes[n].inner = newObject(nil)
		}
		o.nodes[n].inner.addPath(rest, cell)
	}
}

func (o *object) add(name string, cell int) {
	n := o.node(name)
	o.nodes[n].cells = append(o.nodes[n].cells, cell)
}

func (o *object) node(name string) int {
	if n, ok := o.index[name]; ok {
		return n
	}
	o.nodes = append(o.nodes, node{})
	o.index[name] = len(o.nodes) - 1
	return len(o.nodes) - 1
}

// find returns the node of the pos-th member's quoted name, nil if it is not
// wanted.
func (o *object) find(pos int, quoted []byte) *node {
	if pos < len(o.memo) && bytes.Equal(o.memo[pos].quoted, quoted) {
		return o.at(o.memo[pos].node)
	}
	n := o.lookup(quoted)
	if pos < maxMemo && pos <= len(o.memo) && len(quoted) < 256 {
		if pos == len(o.memo) {
			o.memo = append(o.memo, memo{})
		}
		o.memo[pos].quoted = append(o.memo[pos].quoted[:0], quoted...)
		o.memo[pos].node = n
	}
	return o.at(n)
}

func (o *object) at(n int) *node {
	if n < 0 {
		return nil
	}
	return &o.nodes[n]
}

func (o *object) lookup(quoted []byte) int {
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		plain, err := jsontext.AppendUnquote(nil, quoted)
		if err != nil {
			return -1
		}
		name = plain
	}
	if n, ok := o.index[string(name)]; ok {
		return n
	}
	return -1
}

// fill puts one literal into every cell of o.
func (o *object) fill(cells [][]byte, raw []byte) {
	for i := range o.nodes {
		for _, c := range o.nodes[i].cells {
			cells[c] = raw
		}
		if in := o.nodes[i].inner; in != nil {
			in.fill(cells, raw)
		}
	}
}
