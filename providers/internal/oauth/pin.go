package oauth

import (
	"context"
	"sync"

	"crmsyncd/providers"
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
func (p *Pin) Token(ctx context.Context, credential string, t rest.Token, ask func(ctx context.Context, t rest.Token) (org string, err error)) (rest.Token, error) {
	p.mu.Lock()
	pinned, known := p.org, credential != "" && credential == p.proved
	p.mu.Unlock()
	if pinned != "" && !known {
		org, err := ask(ctx, t)
		if err != nil {
			return rest.Token{}, err
		}
		if err := Same(pinned, org); err != nil {
			return rest.Token{}, err
		}
	}
	p.mu.Lock()
	p.proved = credential
	p.mu.Unlock()
	return t, nil
}

// Check compares the organization that a token told with the pinned one.
func (p *Pin) Check(org string) error {
	p.mu.Lock()
	pinned := p.org
	p.mu.Unlock()
	if pinned == "" || org == "" {
		return nil
	}
	return Same(pinned, org)
}

// Same refuses a credential of another organization than the one that is known.
func Same(pinned, org string) error {
	if pinned == org {
		return nil
	}
	e := providers.Errorf(providers.Denied, Op, "the credential opens the organization %q, and %q is the one that was synchronized", rest.Short(org, 80), pinned)
	e.Hint = "put the former credential back, or give the other organization a system and a state of its own"
	return e
}
