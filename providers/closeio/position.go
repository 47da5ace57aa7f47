package closeio

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/outcome"
)

// position is how far a reading came: the moment to read on from, and the
// records of that moment and later that were given already. Within a reading of
// tasks, which goes by their creation, it is also where that stands.
type position struct {
	at   time.Time
	edge []uint64

	window  bool
	begun   time.Time // of a window under way: when it began
	created time.Time // the creation to go on from
	top     time.Time // the latest change seen
}

func (p position) set() bool { return !p.at.IsZero() || p.window && !p.begun.IsZero() }

// windowMark begins the position of an object that is read by windows.
const windowMark = "w"

func (p position) cursor() record.Cursor {
	if !p.set() {
		return ""
	}
	if p.window {
		parts := []string{windowMark, stampText(p.at)}
		if !p.begun.IsZero() {
			parts = append(parts, stampText(p.begun), stampText(p.created), stampText(p.top))
		}
		return record.Cursor(strings.Join(parts, " "))
	}
	text := stampText(p.at)
	if len(p.edge) > 0 {
		var b []byte
		for _, h := range p.edge {
			b = binary.BigEndian.AppendUint64(b, h)
		}
		text += " " + base64.RawURLEncoding.EncodeToString(b)
	}
	return record.Cursor(text)
}

// stampText writes a moment; a dash is none.
func stampText(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(stampForm)
}

func parseText(text string) time.Time {
	t, _ := time.Parse(stampForm, text)
	return t
}

func parsePosition(op string, c record.Cursor) (position, error) {
	if c == "" {
		return position{}, nil
	}
	var p position
	parts := strings.Split(string(c), " ")
	switch {
	case parts[0] == windowMark && (len(parts) == 2 || len(parts) == 5):
		p.window, p.at = true, parseText(parts[1])
		if len(parts) == 5 {
			p.begun, p.created, p.top = parseText(parts[2]), parseText(parts[3]), parseText(parts[4])
		}
	case len(parts) <= 2:
		p.at = parseText(parts[0])
		if len(parts) == 2 {
			p.edge = parseEdge(parts[1])
		}
	}
	// Only what was given out is taken back: parsers are lenient.
	if !p.set() || p.cursor() != c {
		return position{}, providers.Errorf(providers.Broken, op, "%q is no position of this system", short(string(c)))
	}
	return p, nil
}

func parseEdge(text string) []uint64 {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b)%8 != 0 {
		return nil
	}
	var out []uint64
	for ; len(b) > 0; b = b[8:] {
		out = append(out, binary.BigEndian.Uint64(b))
	}
	return out
}

// given remembers which records, in which state, were given already, as far back
// as they can come again.
type given map[uint64]int64

// carried marks what an earlier reading gave and this one has not met.
const carried = math.MaxInt64

func newGiven(edge []uint64) given {
	g := make(given, 2*pageSize)
	for _, h := range edge {
		g[h] = carried
	}
	return g
}

// mark stands for a record in the state of one moment.
func mark(id []byte, stamp time.Time) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(id)
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(stamp.UnixNano()))
	_, _ = h.Write(b[:])
	return h.Sum64()
}

// fresh notes a record and reports whether it is new here. It is forgotten once
// the reading has passed key.
func (g given) fresh(m uint64, key time.Time) bool {
	_, known := g[m]
	g[m] = key.UnixNano()
	return !known
}

func (g given) has(m uint64) bool {
	_, ok := g[m]
	return ok
}

// pass forgets what cannot come again behind t. A service that compares whole
// seconds brings all of t's second again.
func (g given) pass(t time.Time) {
	before := t.Truncate(time.Second).UnixNano()
	for m, key := range g {
		if key < before {
			delete(g, m)
		}
	}
}

// from returns the marks of what was met at t or later; none where they are many,
// for they are then simply read again.
func (g given) from(t time.Time) []uint64 {
	var out []uint64
	for m, key := range g {
		if key >= t.UnixNano() && key != carried {
			if out = append(out, m); len(out) > edgeMost {
				return nil
			}
		}
	}
	slices.Sort(out)
	return out
}

// endPosition returns where the next reading begins after one that reached its
// end: at the latest change seen, never later than safe. Where nothing was seen
// before that, everything up to safe is known to be nothing.
func endPosition(top, safe, since time.Time, g given) position {
	at := top
	if at.IsZero() && since.IsZero() {
		at = safe
	}
	at = grain(later(earlier(at, safe), since))
	return position{at: at, edge: g.from(at)}
}

// pause waits, or ends with the context.
func pause(ctx context.Context, op string, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return outcome.NoAnswer(ctx, op, ctx.Err())
	}
}

// grain cuts a moment to what can be asked for.
func grain(t time.Time) time.Time { return t.Truncate(time.Millisecond) }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
