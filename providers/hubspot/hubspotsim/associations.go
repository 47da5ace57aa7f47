package hubspotsim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// The limits of association batches.
// https://developers.hubspot.com/docs/api/crm/associations (last checked 2026-11-22)
const (
	maxTieBatch     = 2000
	maxTieReadBatch = 1000
)

// tieInput is an association in a batch; archive has many ends, others one.
type tieInput struct {
	From  idRef       `json:"from"`
	To    idRef       `json:"to"`
	Type  string      `json:"type"` // v3
	Types []assocSpec `json:"types"`
}

// serveAssociations serves what is below /crm/associations/{version}/{from}/{to}.
func (c *call) serveAssociations() *Error {
	if len(c.path) < 3 {
		return notFound()
	}
	from, to := c.store.object(c.path[0]), c.store.object(c.path[1])
	if from == nil || to == nil {
		return invalid("Unable to infer object type from: " + c.path[0] + ", " + c.path[1])
	}
	need := "read"
	if c.writes() {
		need = "write"
	}
	for _, o := range []*objectType{from, to} {
		if err := c.scope("crm.objects." + o.name + "." + need); err != nil {
			return err
		}
	}
	p, verb := c.store.pair(from, to), strings.Join(c.path[2:], "/")
	if verb == "labels" || verb == "types" {
		return c.serveLabels(p)
	}
	if c.r.Method != http.MethodPost {
		return notAllowed()
	}
	return c.serveTieBatch(p, verb)
}

func (c *call) serveTieBatch(p *pair, verb string) *Error {
	switch verb {
	case "batch/read":
		return c.readTies(p)
	case "batch/create":
		return c.tieMany(p, false)
	case "batch/associate/default":
		return c.tieMany(p, true)
	case "batch/archive":
		return c.untieMany(p)
	case "batch/labels/archive":
		return c.unlabelMany(p)
	}
	return notFound()
}

