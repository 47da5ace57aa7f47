package rest

import (
	"fmt"
	"sync"
	"time"
)

// budget keeps the day's quota. Between two answers that tell it, it counts
// itself, for some answers tell nothing.
type budget struct {
	reserve float64
	recheck time.Duration

	mu      sync.Mutex
	used    int
	limit   int
	learned time.Time
}

// admit refuses when the quota is used up to the reserve. Once in a while it
// lets one request through to see whether the day has turned.
func (b *budget) admit() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.limit == 0 {
		return nil
	}
	if open := int(float64(b.limit) * (1 - b.reserve)); b.used >= open {
		if time.Since(b.learned) < b.recheck {
			return fmt.Errorf("%w: %d of %d used, %.0f%% are left to others", ErrBudget, b.used, b.limit, 100*b.reserve)
		}
		b.learned = time.Now()
	}
	b.used++
	return nil
}

func (b *budget) learn(used, limit int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used, b.limit, b.learned = used, limit, time.Now()
}

func (b *budget) known() (used, limit int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used, b.limit
}
