package record_test

import (
	"testing"

	"crmsyncd/fieldmap/record"
)

// C2.4: the same answer to the same value, once more, is told from a value that
// stood there before we sent ours, be that read or sent.
func TestC2_4_AnsweredBefore(t *testing.T) {
	const old, ours, form = 1, 2, 3
	for name, c := range map[string]struct {
		there record.There
		then  []record.Digest // sent, read, sent, …
		now   record.Digest
		want  bool
	}{
		"sent once":                  {record.ReadThere(old), []record.Digest{ours}, form, false},
		"their form, twice":          {record.ReadThere(old), []record.Digest{ours, form, ours}, form, true},
		"another form":               {record.ReadThere(old), []record.Digest{ours, form, ours}, 4, false},
		"what was read before":       {record.ReadThere(old), []record.Digest{ours, old, ours}, old, false},
		"what was sent before":       {record.SentThere(old), []record.Digest{ours, old, ours}, old, false},
		"an answer to another value": {record.ReadThere(old), []record.Digest{form, old, ours}, old, false},
	} {
		t.Run(name, func(t *testing.T) {
			for i, d := range c.then {
				if i%2 == 0 {
					c.there.Send(d)
				} else {
					c.there.Show(d)
				}
			}
			if got := c.there.AnsweredBefore(c.now); got != c.want {
				t.Errorf("answered before: %v, want %v", got, c.want)
			}
		})
	}
}
