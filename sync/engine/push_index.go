package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"crmsyncd/fieldmap"
	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/state"
)

// lookUp asks the target for the records that have one of these values: by a
// call of its own where the target can, else through our index of its keys and
// a read by id.
func (p *pusher) lookUp(ctx context.Context, key fieldmap.MatchKey, fields []record.Field, values []record.Value) ([]record.Record, error) {
	if p.sys.Chooser != nil {
		can, err := p.sys.Chooser.FindsBy(ctx, p.r.Object, p.keyField(key))
		if err != nil {
			return nil, err
		}
		if !can {
			return p.lookUpIndexed(ctx, key, fields, values)
		}
	}
	return p.sys.Finder.Find(ctx, p.r.Object, fields, p.keyField(key), values)
}

// lookUpIndexed reads by id what the index of this key suggests.
func (p *pusher) lookUpIndexed(ctx context.Context, key fieldmap.MatchKey, fields []record.Field, values []record.Value) ([]record.Record, error) {
	if err := p.index(ctx); err != nil {
		return nil, err
	}
	var ids []string
	err := p.opt.Store.View(func(tx *state.Tx) error {
		for _, v := range values {
			text := key.Compare.Key(v)
			if text == "" {
				continue
			}
			found, err := tx.RemoteKeys(p.req.System, p.r.Object, indexed(key)).Find(p.book.Key.Bytes([]byte(text)))
			if err != nil {
				return err
			}
			ids = append(ids, found...)
		}
		return nil
	})
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	slices.Sort(ids)
	recs, _, err := p.sys.Getter.Get(ctx, p.r.Object, fields, slices.Compact(ids))
	return recs, err
}

// indexed names the index of a match key.
func indexed(key fieldmap.MatchKey) string { return key.Remote + ":" + key.Compare.String() }

// keyIndex is how far the index of a target's keys was filled.
type keyIndex struct {
	Keys   []string
	Cursor record.Cursor
}

// index lists the target's records into the index of its keys: all of them the
// first time and when the keys change, then once a run what changed since.
func (p *pusher) index(ctx context.Context) error {
	if p.indexed {
		return nil
	}
	if p.sys.Reader == nil || p.sys.Getter == nil {
		return providers.Errorf(providers.Broken, "list "+p.r.Object, "%s can neither look a key up nor list its records", p.req.System)
	}
	keys, err := p.indexedKeys(ctx)
	if err != nil {
		return err
	}
	at, err := p.loadIndex(keys)
	if err != nil {
		return err
	}
	if err := p.mergeIndex(ctx); err != nil {
		return err
	}
	fields := make([]record.Field, len(keys))
	for i, k := range keys {
		fields[i] = p.keyField(k)
	}
	q := providers.Query{Object: p.r.Object, Fields: fields, Since: at.Cursor}
	for page, err := range p.sys.Reader.Read(ctx, q) {
		if err != nil {
			return fmt.Errorf("list %s for matching: %w", p.r.Object, err)
		}
		if page.Next != "" {
			at.Cursor = page.Next
		}
		if err := p.indexPage(&page, keys, fields, at); err != nil {
			return err
		}
	}
	p.indexed = true
	return p.mergeIndex(ctx)
}

// indexedKeys are the match keys that the target cannot look up.
func (p *pusher) indexedKeys(ctx context.Context) ([]fieldmap.MatchKey, error) {
	var out []fieldmap.MatchKey
	for _, k := range p.keys {
		can, err := p.sys.Chooser.FindsBy(ctx, p.r.Object, p.keyField(k))
		if err != nil {
			return nil, err
		}
		if !can {
			out = append(out, k)
		}
	}
	return out, nil
}

func (p *pusher) indexMeta() string { return "keyindex:" + p.r.Key() }

// loadIndex reads how far the index is, and begins anew when the keys are other
// ones.
func (p *pusher) loadIndex(keys []fieldmap.MatchKey) (keyIndex, error) {
	at := keyIndex{}
	for _, k := range keys {
		at.Keys = append(at.Keys, indexed(k))
	}
	var known keyIndex
	if err := p.opt.Store.View(func(tx *state.Tx) error {
		if b := tx.Meta(p.indexMeta()); b != nil {
			return json.Unmarshal(b, &known)
		}
		return nil
	}); err != nil {
		return at, err
	}
	if slices.Equal(known.Keys, at.Keys) {
		return known, nil
	}
	return at, p.opt.Store.Update(func(tx *state.Tx) error {
		for _, k := range known.Keys {
			if err := tx.RemoteKeys(p.req.System, p.r.Object, k).Drop(); err != nil {
				return err
			}
		}
		return tx.SetMeta(p.indexMeta(), nil)
	})
}

// indexPage makes one page of keys durable with the cursor behind it.
func (p *pusher) indexPage(page *record.Page, keys []fieldmap.MatchKey, fields []record.Field, at keyIndex) error {
	var entries []state.Entry
	for i := range page.Records {
		rec := &page.Records[i]
		for k, key := range keys {
			v, err := p.sys.Provider.Convert(p.r.Object, fields[k], rec.Raw[k])
			if err != nil {
				continue // a value that does not fit its type matches nothing
			}
			if text := key.Compare.Key(v); text != "" {
				row := binary.BigEndian.AppendUint64([]byte{byte(k)}, uint64(p.book.Key.Bytes([]byte(text))))
				entries = append(entries, state.Entry{Key: append(row, rec.ID...)})
			}
		}
	}
	mark, err := json.Marshal(at)
	if err != nil {
		return err
	}
	return p.opt.Store.Update(func(tx *state.Tx) error {
		if err := tx.SetMeta(p.indexMeta(), mark); err != nil || len(entries) == 0 {
			return err
		}
		return p.keySpool().Append(tx, entries)
	})
}

func (p *pusher) keySpool() *state.Spool { return p.opt.Store.Spool("keys/" + p.r.Key()) }

// mergeIndex brings the spooled keys into their indexes.
func (p *pusher) mergeIndex(ctx context.Context) error {
	var known keyIndex
	err := p.opt.Store.View(func(tx *state.Tx) error {
		if b := tx.Meta(p.indexMeta()); b != nil {
			return json.Unmarshal(b, &known)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return p.keySpool().Merge(ctx, 0, func(tx *state.Tx, en state.Entry) error {
		const head = 9
		if len(en.Key) <= head || int(en.Key[0]) >= len(known.Keys) {
			return nil // a key that is not asked for any more
		}
		d := record.Digest(binary.BigEndian.Uint64(en.Key[1:head]))
		return tx.RemoteKeys(p.req.System, p.r.Object, known.Keys[en.Key[0]]).Add(d, string(en.Key[head:]))
	})
}
