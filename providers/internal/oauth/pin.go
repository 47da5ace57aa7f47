package oauth

import (
	"context"
	"sync"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/outcome"
	"crmsyncd/providers/internal/rest"
)

// Pin holds a client to the organization that it was proved for. The zero Pin
// holds it to none.
type Pin struct {
	mu     sync.Mutex
	org    string
	proved string // the credential that was proved last
}

// Set names the organization; empty for none.
func (p *Pin) Set(org string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.org = org
}

// Token returns a token once it is sure that its credential, such as a key or a
// grant, opens the pinned organization. ask finds that out where another
// credential was used before; it is asked for nothing else. A token is proved
// the same way where credential is empty.
func (p *Pin) Token(ctx context.Context, credential string, t rest.Token, ask func(context.Context, rest.Token) (providers.Identity, error)) (rest.Token, error) {
	p.mu.Lock()
	pinned, known := p.org, credential != "" && credential == p.proved
	p.mu.Unlock()
	if pinned != "" && !known {
		id, err := ask(ctx, t)
		if err != nil {
			return rest.Token{}, err
		}
		if err := Same(pinned, id); err != nil {
			return rest.Token{}, err
		}
		if told, ok := ctx.Value(provingKey{}).(*providers.Identity); ok {
			*told = id
		}
	}
	p.mu.Lock()
	p.proved = credential
	p.mu.Unlock()
	return t, nil
}

type provingKey struct{}

// Admit makes sure that there is a token. Where a Pin had to ask what it opens, the
// answer is returned, so that a proof by that very answer need not ask again;
// otherwise Org is empty.
func Admit(ctx context.Context, c *rest.Client, op string) (told providers.Identity, err error) {
	if err := c.Admit(context.WithValue(ctx, provingKey{}, &told)); err != nil {
		return providers.Identity{}, outcome.NoAnswer(ctx, op, err)
	}
	return told, nil
}

// Check compares the organization that a token told with the pinned one.
func (p *Pin) Check(id providers.Identity) error {
	p.mu.Lock()
	pinned := p.org
	p.mu.Unlock()
	if pinned == "" || id.Org == "" {
		return nil
	}
	return Same(pinned, id)
}

// Same refuses a credential of another organization than the one that is known.
func Same(pinned string, id providers.Identity) error {
	if pinned == id.Org {
		return nil
	}
	e := providers.Errorf(providers.Denied, Op, "the credential opens the organization %q, and %q is the one that was synchronized", rest.Short(id.Org, 80), pinned)
	e.Elsewhere = &id
	e.Hint = "put the former credential back, or give the other organization a system and a state of its own"
	return e
}
