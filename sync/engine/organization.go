package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"crmsyncd/providers"
	"crmsyncd/state"
)

// Links belong to a system and to the organization that it opened when they were
// made. Which one it opens is proved in every run, before the first call that
// reads or writes data there; see gate.

// bond is the organization that a system's links belong to, and where the system
// led when that was last proved.
type bond struct {
	org string // empty before the first run that read or wrote something
	place
}

// place is what of a bond stands beside the organization's id.
type place struct {
	Name   string `json:",omitempty"` // of the organization that the links belong to
	Opens  string `json:",omitempty"` // what the system opened when it was last proved
	Access string `json:",omitempty"` // digest of the address and the client that opened it
}

func orgKey(system string) string   { return "org:" + system }
func placeKey(system string) string { return "place:" + system }

// bondOf returns what is known of a system. A place that is damaged is learned
// again; whom the links belong to is not.
func (e *Engine) bondOf(system string) (b bond, err error) {
	err = e.bonds().View(func(tx *state.Tx) error { b.org = string(tx.Meta(orgKey(system))); return nil })
	if err == nil {
		err = e.bonds().View(func(tx *state.Tx) error {
			if json.Unmarshal(tx.Meta(placeKey(system)), &b.place) != nil {
				b.place = place{}
			}
			return nil
		})
		if errors.Is(err, state.ErrDamaged) {
			b.place, err = place{}, nil
		}
	}
	if err != nil {
		return b, fmt.Errorf("look which organization the links of %s belong to: %w", system, err)
	}
	return b, nil
}

// bonds is the state that keeps them.
func (e *Engine) bonds() *state.Store {
	return cmp.Or(e.opt.bonds, e.opt.Store)
}

// access is the digest of what a system is opened with. No secret is part of it.
func (e *Engine) access(sys *System) string {
	return fmt.Sprintf("%016x", uint64(e.book.Key.Bytes([]byte(sys.Access))))
}

// proving says what a proof may leave behind.
type proving struct {
	asks    bool // who it is, whatever the token tells
	learns  bool // where the system leads
	belongs bool // at first contact: from now on links belong to what it opens
}

// prove makes sure that a system opens the organization that its links belong
// to, and that no other system opens the same. It costs one call at most, and
// none where the token tells; only systems of one vendor that never proved
// themselves cost one more each.
func (e *Engine) prove(ctx context.Context, sys *System, how proving) (providers.Identity, error) {
	known, err := e.bondOf(sys.Name)
	if err != nil {
		return providers.Identity{}, err
	}
	id, err := whoIs(ctx, sys, known, how.asks)
	if err != nil {
		return id, ourWords(sys, known, fmt.Errorf("identify %s: %w", sys.Name, err))
	}
	if known.org != "" && known.org != id.Org {
		err = notOurs(sys, known, id)
	} else {
		err = e.alone(ctx, sys, id, how)
	}
	if err == nil && sys.Pinner != nil && (known.org != "" || how.belongs) {
		sys.Pinner.Pin(id.Org)
	}
	if how.learns {
		how.belongs = how.belongs && err == nil
		err = errors.Join(err, e.learn(sys, known, id, how.belongs))
	}
	return id, err
}

// whoIs asks which organization a system opens. A system that is known by its
// host alone is not called where the host is another one.
func whoIs(ctx context.Context, sys *System, known bond, ask bool) (providers.Identity, error) {
	if sys.Organizer != nil {
		id, err := sys.Organizer.Organization(ctx)
		if err != nil {
			return id, err // the caller says what of
		}
		if id.Org == known.org {
			id.Name = cmp.Or(id.Name, known.Name)
		}
		other := known.org != "" && known.org != id.Org
		if id.Org != "" && id.Name != "" && (!ask || id.Host && other) {
			return id, nil
		}
	}
	return sys.Provider.Identify(ctx) // the caller says what of
}

// learn remembers where a system leads, and at first contact whom its links
// belong to.
func (e *Engine) learn(sys *System, known bond, id providers.Identity, belongs bool) error {
	now := known
	now.Opens, now.Access = id.Org, e.access(sys)
	if known.org == "" || known.org == id.Org {
		now.Name = cmp.Or(id.Name, known.Name)
	}
	if known.org == "" && belongs {
		now.org = id.Org
	}
	return e.putBond(sys.Name, known, now)
}

