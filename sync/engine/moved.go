package engine

import (
	"context"
	"errors"
	"fmt"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
)

// Move is a system whose host was renamed: what its links belong to, and what it
// opens now.
type Move struct {
	System   string `json:"system"`
	From     string `json:"from"`
	FromName string `json:"from_name,omitempty"`
	To       string `json:"to"`
	ToName   string `json:"to_name,omitempty"`
	Done     bool   `json:"done"`
}

// The journal's words for it.
const (
	movedObject = "system"
	movedReason = "moved_by_person"
)

// Moved lets the links of a system whose host was renamed belong to the host that
// its address names now. It does so where both are named, or with yes; else it
// only tells them. A system that has an id of its own needs it for no renamed
// host, and under another id it is another system.
func (e *Engine) Moved(ctx context.Context, system, from, to string, yes bool) (Move, error) {
	sys := e.opt.Systems[system]
	if sys == nil {
		return Move{}, fmt.Errorf("no system is named %q", system)
	}
	known, err := e.bondOf(system)
	if err != nil {
		return Move{}, err
	}
	if known.org == "" {
		return Move{}, fmt.Errorf("%s was never read or written, so nothing belongs to another address", system)
	}
	id, err := whoIs(ctx, sys, known, false)
	if at := elsewhere(err); at != nil {
		id, err = *at, nil
	}
	if err != nil {
		return Move{}, fmt.Errorf("ask %s who it is: %w", system, err)
	}
	m := Move{System: system, From: known.org, FromName: known.Name, To: id.Org, ToName: id.Name}
	if err := errors.Join(m.refused(id.Host, from, to), e.alone(ctx, sys, id, proving{})); err != nil {
		return m, err
	}
	if !yes && (from == "" || to == "") {
		return m, nil
	}
	if err := e.move(sys, known, id); err != nil {
		return m, err
	}
	m.Done = true
	e.log.Warn("the links of a system belong to another host from now on", "system", system, "from", m.From, "to", m.To)
	return m, nil
}

// refused says why a system has not moved, or not from there to here.
func (m *Move) refused(host bool, from, to string) error {
	switch {
	case m.To == m.From:
		return fmt.Errorf("the links of %s belong to %s, and that is what it opens: nothing has moved", m.System, orgText(m.From, m.FromName))
	case !host:
		return fmt.Errorf("%s opens %s, and its links belong to %s: that is another organization, no renamed host; "+
			"put the former address and credential back, or name it as a system of its own in crmsyncd.yaml",
			m.System, orgText(m.To, m.ToName), orgText(m.From, m.FromName))
	case from != "" && from != m.From:
		return fmt.Errorf("the links of %s belong to %s, not to %s", m.System, m.From, from)
	case to != "" && to != m.To:
		return fmt.Errorf("%s is at %s by its configuration, not at %s", m.System, m.To, to)
	}
	return nil
}

// move writes the new host down, and who was there before into the journal.
func (e *Engine) move(sys *System, known bond, id providers.Identity) error {
	entry := state.JournalEntry{
		At: e.now().Unix(), Object: movedObject, System: e.book.System(sys.Name), Remote: id.Org,
		Old: record.Of(known.org), OldKnown: state.OldRead, New: record.Of(id.Org), Reason: movedReason, Config: e.opt.Config,
	}
	now := bond{org: id.Org, place: place{Name: id.Name, Opens: id.Org, Access: e.access(sys)}}
	return e.bonds().Update(func(tx *state.Tx) error {
		if err := writeBond(tx, sys.Name, now); err != nil {
			return err
		}
		return tx.Journal([]state.JournalEntry{entry})
	})
}
