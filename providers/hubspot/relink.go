package hubspot

import (
	"context"
	"net/http"
	"slices"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
	"crmsyncd/providers/internal/outcome"
	"crmsyncd/providers/internal/rest"
)

// pair is one association to be written for the patch at place i.
type pair struct {
	i     int
	to    string
	types []linkType
}

// associate writes the association fields of patches, each by calls of its own:
// only their answers confirm it.
func (w *write) associate(ctx context.Context) *providers.Error {
	for name := range w.linkFields() {
		pairs, a := w.pairs(name)
		if len(pairs) == 0 {
			continue
		}
		if err := w.relink(ctx, name, a, pairs); err != nil {
			return err
		}
	}
	return nil
}

// linkFields yields the names of the association fields that patches carry.
func (w *write) linkFields() func(yield func(string) bool) {
	seen := map[string]struct{}{}
	return func(yield func(string) bool) {
		for i := range w.patches {
			for j := range w.patches[i].Fields {
				name := w.patches[i].Fields[j].Name
				if !isAssociation(name) {
					continue
				}
				if _, again := seen[name]; again {
					continue
				}
				seen[name] = struct{}{}
				if !yield(name) {
					return
				}
			}
		}
	}
}

// pairs returns what is to be written of one association field, for the patches
// that nothing went wrong with so far.
func (w *write) pairs(name string) (pairs []pair, a association) {
	for i := range w.patches {
		if w.results[i].Err != nil {
			continue
		}
		for j := range w.patches[i].Fields {
			f := &w.patches[i].Fields[j]
			if f.Name != name {
				continue
			}
			spec, to, _ := w.target(f)
			a, pairs = spec, append(pairs, pair{i: i, to: to})
		}
	}
	return pairs, a
}

// relink makes each pair an association of the wanted type. Writing the types
// of a pair replaces those it has, so they are read and sent along: labels that
// people set are not lost. What is so already costs nothing more.
//
// https://developers.hubspot.com/docs/api/crm/associations, last checked 2026-11-22.
func (w *write) relink(ctx context.Context, name string, a association, pairs []pair) *providers.Error {
	open, err := w.unlinked(ctx, a, pairs)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(open, linksPerWrite) {
		if err := w.sendLinks(ctx, name, a, batch); err != nil {
			return err
		}
	}
	return nil
}

// unlinked returns the pairs that are no association of the wanted type yet,
// with all types that they are to have. The others are done.
func (w *write) unlinked(ctx context.Context, a association, pairs []pair) ([]pair, *providers.Error) {
	ids := make([]string, len(pairs))
	for n, p := range pairs {
		ids[n] = w.patches[p.i].ID
	}
	all, err := w.c.readLinks(ctx, w.call, objectType(w.object), a.to, ids)
	if err != nil {
		return nil, outcome.AsError(err)
	}
	want := linkType{hubspotDefined, a.typeID}
	open := pairs[:0:0]
	for _, p := range pairs {
		p.types = []linkType{want}
		links := all[w.patches[p.i].ID]
		if at := slices.IndexFunc(links, func(l link) bool { return l.to == p.to }); at >= 0 {
			if links[at].has(want) {
				w.done(p.i)
				continue
			}
			p.types = append(p.types, links[at].types...)
		}
		open = append(open, p)
	}
	return open, nil
}

// sendLinks writes associations with one call, and cuts a call that is refused
// as a whole in two until the pair at fault stands alone.
func (w *write) sendLinks(ctx context.Context, name string, a association, pairs []pair) *providers.Error {
	resp, err := w.c.send(ctx, call{op: w.call.op, kind: kindAssociate, verb: updating}, rest.Request{
		Method: http.MethodPost, Path: w.c.paths.associations(objectType(w.object), a.to, "/batch/create"),
		Body: w.linksBody(pairs), Idempotent: true,
	})
	if err == nil {
		defer resp.Release()
		return w.noteLinks(ctx, name, a, pairs, resp.Body)
	}
	e := outcome.AsError(err)
	switch {
	case !ofRecord(e.Kind):
		return e
	case len(pairs) == 1:
		w.failLink(pairs[0].i, name, e)
		return nil
	}
	half := len(pairs) / 2
	if err := w.sendLinks(ctx, name, a, pairs[:half]); err != nil {
		return err
	}
	return w.sendLinks(ctx, name, a, pairs[half:])
}

