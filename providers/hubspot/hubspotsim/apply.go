package hubspotsim

import (
	"slices"
	"strings"
)

// apply carries out a draft that plan found good.
func (w *writer) apply(d *draft) {
	if d.fresh {
		d.n = uint32(len(w.o.rows))
		w.o.rows = append(w.o.rows, row{created: w.at, modified: w.at, source: w.source, modifier: w.source})
	}
	seq := w.o.rows[d.n].seq
	w.before(w.o, d.n, d.fresh)
	w.put(d)
	switch {
	case w.quiet:
		w.o.rows[d.n].seq = seq
	case len(d.in.Properties) > 0:
		w.o.rows[d.n].modified, w.o.rows[d.n].modifier = w.at, w.source
	}
	w.note(d)
	for _, l := range d.links {
		w.connect(l.p, d.n, l.m, l.k, true)
		w.noteLink(l, d.n, OpAssociate)
	}
	if d.company != nil {
		w.applyCompany(d)
	}
	if d.fresh && w.o.name == "contacts" && w.switches.autoCompanies {
		w.adoptCompany(d)
	}
}

func (w *writer) applyCompany(d *draft) {
	if d.company.k.primary {
		w.connect(d.company.p, d.n, d.company.m, d.company.k, false)
		return
	}
	w.setPrimary(d.company.p, d.n, 0, false)
}

// adoptCompany finds or makes the company of a new contact's e-mail domain, as
// the portal's setting "create and associate companies with contacts" does.
func (w *writer) adoptCompany(d *draft) {
	companies := w.object("companies")
	p := w.pair(w.o, companies)
	_, domain, ok := strings.Cut(w.outcome(d, "email"), "@")
	if !ok || w.o.rows[d.n].primary(w.store) != nil {
		return
	}
	at := companies.byName["domain"]
	m := slices.IndexFunc(companies.rows, func(r row) bool {
		return r.life == live && strings.EqualFold(r.stored(at).val, domain)
	})
	if m < 0 {
		made := w.writer(companies, OpCreate)
		made.human, made.source = true, byPortal
		company := &draft{in: recordInput{Properties: props{{"domain", domain}, {"name", domain}}}}
		made.plan(company)
		if company.err != nil {
			return
		}
		made.apply(company)
		m = int(company.n)
	}
	w.connect(p, d.n, uint32(m), linkKind{primary: true}, false)
}

// archive moves a live row into the recycle bin. Its associations are not told
// any more, and its unique values are free.
func (s *store) archive(o *objectType, n uint32) {
	s.before(o, n, false)
	s.setLife(o, n, archived)
	s.cutLinks(o, n)
	o.rows[n].more().archivedAt = s.now()
	o.rows[n].modified = s.now()
}

func (s *store) cutLinks(o *objectType, n uint32) {
	for len(o.rows[n].links) > 0 {
		l := o.rows[n].links[0]
		if !s.disconnect(s.pair(o, s.objects[l.obj]), n, l.n) {
			return
		}
	}
}

// merge lets row lose go into row win: win keeps its values and takes what it
// lacks, the addresses, the associations and the ids of the other.
func (s *store) merge(o *objectType, win, lose uint32) {
	s.before(o, win, false)
	s.before(o, lose, false)
	s.setLife(o, lose, merged)
	now := s.now()
	loser := o.rows[lose]
	for _, p := range o.props {
		if c := loser.stored(p); c.val != "" && o.rows[win].stored(p).val == "" {
			s.set(o, win, p, newCell(c.val, now, byPortal))
		}
	}
	s.mergeEmails(o, win, &loser)
	for _, l := range append([]link(nil), loser.links...) {
		p := s.pair(o, s.objects[l.obj])
		back := o.rows[win].primary(s)
		s.disconnect(p, lose, l.n)
		if l.obj == o.num && l.n == win {
			continue
		}
		s.connect(p, win, l.n, linkKind{mask: l.mask, primary: l.primary && (back == nil || !p.single)}, false)
	}
	o.rows[lose].more().into = win
	r := o.rows[win].more()
	r.merged = append(r.merged, lose)
	if loser.rare != nil {
		r.merged = append(r.merged, loser.rare.merged...)
	}
	o.rows[win].modified = now
}

func (s *store) mergeEmails(o *objectType, win uint32, loser *row) {
	email, more := o.byName["email"], o.byName["hs_additional_emails"]
	if email == nil || more == nil {
		return
	}
	r := &o.rows[win]
	own := r.stored(email).val
	var list []string
	for _, v := range []string{r.stored(more).val, loser.stored(email).val, loser.stored(more).val} {
		for a := range strings.SplitSeq(v, ";") {
			if a != "" && a != own && !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
	}
	s.set(o, win, more, newCell(strings.Join(list, ";"), s.now(), byPortal))
}