func (c *call) sendTies(status int, results []any, errs []*Error) {
	if results == nil {
		results = []any{}
	}
	now := formatTime(c.store.now())
	answer := map[string]any{"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
	if len(errs) > 0 {
		answer["numErrors"], answer["errors"] = len(errs), errs
		if !c.store.switches.foldStatus {
			status = http.StatusMultiStatus
		}
	}
	c.sendValue(status, answer)
}

// readTies serves batch/read. Records without an association are left out.
func (c *call) readTies(p *pair) *Error {
	c.calls.count(CallAssociationsMany, p.from.name)
	var in struct {
		Inputs []struct {
			ID    text `json:"id"`
			After text `json:"after"`
		} `json:"inputs"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if len(in.Inputs) > maxTieReadBatch {
		return tooLarge(maxTieReadBatch, len(in.Inputs))
	}
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	var results []any
	var missing []string
	for _, x := range in.Inputs {
		n, ok := c.store.seen(p.from).find(string(x.ID))
		if !ok {
			missing = append(missing, string(x.ID))
			continue
		}
		first, _ := strconv.Atoi(string(x.After))
		list, next := c.ties(p, n, first, maxTies)
		if len(list) == 0 {
			continue
		}
		answer := map[string]any{"from": map[string]string{"id": p.from.id(n)}, "to": list}
		if c.version == "v3" {
			answer["to"] = c.namedTies(p, n)
		}
		if next > 0 {
			answer["paging"] = map[string]any{"next": map[string]any{"after": strconv.Itoa(next)}}
		}
		results = append(results, answer)
	}
	var errs []*Error
	if len(missing) > 0 {
		e := notFound()
		e.Message = "Some " + p.from.upper() + " objects do not exist"
		e.Context = map[string][]string{"fromObjectId": missing}
		errs = append(errs, e.inBatch("", ""))
	}
	c.sendTies(http.StatusOK, results, errs)
	return nil
}

// namedTies are the ties as v3 tells them, with a name per type.
func (c *call) namedTies(p *pair, n uint32) []map[string]string {
	list := []map[string]string{}
	for i := range p.from.rows[n].links {
		l := &p.from.rows[n].links[i]
		if l.obj != p.to.num || c.store.hides(p.to, l.n) {
			continue
		}
		for _, t := range p.types(l) {
			list = append(list, map[string]string{"id": p.to.id(l.n), "type": p.legacyName(t)})
		}
	}
	return list
}

// plannedTie is one association of a batch that was found good.
type plannedTie struct {
	n, m uint32
	k    linkKind
}

// tieMany serves batch/create and batch/associate/default: one that is bad
// refuses all.
func (c *call) tieMany(p *pair, byDefault bool) *Error {
	c.calls.count(CallAssociateMany, p.from.name)
	var in struct {
		Inputs []tieInput `json:"inputs"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if len(in.Inputs) > maxTieBatch {
		return tooLarge(maxTieBatch, len(in.Inputs))
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	status := http.StatusOK
	if !byDefault && c.version < strictFrom || c.legacy() && !byDefault {
		status = http.StatusCreated
	}
	if c.silenced() {
		c.sendTies(status, nil, nil)
		return nil
	}
	plan, err := c.planTies(p, in.Inputs, byDefault)
	if err != nil {
		return err
	}
	results := make([]any, 0, len(plan))
	var errs []*Error
	for _, t := range plan {
		if err := c.bind(p, t.n, t.m, t.k, !byDefault); err != nil {
			errs = append(errs, err.inBatch("", ""))
			continue
		}
		switch {
		case byDefault:
			results = append(results, c.tellDefault(p, t.n, t.m)...)
		case c.version == "v3":
			results = append(results, map[string]any{"from": map[string]string{"id": p.from.id(t.n)}, "to": map[string]string{"id": p.to.id(t.m)}, "type": p.from.singular + "_to_" + p.to.singular})
		default:
			results = append(results, c.tellBound(p, t.n, t.m))
		}
	}
	c.sendTies(status, results, errs)
	return nil
}

func (c *call) planTies(p *pair, inputs []tieInput, byDefault bool) ([]plannedTie, *Error) {
	plan := make([]plannedTie, 0, len(inputs))
	var bad []string
	for i := range inputs {
		x := &inputs[i]
		k, err := c.kindOf(p, x, byDefault)
		if err != nil {
			return nil, err
		}
		n, m, err := c.ends(p, string(x.From.ID), string(x.To.ID))
		if err != nil {
			bad = append(bad, err.Context["INVALID_OBJECT_IDS"]...)
			continue
		}
		plan = append(plan, plannedTie{n, m, k})
	}
	if len(bad) > 0 {
		return nil, badAssociations(bad)
	}
	return plan, nil
}

func (c *call) kindOf(p *pair, x *tieInput, byDefault bool) (linkKind, *Error) {
	switch {
	case byDefault:
		return linkKind{types: []int{p.plain}}, nil
	case c.version == "v3":
		k, ok := p.byName(x.Type)
		if !ok {
			return k, invalid("There is no association type " + x.Type)
		}
		return k, nil
	case len(x.Types) == 0:
		return linkKind{}, invalid("an association needs types")
	}
	k, unknown := p.kind(x.Types)
	if unknown != nil {
		return k, c.store.wrongType(p.from, *unknown)
	}
	return k, nil
}

// untieMany serves batch/archive: each input has one from and many to.
func (c *call) untieMany(p *pair) *Error {
	c.calls.count(CallDisassociateMany, p.from.name)
	var in struct {
		Inputs []struct {
			From idRef  `json:"from"`
			To   idRefs `json:"to"`
		} `json:"inputs"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if len(in.Inputs) > maxTieBatch {
		return tooLarge(maxTieBatch, len(in.Inputs))
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	for _, x := range in.Inputs {
		for _, to := range x.To {
			n, m, err := c.ends(p, string(x.From.ID), string(to.ID))
			if err == nil && c.store.disconnect(p, n, m) {
				c.store.noteTie(p, n, m, nil, OpDisassociate)
			}
		}
	}
	c.doneUntying()
	return nil
}

// doneUntying answers an archive: without a body in legacy versions.
func (c *call) doneUntying() {
	if c.legacy() {
		c.status = http.StatusNoContent
		return
	}
	c.sendTies(http.StatusOK, nil, nil)
}

func (c *call) unlabelMany(p *pair) *Error {
	c.calls.count(CallDisassociateMany, p.from.name)
	var in struct {
		Inputs []tieInput `json:"inputs"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	if len(in.Inputs) > maxTieBatch {
		return tooLarge(maxTieBatch, len(in.Inputs))
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	for i := range in.Inputs {
		x := &in.Inputs[i]
		k, unknown := p.kind(x.Types)
		if unknown != nil {
			return c.store.wrongType(p.from, *unknown)
		}
		if n, m, err := c.ends(p, string(x.From.ID), string(x.To.ID)); err == nil {
			c.store.unlabel(p, n, m, k)
			c.store.noteTie(p, n, m, k.types, OpDisassociate)
		}
	}
	c.doneUntying()
	return nil
}

// serveLabels lists the types of a pair, or makes a label.
func (c *call) serveLabels(p *pair) *Error {
	c.calls.count(CallLabels, p.from.name)
	if c.r.Method == http.MethodPost {
		return c.makeLabel(p)
	}
	if c.r.Method != http.MethodGet {
		return notAllowed()
	}
	c.store.mu.RLock()
	defer c.store.mu.RUnlock()
	all := &link{primary: true, mask: 1<<len(p.labels) - 1}
	results := []any{}
	for _, t := range p.types(all) {
		if c.version == "v3" {
			results = append(results, map[string]string{"id": strconv.Itoa(t.TypeID), "name": p.legacyName(t)})
			continue
		}
		told := typeJSON{Category: t.Category, TypeID: t.TypeID}
		if label := t.Label; label != "" {
			told.Label = &label
		}
		results = append(results, told)
	}
	c.sendValue(http.StatusOK, map[string]any{"results": results})
	return nil
}

func (c *call) makeLabel(p *pair) *Error {
	var in struct {
		Label   string `json:"label"`
		Name    string `json:"name"`
		Inverse string `json:"inverseLabel"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	fill(&in.Inverse, in.Label)
	if in.Label == "" || in.Name == "" {
		return invalid("label and name are required")
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	id, back, err := c.store.addLabel(p.from, p.to, in.Label, in.Inverse)
	if err != nil {
		return invalid(fmt.Sprint(err))
	}
	results := []any{typeJSON{definedByUser, id, &in.Label}}
	if back != id {
		results = append(results, typeJSON{definedByUser, back, &in.Inverse})
	}
	c.sendValue(http.StatusOK, map[string]any{"results": results})
	return nil
}

// idRefs is one reference or a list of them.
type idRefs []idRef
