package rest

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Token is a credential for a while.
type Token struct {
	Value   string
	Base    string    // where the system lives, if the token says so
	Expires time.Time // when to fetch a new one; zero: when it is refused
}

// TokenFunc fetches a token. It is never called twice at once.
type TokenFunc func(ctx context.Context) (Token, error)

// tokens hands out the current token and fetches one at a time.
type tokens struct {
	fetch TokenFunc
	turn  chan struct{} // holds one element while somebody fetches

	mu  sync.Mutex
	cur Token
}

func newTokens(fetch TokenFunc) *tokens {
	return &tokens{fetch: fetch, turn: make(chan struct{}, 1)}
}

func (t *tokens) get(ctx context.Context) (Token, error) {
	if t.fetch == nil {
		return Token{}, nil
	}
	if tok, ok := t.current(); ok {
		return tok, nil
	}
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return Token{}, fmt.Errorf("wait for an access token: %w", ctx.Err())
	}
	if tok, ok := t.current(); ok {
		return tok, nil
	}
	tok, err := t.fetch(ctx)
	if err != nil {
		return Token{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	if tok.Value == "" {
		return Token{}, fmt.Errorf("%w: the answer holds none", ErrToken)
	}
	t.mu.Lock()
	t.cur = tok
	t.mu.Unlock()
	return tok, nil
}

func (t *tokens) current() (Token, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cur, t.cur.Value != "" && (t.cur.Expires.IsZero() || time.Now().Before(t.cur.Expires))
}

// drop forgets a token that was refused, unless another has taken its place.
func (t *tokens) drop(old Token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cur.Value == old.Value {
		t.cur = Token{}
	}
}
