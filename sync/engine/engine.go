// Package engine carries out one run of one system in one flow. A pull reads a
// system and settles what it says into the hub; a push selects what changed in
// the hub and writes it to a system. It is the only package that holds
// providers and the state together.
//
// What holds at every line of it:
//
//  1. Nothing is remembered as done before it is done. The position moves last.
//  2. A cut between any two steps costs repeated work, never a lost or doubled
//     record: a create leaves an intent first, and an open intent is looked up
//     before anything is made again.
//  3. A position never passes what is neither settled nor held.
//  4. One run per system at a time; the daemon sees to it.
//  5. A decision is taken inside the write transaction, against the rows as
//     they are at that moment.
//  6. Nothing deletes: the type of a write has no such value.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// System is one outside system with what its provider can do. A nil capability
// is one that the provider lacks.
type System struct {
	Name      string
	Provider  providers.Provider
	Reader    providers.Reader
	Getter    providers.Getter
	Finder    providers.Finder
	Writer    providers.Writer
	Describer providers.Describer
	Completer providers.Completer
	Grouper   providers.Grouper
	Chooser   providers.KeyChooser
	Children  providers.ChildReader
	Events    providers.Eventer
	Organizer providers.Organizer
	Pinner    providers.Pinner
	// Vendor names the kind of system: no two of one kind may open the same
	// organization. Access is what it is opened with, its address and its client
	// and no secret: another one voids what was found out by the one before.
	Vendor, Access string

	WritesOff bool // decide and report only
	UserOurs  bool // the credential's user writes for nobody else
}

// NewSystem asks the provider once what it can do.
func NewSystem(name string, p providers.Provider) *System {
	s := &System{Name: name, Provider: p}
	s.Reader, _ = p.(providers.Reader)
	s.Getter, _ = p.(providers.Getter)
	s.Finder, _ = p.(providers.Finder)
	s.Writer, _ = p.(providers.Writer)
	s.Describer, _ = p.(providers.Describer)
	s.Completer, _ = p.(providers.Completer)
	s.Grouper, _ = p.(providers.Grouper)
	s.Chooser, _ = p.(providers.KeyChooser)
	s.Children, _ = p.(providers.ChildReader)
	s.Events, _ = p.(providers.Eventer)
	s.Organizer, _ = p.(providers.Organizer)
	s.Pinner, _ = p.(providers.Pinner)
	return s
}

// Guard is a limit that bites only when both numbers are passed.
type Guard struct {
	Percent int
	Floor   int
}

// passed reports whether n of total is too many.
func (g Guard) passed(n, total int) bool {
	return n > g.Floor && n*100 > g.Percent*total
}

// idle reports whether at most n of at least total cannot be too many.
func (g Guard) idle(n, total int) bool {
	return n <= g.Floor || g.Percent >= 100 || n*100 <= g.Percent*total
}

// Guards limit floods (D22).
type Guards struct {
	Removals   Guard
	Overwrites Guard
}

// Options is what an Engine works with. Store, Mapping and Systems are needed.
type Options struct {
	Store   *state.Store
	Mapping *fieldmap.Mapping
	Systems map[string]*System
	Guards  Guards
	Logger  *slog.Logger
	Now     func() time.Time
	Zone    *time.Location // what "today" means
	Config  uint64         // fingerprint of the configuration, for the journal
	Journal state.JournalLimits
	// OnChange hears of every write as it is decided, with old and new values
	// where they are known. It is how a plan is shown.
	OnChange func(plan.Change)
	// OnProgress hears how far a long run is.
	OnProgress func(Progress)
	// Spool is how many changed records a stage writes straight into the state
	// before it goes over to the spool; 0 means 2,000.
	Spool int
	// dry is set on the copy that plans: writes go to a recorder.
	dry bool
	// bonds, where it is set, keeps which organizations the systems open, instead
	// of Store.
	bonds *state.Store
}

// Progress says how far a run is.
type Progress struct {
	System, Object, Step string
	Done, Total          int
}

// Request asks for a run.
type Request struct {
	System  string
	Full    bool
	Objects []string // none means all; names of the system's objects
	Trigger string   // schedule, catch_up, signal, command, after_pull, back_fill
	// Backfill reads everything of the objects that are behind, for the rules
	// that are new or changed. See Behind.
	Backfill bool
	// GiveWay is called between the pages of a full run, with nothing open: a
	// routine run of the same system that is due goes first there.
	GiveWay func(context.Context)
}

