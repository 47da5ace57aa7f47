package hubspot

import (
	"context"
	"sync"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

var _ providers.KeyChooser = (*Client)(nil)

// chosenFor is how long the answer of Describe serves FindsBy: a property does
// not become unique later, so only a new one is missed, and not for long.
const chosenFor = time.Hour

// chooser remembers what objects look like, for FindsBy alone.
type chooser struct {
	mu      sync.Mutex
	schemas map[string]providers.Schema
	at      map[string]time.Time
}

// FindsBy reports whether Find takes this key: only unique properties can be
// looked up surely; search lags behind writes and is no proof of absence.
func (c *Client) FindsBy(ctx context.Context, object string, key record.Field) (bool, error) {
	c.chosen.mu.Lock()
	defer c.chosen.mu.Unlock()
	s, ok := c.chosen.schemas[object]
	if !ok || time.Since(c.chosen.at[object]) > chosenFor {
		var err error
		if s, err = c.Describe(ctx, object); err != nil {
			return false, err
		}
		if c.chosen.schemas == nil {
			c.chosen.schemas, c.chosen.at = map[string]providers.Schema{}, map[string]time.Time{}
		}
		c.chosen.schemas[object], c.chosen.at[object] = s, time.Now()
	}
	return s.Fields[key.Name].FindBy, nil
}