func (w *write) linksBody(pairs []pair) []byte {
	b := make([]byte, 0, 20+len(pairs)*140)
	b = append(b, `{"inputs":[`...)
	for n, p := range pairs {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"from":{"id":"`...)
		b = append(b, w.patches[p.i].ID...)
		b = append(b, `"},"to":{"id":"`...)
		b = append(b, p.to...)
		b = append(b, `"},"types":[`...)
		for m, t := range p.types {
			if m > 0 {
				b = append(b, ',')
			}
			b = appendType(b, t)
		}
		b = append(b, ']', '}')
	}
	return append(b, ']', '}')
}

// noteLinks takes the answer in. A pair that it names neither as made nor as
// refused is read: associations have been seen to be dropped in silence.
func (w *write) noteLinks(ctx context.Context, name string, a association, pairs []pair, body []byte) *providers.Error {
	made, faults, err := parseMade(w.call.op, body)
	if err != nil {
		return err
	}
	var silent []pair
	for _, p := range pairs {
		from := w.patches[p.i].ID
		f, refused := faultOf(faults, from, p.to)
		switch {
		case slices.Contains(made, link2{from, p.to}):
			w.done(p.i)
		case refused:
			w.failLink(p.i, name, errorOf(w.call.op, creating, f))
		default:
			silent = append(silent, p)
		}
	}
	if len(silent) == 0 {
		return nil
	}
	open, err := w.unlinked(ctx, a, silent)
	if err != nil {
		return err
	}
	for _, p := range open {
		w.failLink(p.i, name, providers.Errorf(providers.Transient, w.call.op, "the association was not made, and the answer does not say why"))
	}
	return nil
}

// link2 names both ends of an association.
type link2 struct{ from, to string }

// parseMade reads what an answer says was made and what was not.
func parseMade(op string, body []byte) ([]link2, []fault, *providers.Error) {
	p, err := jsonwalk.New(jsonwalk.Shape{
		Array: "results", Head: []string{"errors"}, Fields: []string{"fromObjectId", "toObjectId", "from.id", "to.id"},
	}).Walk(body)
	if err != nil {
		return nil, nil, providers.Errorf(providers.Transient, op, "read the answer about associations: %w", err)
	}
	var made []link2
	for i := range p.Len() {
		row := p.Row(i)
		if row == nil {
			continue
		}
		for at := 0; at < len(row); at += 2 {
			from, ok := idOf(row[at])
			to, ok2 := idOf(row[at+1])
			if ok && ok2 {
				made = append(made, link2{from, to})
			}
		}
	}
	return made, parseFaults(p.Head[0]), nil
}

// faultOf returns the error that names this pair, or its first record alone.
func faultOf(faults []fault, from, to string) (fault, bool) {
	for _, f := range faults {
		if slices.Contains(f.IDs, from) && (len(f.To) == 0 || slices.Contains(f.To, to)) {
			return f, true
		}
	}
	return fault{}, false
}

// failLink notes that a patch's association was not written, whatever became of
// its properties.
func (w *write) failLink(i int, name string, e *providers.Error) {
	e = w.c.said(w.about(i, e))
	if !slices.Contains(e.Fields, name) {
		e.Fields = append(slices.Clone(e.Fields), name)
	}
	if e.Kind == providers.Missing || e.Kind == providers.Exists {
		// It is the other end that is gone, or one end that has its fill.
		e.Kind = providers.Rejected
	}
	w.results[i] = providers.Result{Err: e}
	w.answered = true
}

func (w *write) done(i int) {
	w.results[i].ID = w.patches[i].ID
	w.answered = true
}
