package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/ledger"
)

// puller reads one object of one system and settles it in the hub.
type puller struct {
	*run
	r         *ledger.Route
	fields    []record.Field
	costly    []int     // elements of fields that need a call per record
	standing            // where the route stands
	readAt    time.Time // when the page under way was asked for
	began     time.Time // when the pass began
	seen      bitset    // hub ids whose record the listing brought
	goes      bitset    // those of records that are out of scope, whatever becomes of their parent
	straight  int       // observations settled without the spool so far
	spool     *state.Spool
	late      *state.Spool // records that name a parent that is not there yet
	final     bool         // parents that are not there now will not come in this run
	again     []string     // records that must be read again by id
	byID      bool         // what is settled was read by id, not listed
	relook    bool         // what is settled is looked at again
	mark      int64        // of the notes that were made before the pass began
	listed    int
	rawBuf    []byte
	today     string
	suspended map[int]bool // rules whose remote field is gone (F19)
	children  []*ledger.Route
}

func newPuller(r *run, route *ledger.Route) *puller {
	st := r.opt.Store
	p := &puller{
		run: r, r: route, fields: route.ReadFields(), began: r.now(),
		spool: st.Spool("pull/" + route.Key()), late: st.Spool("late/" + route.Key()), today: r.today(),
	}
	for i, f := range p.fields {
		if r.sys.Completer != nil && r.sys.Completer.Costly(route.Object, f) {
			p.costly = append(p.costly, i)
		}
	}
	return p
}

// pullObject is one pull of one object.
func pullObject(ctx context.Context, r *run, route *ledger.Route) error {
	p := newPuller(r, route)
	p.mark = r.opt.Store.WakeMark()
	if r.sys.Reader == nil {
		return providers.Errorf(providers.Broken, "read "+route.Object, "%s cannot be read from", r.req.System)
	}
	if err := r.preflight(ctx); err != nil {
		return err
	}
	if err := p.mergeSpool(ctx); err != nil {
		return err
	}
	if err := p.loadStanding(); err != nil {
		return err
	}
	// What an earlier run left for later is older than all that this one reads.
	for _, step := range []func(context.Context) error{p.settleLate, p.lookAgain, p.list, p.mergeSpool, p.settleLate, p.readWoken, p.readAgain} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := p.settleUnseen(); err != nil {
		return err
	}
	if p.req.Full {
		if err := p.remove(ctx); err != nil {
			return err
		}
	}
	if err := p.followMoves(ctx); err != nil {
		return err
	}
	if err := p.compute(ctx); err != nil {
		return err
	}
	return p.save()
}

// list walks the listing page by page. Each page is durable before the next is
// asked for. One that stands for the notes about parents looks at all children
// again, for those that did not change may mean something else.
func (p *puller) list(ctx context.Context) error {
	if !p.incremental() || p.req.Full {
		parents, err := p.woken(state.WakeParent, 1)
		if err != nil {
			return err
		}
		p.relook = len(parents) > 0
		defer func() { p.relook = false }()
	}
	q := providers.Query{Object: p.r.Object, Fields: p.fields, Since: p.cursor, Full: p.req.Full}
	last, err := p.walk(ctx, p.sys.Reader.Read(ctx, q), true)
	if err != nil {
		return fmt.Errorf("read %s: %w", p.r.Object, err)
	}
	if !last {
		return providers.Errorf(providers.Transient, "read "+p.r.Object, "the listing ended before its last page")
	}
	return p.refuseEmpty()
}

// walk settles page after page and reports whether the last one was reached.
// Only a listing that moves the position gives way between its pages.
func (p *puller) walk(ctx context.Context, pages iter.Seq2[record.Page, error], moves bool) (last bool, err error) {
	p.readAt = p.now()
	for page, err := range pages {
		if err != nil {
			return false, err
		}
		if !moves {
			page.Next = ""
		}
		if err := p.page(ctx, &page); err != nil {
			return false, err
		}
		last = page.Last
		if moves {
			p.end = page.Next
			p.listed += len(page.Records)
			p.progress(p.r.Object, "read", p.listed, page.Total)
			p.giveWay(ctx)
		}
		if err := ctx.Err(); err != nil && !last {
			return false, err
		}
		p.readAt = p.now()
	}
	return last, nil
}

// refuseEmpty stops a route whose system suddenly has nothing: far more often a
// fault than the truth (F6).
func (p *puller) refuseEmpty() error {
	if p.listed > 0 || !p.everything() {
		return nil
	}
	open, err := p.countOpen(p.r)
	if err != nil || open == 0 {
		return err
	}
	e := providers.Errorf(providers.Broken, "read "+p.r.Object, "the listing is empty, but %d records of it are linked", open)
	e.Hint = "nothing was removed; look at the system and at the credential's rights"
	return e
}

// page settles one page: what did not change is left alone, the rest becomes
// observations.
func (p *puller) page(ctx context.Context, page *record.Page) error {
	if len(page.Gone) > 0 {
		if err := p.gone(ctx, page.Gone); err != nil {
			return err
		}
	}
	if !page.ReadAt.IsZero() {
		p.readAt = page.ReadAt
	}
	fresh, err := p.unsettled(page.Records)
	if err != nil {
		return err
	}
	if err := p.completeRecords(ctx, page.Records, fresh); err != nil {
		return err
	}
	obs := make([]observation, 0, len(fresh))
	for _, f := range fresh {
		obs = append(obs, p.observe(&page.Records[f.index], f.raw))
	}
	p.noteMet(p.r, len(page.Records))
	p.count("read", len(page.Records))
	p.count("unchanged", len(page.Records)-len(fresh))
	p.count("ignored", page.Ignored)
	if err := p.take(obs, page.Next, page.Total); err != nil {
		return err
	}
	if len(p.again) >= removeBatch {
		return p.readAgain(ctx)
	}
	return nil
}

