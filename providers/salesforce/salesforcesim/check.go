package salesforcesim

import "strings"

// check applies the org's rules to a draft whose target is known.
func (w *writer) check(d *draft, n uint32, exists bool) *Error {
	if w.guard != nil && exists {
		if err := w.guard(d.t, &d.t.rows[n]); err != nil {
			return err
		}
	}
	for _, step := range [...]func(*draft, uint32, bool) *Error{
		w.checkWritable, w.checkRefusals, w.checkRequired, w.checkReferences, w.checkLocks,
		w.checkCountry, w.checkDuplicateRules, w.checkUnique, w.checkRule,
	} {
		if err := step(d, n, exists); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) checkRule(d *draft, n uint32, exists bool) *Error {
	if w.rule == nil || w.human {
		return nil
	}
	id := ""
	if exists {
		id = d.t.id(n)
	}
	return w.rule(w.describe(d.t, id, d.cells, w.op, !exists, w.at))
}

func (w *writer) checkWritable(d *draft, _ uint32, exists bool) *Error {
	var readOnly []string
	for _, c := range d.cells {
		may := c.f.createable
		if exists {
			may = c.f.updateable
		}
		if w.human {
			may = c.f.sys == sysNone
		}
		if !may {
			readOnly = append(readOnly, c.f.name)
		}
	}
	if readOnly != nil {
		return notWritable(readOnly)
	}
	return nil
}

func (w *writer) checkRequired(d *draft, _ uint32, exists bool) *Error {
	var missing []string
	if !exists {
		for _, f := range d.t.obj.fields {
			if !f.required() || f.hidden {
				continue
			}
			if v, _ := d.get(f); v == "" {
				missing = append(missing, f.name)
			}
		}
	}
	for _, c := range d.cells {
		if c.val == "" && !c.f.nillable && (exists || !c.f.required()) {
			missing = append(missing, c.f.name)
		}
	}
	if missing != nil {
		return bad("REQUIRED_FIELD_MISSING", "Required fields are missing: ["+strings.Join(missing, ", ")+"]", missing...)
	}
	return nil
}

func (w *writer) checkReferences(d *draft, _ uint32, _ bool) *Error {
	for _, c := range d.cells {
		if err := w.checkReference(c); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) checkReference(c cell) *Error {
	if c.f.kind != "reference" || c.val == "" {
		return nil
	}
	t := w.tableOf(c.val)
	fits := false
	for _, to := range c.f.refersTo {
		fits = fits || (t != nil && t.obj.name == to)
	}
	if !fits {
		return bad("FIELD_INTEGRITY_EXCEPTION", c.f.label+": id value of incorrect type: "+c.val, c.f.name)
	}
	n, ok := t.find(c.val)
	switch {
	case !ok:
		return bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", c.f.name)
	case t.rows[n].life != live:
		return bad("ENTITY_IS_DELETED", "entity is deleted", c.f.name)
	case w.keepsFromAPI(t, n):
		return noAccess()
	}
	return nil
}

func (w *writer) checkUnique(d *draft, n uint32, exists bool) *Error {
	for _, c := range d.cells {
		if !c.f.unique || c.val == "" {
			continue
		}
		if other, taken := d.t.indexFor(c.f).first(c.f.fold(c.val)); taken && (!exists || other != n) {
			return bad("DUPLICATE_VALUE", "duplicate value found: "+c.f.name+" duplicates value on record with id: "+d.t.id(other))
		}
	}
	return nil
}

// checkLocks refuses a write that touches a locked record: itself, its key, or
// its parent.
func (w *writer) checkLocks(d *draft, n uint32, exists bool) *Error {
	if len(w.locks) == 0 {
		return nil
	}
	touched := []string{d.key}
	if exists {
		touched = append(touched, d.t.id(n))
	}
	for _, f := range d.t.obj.fields {
		if f.sys != sysNone || (!f.isKey() && f.kind != "reference") {
			continue
		}
		v, given := d.get(f)
		if !given && exists {
			v = d.t.rows[n].stored(f)
		}
		touched = append(touched, v)
	}
	for _, key := range touched {
		left, locked := w.locks[key]
		if key == "" || !locked || left == 0 {
			continue
		}
		if left > 0 {
			w.locks[key] = left - 1
		}
		return bad("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: "+key)
	}
	return nil
}

// checkCountry refuses a state without its country.
func (w *writer) checkCountry(d *draft, n uint32, exists bool) *Error {
	if !w.country {
		return nil
	}
	after := func(f *field) string {
		v, given := d.get(f)
		if !given && exists {
			v = d.t.rows[n].stored(f)
		}
		return v
	}
	for _, c := range d.cells {
		prefix, isState := strings.CutSuffix(c.f.name, "State")
		if !isState || c.val == "" || c.f.compound == "" {
			continue
		}
		if country := d.t.obj.byName[prefix+"Country"]; country != nil && after(country) == "" {
			return bad("FIELD_INTEGRITY_EXCEPTION",
				"A country/territory must be specified before specifying a state value for field: "+c.f.label, c.f.name)
		}
	}
	return nil
}

// duplicateResult is what a single call tells about a duplicate.
type duplicateResult struct {
	object, rule, id string
	allowSave        bool
}

func (w *writer) checkDuplicateRules(d *draft, n uint32, exists bool) *Error {
	for _, rule := range w.duplicates {
		f := d.t.obj.field(rule.Field)
		if f == nil || d.t.obj != w.schema.object(rule.Object) || (w.allowSave && !rule.Block) {
			continue
		}
		v, given := d.get(f)
		if !given || v == "" {
			continue
		}
		for _, other := range d.t.indexFor(f).get(f.fold(v)) {
			if exists && other == n {
				continue
			}
			err := bad("DUPLICATES_DETECTED", "Use one of these records?")
			name := "Standard_" + d.t.obj.name + "_Duplicate_Rule"
			err.duplicate = &duplicateResult{object: d.t.obj.name, rule: name, id: d.t.id(other), allowSave: !rule.Block}
			return err
		}
	}
	return nil
}

// append appends the result under its key, which v54 to v56 misspell.
func (r *duplicateResult) append(b []byte, version int) []byte {
	key := "duplicateResult"
	if version >= 54 && version <= 56 {
		key = "duplicateResut"
	}
	b = append(b, `,"`+key+`":{"allowSave":`...)
	if r.allowSave {
		b = append(b, "true"...)
	} else {
		b = append(b, "false"...)
	}
	b = append(b, `,"duplicateRule":"`+r.rule+`","duplicateRuleEntityType":"`+r.object+
		`","errorMessage":"Use one of these records?","matchResults":[{"entityType":"`+r.object+
		`","rule":"Standard_`+r.object+`_Match_Rule_v1_0","size":1,"success":true,"matchEngine":"FuzzyMatchEngine","errors":[],`+
		`"matchRecords":[{"record":{"attributes":{"type":"`+r.object+`"},"Id":"`+r.id+
		`"},"matchConfidence":100.0,"fieldDiffs":[],"additionalInformation":[]}]}]}`...)
	return b
}
