package state

import "crmsyncd/fieldmap/record"

// FormatOne says how the links of the first format are understood: what they
// knew of a rule is told of its remote field as well.
type FormatOne struct {
	Remote map[Num]Num     // rule → remote field
	Notes  map[uint8]uint8 // reason codes that are others now
	Lost   record.Digest   // what stands for a digest that is not known
}

// UnderstandFormatOne sets how links of the first format are read. They are
// brought to the present one whenever they are written.
func (s *Store) UnderstandFormatOne(f FormatOne) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.one = f
}

func (s *Store) formatOne() *FormatOne {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return &s.one
}

// bring brings a link of the first format to the present one. What it sent and
// never read is sent; all else that it has seen was read.
func (f *FormatOne) bring(l *Link) {
	for i := range l.Fields {
		lf := &l.Fields[i]
		sent := lf.Sent
		lf.Sent = false
		if note, ok := f.Notes[lf.Note]; ok {
			lf.Note = note
		}
		lf.Note &^= noteText
		if lf.Seen == 0 || lf.Seen == f.Lost {
			continue
		}
		there := record.ReadThere(lf.Seen)
		if sent {
			there = record.SentThere(lf.Seen)
		}
		if to := f.Remote[lf.Field]; to != 0 {
			l.SetStands(to, there)
		}
	}
}
