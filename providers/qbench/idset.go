package qbench

import "strconv"

// idSet is a set of record ids. Whole numbers, which QBench's ids are, take a
// bit each where they are dense; anything else is kept as text.
type idSet struct {
	n     int
	bits  map[uint64]*[chunkWords]uint64
	texts map[string]struct{}
}

const (
	chunkWords = 8
	chunkBits  = chunkWords * 64
)

// add reports whether id is new.
func (s *idSet) add(id string) bool {
	var fresh bool
	// 007 and 7 are two ids.
	if n, err := strconv.ParseUint(id, 10, 64); err == nil && (id[0] != '0' || id == "0") {
		fresh = s.addNumber(n)
	} else {
		fresh = s.addText(id)
	}
	if fresh {
		s.n++
	}
	return fresh
}

func (s *idSet) addNumber(n uint64) bool {
	if s.bits == nil {
		s.bits = map[uint64]*[chunkWords]uint64{}
	}
	chunk := s.bits[n/chunkBits]
	if chunk == nil {
		chunk = new([chunkWords]uint64)
		s.bits[n/chunkBits] = chunk
	}
	word, bit := n%chunkBits/64, uint64(1)<<(n%64)
	if chunk[word]&bit != 0 {
		return false
	}
	chunk[word] |= bit
	return true
}

func (s *idSet) addText(id string) bool {
	if s.texts == nil {
		s.texts = map[string]struct{}{}
	}
	if _, ok := s.texts[id]; ok {
		return false
	}
	s.texts[id] = struct{}{}
	return true
}
