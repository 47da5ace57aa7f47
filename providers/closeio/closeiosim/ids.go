package closeiosim

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// The lengths of what follows the prefix; Close has both.
const (
	longID  = 43
	shortID = 22
)

// namer makes ids that follow from the seed and the order of making.
type namer struct {
	seed uint64
	n    uint64
}

func (m *namer) next(prefix string) string {
	m.n++
	length := longID
	switch prefix {
	case "ev_", "req_", "pipe_":
		length = shortID
	}
	b := make([]byte, 0, len(prefix)+length)
	b = append(b, prefix...)
	for round := uint64(0); len(b) < len(prefix)+length; round++ {
		h := mix(m.seed, m.n, round)
		for range min(10, len(prefix)+length-len(b)) {
			b = append(b, alphabet[h%62])
			h /= 62
		}
	}
	return string(b)
}

// mix is the SplitMix64 finalizer over its arguments.
func mix(parts ...uint64) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, p := range parts {
		h ^= p + 0x9e3779b97f4a7c15 + h<<6 + h>>2
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}