func (e *Engine) putBond(system string, was, now bond) error {
	if was == now || e.bonds().ReadOnly() {
		return nil
	}
	return e.bonds().Update(func(tx *state.Tx) error { return writeBond(tx, system, now) })
}

func writeBond(tx *state.Tx, system string, b bond) error {
	text, err := json.Marshal(b.place)
	if err != nil {
		return fmt.Errorf("remember the organization of %s: %w", system, err)
	}
	if b.org != "" {
		if err := tx.SetMeta(orgKey(system), []byte(b.org)); err != nil {
			return err
		}
	}
	return tx.SetMeta(placeKey(system), text)
}

// otherWait is how long another system is waited for that has to say who it is.
const otherWait = 20 * time.Second

// alone refuses an organization that another system of the configuration opens
// too: each would take what the other wrote for somebody's edit, and make
// everything a second time (C3.3).
func (e *Engine) alone(ctx context.Context, sys *System, id providers.Identity, how proving) error {
	for _, name := range slices.Sorted(maps.Keys(e.opt.Systems)) {
		other := e.opt.Systems[name]
		if name == sys.Name || sys.Vendor == "" || other.Vendor != sys.Vendor {
			continue
		}
		opens, err := e.opens(ctx, other, id.Org, how)
		if err != nil {
			return err
		}
		if opens == id.Org {
			return twins(sys.Name, name, id)
		}
	}
	return nil
}

// opens returns the organization that another system opens: what it did when it
// was last proved, by the same address and client. Where that is not known, or
// is the very one that must not be, it is asked; one that does not answer has to
// prove itself before it does anything.
func (e *Engine) opens(ctx context.Context, other *System, unwanted string, how proving) (string, error) {
	b, err := e.bondOf(other.Name)
	if err != nil {
		return "", err
	}
	last := ""
	if b.Access == e.access(other) {
		last = b.Opens
	}
	if last != "" && last != unwanted {
		return last, nil
	}
	ctx, cancel := context.WithTimeout(ctx, otherWait)
	defer cancel()
	id, err := whoIs(ctx, other, b, false)
	if at := elsewhere(err); at != nil {
		id, err = *at, nil
	}
	if err != nil {
		e.log.Warn("not known which organization another system opens", "system", other.Name, "err", err)
		return last, nil
	}
	if how.learns {
		err = e.learn(other, b, id, false)
	}
	return id.Org, err
}

// elsewhere returns the organization that a pinned provider met instead of its
// own, nil where that is not what the error is about.
func elsewhere(err error) *providers.Identity {
	var e *providers.Error
	if errors.As(err, &e) {
		return e.Elsewhere
	}
	return nil
}

// ourWords names both organizations where a provider met another than its own.
func ourWords(sys *System, known bond, err error) error {
	if at := elsewhere(err); at != nil && known.org != "" {
		return notOurs(sys, known, *at)
	}
	return err
}

// notOurs says that a system leads to another organization than the one that its
// links belong to.
func notOurs(sys *System, known bond, id providers.Identity) error {
	e := providers.Errorf(providers.Denied, "identify "+sys.Name,
		"it opens %s, but its links belong to %s, so nothing is read, written or removed", orgText(id.Org, id.Name), orgText(known.org, known.Name))
	e.Elsewhere = &id
	if id.Host {
		e.Hint = fmt.Sprintf("if the host was only renamed: crmsyncd system moved %s --from %s --to %s; otherwise put the former address back, "+
			"or name the other one as a system of its own in crmsyncd.yaml", sys.Name, known.org, id.Org)
		return e
	}
	e.Hint = "put the former address and credential back, or name the other organization as a system of its own in crmsyncd.yaml"
	return e
}

func twins(one, other string, id providers.Identity) error {
	e := providers.Errorf(providers.Denied, "identify "+one,
		"%s and %s open the same organization, %s, so neither reads or writes anything", one, other, orgText(id.Org, id.Name))
	e.Hint = "give one of them the address and credential of its own organization, or take it out of crmsyncd.yaml"
	return e
}

// orgText is an organization as people know it.
func orgText(org, name string) string {
	switch {
	case name == "":
		return org
	case strings.Contains(name, org):
		return name
	}
	return fmt.Sprintf("%s (%s)", name, org)
}