// Engine runs pulls and pushes. Two runs of one system must not overlap.
type Engine struct {
	opt  Options
	log  *slog.Logger
	now  func() time.Time
	book *ledger.Book
	// joins are the routes whose records may turn out to be the same as those of a
	// route, and are noted when they do: routes that list only what changed.
	joins map[*ledger.Route][]*ledger.Route
	calls callCount
}

// ErrGuard is returned by a run that a guard stopped; the run's Plan names the
// plan that waits to be accepted.
var ErrGuard = errors.New("stopped by a guard")

// New returns an engine, after giving every name of the mapping its number.
func New(opt Options) (*Engine, error) {
	if opt.Store == nil || opt.Mapping == nil {
		return nil, errors.New("engine: a store and a mapping are needed")
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Zone == nil {
		opt.Zone = time.UTC
	}
	if opt.Spool == 0 {
		opt.Spool = 2000
	}
	if opt.OnProgress == nil {
		opt.OnProgress = func(Progress) {}
	}
	book, err := ledger.Bind(opt.Store, opt.Mapping)
	if err != nil {
		return nil, err
	}
	e := &Engine{opt: opt, log: opt.Logger, now: opt.Now, book: book, joins: map[*ledger.Route][]*ledger.Route{}}
	for _, r := range book.Routes {
		e.joins[r] = e.joined(r)
	}
	return e, nil
}

// joined finds, for a pull route, the others whose records may be the same.
func (e *Engine) joined(r *ledger.Route) (out []*ledger.Route) {
	for _, other := range e.book.Routes {
		if r.Direction != fieldmap.Pull || other.Direction != fieldmap.Pull || r.Hub != other.Hub || r.System == other.System || len(other.Match) == 0 {
			continue
		}
		if sys := e.opt.Systems[other.System]; sys != nil && sys.Reader != nil && sys.Reader.Incremental(other.Object) {
			out = append(out, other)
		}
	}
	return out
}

// meta reads one note of the state.
func (e *Engine) meta(key string) (string, error) {
	var value string
	err := e.opt.Store.View(func(tx *state.Tx) error { value = string(tx.Meta(key)); return nil })
	if err != nil {
		return "", fmt.Errorf("read %s of the state: %w", key, err)
	}
	return value, nil
}

// Mapping returns the mapping that the engine works with.
func (e *Engine) Mapping() *fieldmap.Mapping { return e.opt.Mapping }

// Store returns the state.
func (e *Engine) Store() *state.Store { return e.opt.Store }

// Now is the engine's clock.
func (e *Engine) Now() time.Time { return e.now() }

// Flows says which flows a system has: it is pulled from, pushed to, or both.
func (e *Engine) Flows(system string) (pull, push bool) {
	for _, r := range e.book.RoutesOf(system) {
		if r.Direction == fieldmap.Pull {
			pull = true
		} else {
			push = true
		}
	}
	return pull, push
}

// Due reports whether a push of this system has anything to do: whether its
// positions stand behind the counter. It makes no call.
func (e *Engine) Due(system string) (bool, error) {
	due := false
	err := e.opt.Store.View(func(tx *state.Tx) error {
		for _, r := range e.book.RoutesOf(system) {
			if r.Direction != fieldmap.Push || due {
				continue
			}
			var err error
			if due, err = e.pushDue(tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	return due, err
}

// Pull reads the system's objects, parents first, and settles them in the hub.
// The returned run is recorded in the state whatever happens.
func (e *Engine) Pull(ctx context.Context, req Request) (state.Run, error) {
	if req.Backfill {
		behind, err := e.Behind(req.System)
		if err != nil || len(behind) == 0 {
			return state.Run{}, err
		}
		req.Objects = behind
	}
	return e.pass(ctx, "pull", req, pullObject)
}

// Push writes what changed in the hub to the system, parents first.
func (e *Engine) Push(ctx context.Context, req Request) (state.Run, error) {
	if sys := e.opt.Systems[req.System]; sys != nil && sys.WritesOff && !e.opt.dry {
		return e.pushOff(ctx, req)
	}
	return e.pass(ctx, "push", req, pushObject)
}