// freshRecord is a record of a page that has to be looked at.
type freshRecord struct {
	index int
	raw   record.Digest
}

// unsettled returns the records whose raw digest is not the settled one.
func (p *puller) unsettled(recs []record.Record) ([]freshRecord, error) {
	relook := p.relooks()
	askAll := relook || p.req.Full && len(p.costly) > 0
	var fresh []freshRecord
	err := p.opt.Store.View(func(tx *state.Tx) error {
		links := p.r.Links(tx)
		for i := range recs {
			var raw record.Digest
			raw, p.rawBuf = p.book.Key.Raw(p.r.Fingerprint, &recs[i], p.rawBuf)
			hub, settled, st, ok := links.Peek(recs[i].ID)
			if ok {
				p.seen.set(uint64(hub))
			}
			same := settled == raw && st == state.LinkOpen && !askAll
			if ok && same && (!p.req.Full || links.Sound(hub)) {
				if err := p.auditUnchanged(tx, hub, &recs[i]); err != nil {
					return err
				}
				continue
			}
			if !ok && !relook && p.stillExcluded(tx, recs[i].ID, raw) {
				p.count("excluded", 1)
				continue
			}
			fresh = append(fresh, freshRecord{i, raw})
		}
		return nil
	})
	return fresh, err
}

// relooks reports whether what did not change is looked at again: a filter that
// asks for more than the record may give another verdict.
func (p *puller) relooks() bool {
	return p.relook || p.everything() && (p.r.Filter.UsesToday() || len(p.r.Filter.Systems()) > 0)
}

// completeRecords asks for the fields that need a call per record: of new and
// changed records only, and of all in a full run.
func (p *puller) completeRecords(ctx context.Context, recs []record.Record, fresh []freshRecord) error {
	if len(p.costly) == 0 {
		return nil
	}
	want := make([]record.Record, 0, len(fresh))
	for _, f := range fresh {
		want = append(want, recs[f.index])
	}
	if len(want) == 0 {
		return nil
	}
	if err := p.sys.Completer.Complete(ctx, p.r.Object, p.fields, want); err != nil {
		return fmt.Errorf("complete %s: %w", p.r.Object, err)
	}
	for i, f := range fresh {
		recs[f.index] = want[i]
	}
	return nil
}

// take makes observations durable: straight into the rows while they are few,
// through the spool when they are many. The cursor moves with them, unless a
// record of before has yet to be read again.
func (p *puller) take(obs []observation, next record.Cursor, total int) error {
	p.straight += len(obs)
	if len(obs) == 0 && !p.moves(next) {
		return nil
	}
	return p.opt.Store.Update(func(tx *state.Tx) error {
		tx.OneOfMany()
		if err := p.keep(tx, obs); err != nil {
			return err
		}
		if !p.moves(next) {
			return nil
		}
		return p.moveTo(tx, next, total)
	})
}

func (p *puller) keep(tx *state.Tx, obs []observation) error {
	if p.straight > p.opt.Spool {
		return p.spool.Append(tx, spoolEntries(obs))
	}
	for i := range obs {
		if err := errors.Join(p.settle(tx, &obs[i]), p.auditSettled(tx, &obs[i])); err != nil {
			return fmt.Errorf("settle %s/%s: %w", p.r.Key(), obs[i].remote, err)
		}
	}
	return nil
}

func spoolEntries(obs []observation) []state.Entry {
	out := make([]state.Entry, len(obs))
	for i := range obs {
		out[i] = state.Entry{Key: []byte(obs[i].remote), Data: obs[i].append(nil)}
	}
	return out
}

// mergeSpool settles what the spool holds, sorted by record.
func (p *puller) mergeSpool(ctx context.Context) error {
	var o observation
	dropped := 0
	err := p.spool.Merge(ctx, 0, func(tx *state.Tx, en state.Entry) error {
		if err := readObservation(en.Key, en.Data, &o); err != nil {
			return err
		}
		if o.fingerprint != p.r.Fingerprint {
			dropped++
			return nil
		}
		return errors.Join(p.settle(tx, &o), p.auditSettled(tx, &o))
	})
	lost := lostEntries(err)
	if err != nil && !lost {
		return fmt.Errorf("merge what was read of %s: %w", p.r.Object, err)
	}
	if dropped == 0 && !lost {
		return nil
	}
	if lost {
		p.log.Error("what was read is damaged in the state and is read again", "system", p.req.System, "object", p.r.Object, "err", err)
	}
	// The rows were read under other rules, or are damaged: everything is read
	// again from the start.
	p.dropped = true
	return p.opt.Store.Update(func(tx *state.Tx) error {
		if err := p.spool.Drop(tx); err != nil {
			return err
		}
		pos, _, _ := p.r.Position(tx) // damaged: nothing is known
		var back state.Position
		if fp, known := pos.Fields[filterName]; known {
			back.Fields = map[string]uint64{filterName: fp}
		}
		return p.r.SetPosition(tx, back)
	})
}

// lostEntries reports whether a merge found damaged entries. The others were
// merged.
func lostEntries(err error) bool {
	var lost *state.SpoolError
	return errors.As(err, &lost)
}

// faultOf is the reason of a conversion error, without any value.
func faultOf(err error) string {
	var e *providers.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err.Error()
	}
	return err.Error()
}

// today is the date in the configured zone.
func (e *Engine) today() string { return e.now().In(e.opt.Zone).Format(time.DateOnly) }
