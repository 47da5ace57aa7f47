package daemon

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Piece is a part of a copy of the state, in their order.
type Piece struct {
	Data []byte `json:"data"`
}

// CopyView says how large a copy is.
type CopyView struct {
	Bytes int64 `json:"bytes"`
}

// pieceSize is how much of a copy is held in memory.
const pieceSize = 256 << 10

// opCopy sends a copy of the state, as it is at one moment, piece by piece. It is made
// beside the state first, so that a slow reader keeps no page of the state from being
// used again.
func opCopy(ctx context.Context, a *API, _ json.RawMessage, s *sender) (any, error) {
	name := fmt.Sprintf("%s.copy-%s.tmp", a.Store.Path(), rand.Text()) // opening removes what a kill left of it
	defer func() { _ = os.Remove(name) }()
	if err := a.Store.Snapshot(name); err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var v CopyView
	buf := make([]byte, pieceSize)
	for ctx.Err() == nil {
		n, err := io.ReadFull(f, buf)
		if n > 0 {
			v.Bytes += int64(n)
			if err := s.item(Piece{buf[:n]}); err != nil {
				return nil, err
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return v, nil
		default:
			return nil, fmt.Errorf("read the copy: %w", err)
		}
	}
	return nil, ctx.Err()
}
