package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"crmsyncd/state"
)

// Piece is a part of a copy of the state, in their order.
type Piece struct {
	Data []byte `json:"data"`
}

// CopyView says how large a copy is.
type CopyView struct {
	Bytes int64 `json:"bytes"`
}

// opCopy sends a copy of the state, as it is at one moment, piece by piece. It is made
// beside the state first, so that a slow reader keeps no page of the state from being
// used again.
func opCopy(_ context.Context, a *API, _ json.RawMessage, s *sender) (any, error) {
	name := state.Aside(a.Store.Path())
	defer func() { _ = os.Remove(name) }()
	if err := a.Store.Snapshot(name); err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	n, err := io.Copy(pieces{s}, f)
	if err != nil {
		return nil, fmt.Errorf("send the copy: %w", err)
	}
	return CopyView{n}, nil
}

// pieces sends what is written to it.
type pieces struct{ s *sender }

func (p pieces) Write(b []byte) (int, error) { return len(b), p.s.item(Piece{b}) }
