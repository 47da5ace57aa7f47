package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
)

// Source is one object of a system as the audit reads it. It only reads.
type Source struct {
	Route     *fieldmap.Route
	Key       record.Key
	Provider  providers.Provider
	Reader    providers.Reader
	Getter    providers.Getter
	Completer providers.Completer
	Rests     map[int]bool // rules whose remote field is gone for now
	Now       func() time.Time

	buf    []byte
	asked  []record.Field
	places []int // where asked has each field of the route, -1 where it has not
	costly bool  // a field needs a call per record
}

// errNoLast is returned for a listing that ended before its last page.
var errNoLast = errors.New("the listing ended before its last page")

// fields are what is asked for: all that the route reads and the system has.
func (s *Source) fields() []record.Field {
	if s.places != nil {
		return s.asked
	}
	for i, f := range s.Route.ReadFields() {
		if s.Rests[i] {
			s.places = append(s.places, -1)
			continue
		}
		s.places, s.asked = append(s.places, len(s.asked)), append(s.asked, f)
		s.costly = s.costly || s.Completer != nil && s.Completer.Costly(s.Route.Object, f)
	}
	return s.asked
}

// List reads the whole object, page after page. The records of a page are fn's
// to keep.
func (s *Source) List(ctx context.Context, fn func(page []Remote, total int) error) error {
	q := providers.Query{Object: s.Route.Object, Fields: s.fields(), Full: true}
	last, readAt := false, s.Now()
	for page, err := range s.Reader.Read(ctx, q) {
		if err != nil {
			return fmt.Errorf("list %s: %w", s.Route.Object, err)
		}
		if !page.ReadAt.IsZero() {
			readAt = page.ReadAt
		}
		recs, err := s.convert(ctx, page.Records, page.Gone, readAt)
		if err == nil {
			err = fn(recs, page.Total)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		last, readAt = page.Last, s.Now()
	}
	if !last {
		return fmt.Errorf("list %s: %w", s.Route.Object, errNoLast)
	}
	return nil
}

// ByID reads records by id. Those that the system does not have are left out;
// refused says of which it would not tell.
func (s *Source) ByID(ctx context.Context, ids []string) (found []Remote, refused map[string]*providers.Error, err error) {
	readAt := s.Now()
	recs, errs, err := s.Getter.Get(ctx, s.Route.Object, s.fields(), ids)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s by id: %w", s.Route.Object, err)
	}
	refused = map[string]*providers.Error{}
	for _, e := range errs {
		refused[e.Ref.ID] = e
	}
	found, err = s.convert(ctx, recs, nil, readAt)
	return found, refused, err
}

// convert turns records as they were sent into values.
func (s *Source) convert(ctx context.Context, recs []record.Record, gone []string, readAt time.Time) ([]Remote, error) {
	if fields := s.fields(); s.costly && len(recs) > 0 {
		if err := s.Completer.Complete(ctx, s.Route.Object, fields, recs); err != nil {
			return nil, fmt.Errorf("complete %s: %w", s.Route.Object, err)
		}
	}
	out := make([]Remote, len(recs))
	for i := range recs {
		out[i] = s.Convert(&recs[i], gone)
		out[i].ReadAt = readAt
	}
	return out, nil
}

// Convert turns a record as it was sent into values: one with all that the
// route reads and the system has, in that order. A field that is gone is
// unreadable.
func (s *Source) Convert(rec *record.Record, gone []string) Remote {
	all := s.Route.ReadFields()
	out := Remote{ID: rec.ID, Version: rec.Version, Values: make([]record.Value, len(all)), Faults: make([]string, len(all))}
	if len(s.fields()) == len(all) && !s.costly {
		out.Raw, s.buf = s.Key.Raw(s.Route.Fingerprint, rec, s.buf)
	}
	for i, f := range all {
		at := s.places[i]
		if at < 0 || slices.Contains(gone, f.Name) {
			out.Values[i] = record.UnreadableValue()
			continue
		}
		v, err := s.read(i, f, rec.Raw[at])
		if err != nil {
			out.Faults[i] = faultOf(err)
			continue
		}
		out.Values[i] = v
	}
	return out
}

// read converts one field. A rule with an explicit repair reads the value
// itself, for the provider refuses what is to be repaired (R11).
func (s *Source) read(i int, f record.Field, raw []byte) (record.Value, error) {
	if i < len(s.Route.Fields) && s.Route.Fields[i].Repair != "" {
		return s.Route.Fields[i].Read(raw)
	}
	return s.Provider.Convert(s.Route.Object, f, raw)
}

// faultOf is the reason of a conversion error, without any value.
func faultOf(err error) string {
	var e *providers.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err.Error()
	}
	return err.Error()
}
