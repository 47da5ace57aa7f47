package plan

import (
	"slices"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
)

// Hit is one record that a look-up brought.
type Hit struct {
	ID       string
	Key      record.Value // its value of the key that was asked for
	External record.Value // our id, as it carries it; null or missing if it carries none
	// ExternalKnown reports whether External belongs to a source record that
	// is known as present: then the hit is somebody else's.
	ExternalKnown bool
}

// MatchKind is what a match came to.
type MatchKind uint8

// The outcomes of a match by one key (D1).
const (
	NoMatch   MatchKind = iota // try the next key
	Linked                     // exactly one: link it
	Ambiguous                  // several: hold, naming all
	Claimed                    // one that carries another, unknown id: hold, naming both
)

// Match is the verdict on the hits of one key.
type Match struct {
	Kind MatchKind
	IDs  []string // the record to link, or all candidates, sorted
}

// MatchHits compares the hits of a look-up again, for systems fold case and
// search loosely, and says which record it is. external is the id that we
// would write there.
func MatchHits(key fieldmap.MatchKey, want, external record.Value, hits []Hit) Match {
	var ids, claimed []string
	for _, h := range hits {
		if !h.Key.IsSet() || !key.Compare.Equal(h.Key, want) {
			continue
		}
		other := h.External.IsSet() && h.External != external
		switch {
		case !other:
			ids = append(ids, h.ID)
		case !h.ExternalKnown:
			claimed = append(claimed, h.ID)
		}
	}
	slices.Sort(ids)
	slices.Sort(claimed)
	ids, claimed = slices.Compact(ids), slices.Compact(claimed)
	switch {
	case len(ids) == 1 && len(claimed) == 0:
		return Match{Kind: Linked, IDs: ids}
	case len(ids) > 0:
		// One that carries an unknown id may be meant as well as one without.
		ids = append(ids, claimed...)
		slices.Sort(ids)
		return Match{Kind: Ambiguous, IDs: slices.Compact(ids)}
	case len(claimed) > 0:
		return Match{Kind: Claimed, IDs: claimed}
	}
	return Match{Kind: NoMatch}
}
