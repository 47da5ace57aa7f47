package salesforcesim

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (c *call) options(op string) writeOptions {
	return writeOptions{
		op: op, credential: c.session,
		allowSave: strings.Contains(strings.ReplaceAll(strings.ToLower(c.r.Header.Get("Sforce-Duplicate-Rule-Header")), " ", ""), "allowsave=true"),
	}
}

// one decodes the record in the body and writes it.
func (c *call) one(t *table, d *decoder, prepare func(*draft), opt writeOptions) (outcome, *Error) {
	body, free, err := c.body()
	if err != nil {
		return outcome{}, err
	}
	defer free()
	c.store.mu.RLock()
	d.store, d.home, d.op = c.store, t, opt.op
	members, err := d.object(body)
	if err != nil {
		c.store.mu.RUnlock()
		return outcome{}, err
	}
	drafts := []draft{d.record(members)}
	c.store.mu.RUnlock()
	if prepare != nil {
		prepare(&drafts[0])
	}
	out := c.store.write(drafts, opt)[0]
	return out, out.err
}

func (c *call) create(t *table) *Error {
	c.calls.count(CallCreate, t.obj.name)
	out, err := c.one(t, &decoder{}, nil, c.options(OpCreate))
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", c.prefix+"/sobjects/"+t.obj.name+"/"+t.id(out.row))
	return c.answer(http.StatusCreated, func(b []byte) []byte {
		return append(b, `{"id":"`+t.id(out.row)+`","success":true,"errors":[]}`...)
	})
}

// byID serves one record addressed by its id.
func (c *call) byID(t *table, id string) *Error {
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		c.calls.count(CallRetrieve, t.obj.name)
		return c.retrieve(t, func() (uint32, *Error) { return c.findSingle(t, id) })
	case http.MethodPatch:
		c.calls.count(CallUpdate, t.obj.name)
		return c.update(t, id)
	case http.MethodDelete:
		c.calls.count(CallDelete, t.obj.name)
		return c.remove(t, id)
	}
	return c.wrongMethod("GET,HEAD,PATCH,DELETE")
}

// findSingle is find with the answers of the single-record resources. Locked.
func (c *call) findSingle(t *table, id string) (uint32, *Error) {
	if len(id) != 15 && len(id) != 18 {
		return 0, noSuchKey(id)
	}
	n, err := c.store.find(t, id)
	if err != nil && err.Code == "INVALID_CROSS_REFERENCE_KEY" || err == nil && t.hides(n, &t.rows[n]) {
		err = notFound()
	}
	return n, err
}

func noSuchKey(name string) *Error {
	return errorf(http.StatusNotFound, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: "+name)
}

func (c *call) retrieve(t *table, find func() (uint32, *Error)) *Error {
	c.rlock()
	n, err := find()
	if err != nil {
		return err
	}
	r := t.shows(n, c.store.now())
	if r == nil {
		return notFound()
	}
	fields, err := c.selected(t, c.r.URL.Query().Get("fields"))
	if err != nil {
		return err
	}
	c.w.Header().Set("Last-Modified", time.Unix(r.stamp, 0).UTC().Format(http.TimeFormat))
	if t.obj.name == "Account" {
		c.w.Header().Set("ETag", etag(t, n, r))
	}
	if err := c.condition(t, n, r); err != nil {
		return err
	}
	return c.answer(http.StatusOK, func(b []byte) []byte { return t.appendRecord(b, n, r, fields, c.prefix) })
}

// selected reads a list of field names; an empty one means all fields.
func (c *call) selected(t *table, list string) ([]*field, *Error) {
	if list == "" {
		return t.obj.visible(), nil
	}
	return t.obj.pick(strings.Split(list, ","))
}

func (o *object) pick(names []string) ([]*field, *Error) {
	fields := make([]*field, 0, len(names))
	for _, name := range names {
		f := o.field(strings.TrimSpace(name))
		if f == nil {
			return nil, noSuchColumn(name, o.name)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

func etag(t *table, n uint32, r *row) string {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, t.id(n), r.stamp, r.vals)
	return `"` + strconv.FormatUint(h.Sum64(), 36) + `--gzip"`
}

// condition checks the conditional headers. Entity tags count for accounts
// only; times have a grain of one second.
// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/intro_rest_conditional_requests.htm (last checked 2026-11-22)
func (c *call) condition(t *table, n uint32, r *row) *Error {
	read := c.r.Method != http.MethodPatch
	stale := errorf(http.StatusPreconditionFailed, "PRECONDITION_FAILED", "The record has been changed")
	if t.obj.name == "Account" {
		if tags := c.r.Header.Get("If-Match"); tags != "" && !hasTag(tags, etag(t, n, r)) {
			return stale
		}
		if tags := c.r.Header.Get("If-None-Match"); tags != "" && hasTag(tags, etag(t, n, r)) {
			if read {
				return errorf(http.StatusNotModified, "", "")
			}
			return stale
		}
	}
	if since, given, err := c.timeHeader("If-Unmodified-Since"); err != nil {
		return err
	} else if given && r.stamp > since {
		return stale
	}
	if since, given, err := c.timeHeader("If-Modified-Since"); err == nil && given && r.stamp <= since {
		if read {
			return errorf(http.StatusNotModified, "", "")
		}
		return stale
	}
	return nil
}

func hasTag(list, tag string) bool {
	for t := range strings.SplitSeq(list, ",") {
		if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == tag {
			return true
		}
	}
	return false
}

func (c *call) timeHeader(name string) (sec int64, given bool, fail *Error) {
	text := c.r.Header.Get(name)
	if text == "" {
		return 0, false, nil
	}
	t, err := http.ParseTime(text)
	if err != nil {
		return 0, true, bad("INVALID_HEADER", name+" is not a date")
	}
	return t.Unix(), true, nil
}

func (c *call) update(t *table, id string) *Error {
	opt := c.options(OpUpdate)
	c.store.mu.RLock()
	n, err := c.findSingle(t, id)
	c.store.mu.RUnlock()
	if err != nil {
		return err
	}
	opt.guard = func(t *table, r *row) *Error { return c.condition(t, n, r) }
	_, err = c.one(t, &decoder{keyPath: true}, func(d *draft) { d.id = id }, opt)
	if err != nil {
		return err
	}
	return c.noContent()
}

func (c *call) remove(t *table, id string) *Error {
	c.store.mu.RLock()
	_, err := c.findSingle(t, id)
	c.store.mu.RUnlock()
	if err != nil {
		return err
	}
	if out := c.store.remove([]string{id}, writeOptions{})[0]; out.err != nil {
		return out.err
	}
	return c.noContent()
}

// byKey serves one record addressed by a key field.
func (c *call) byKey(t *table, name, val string) *Error {
	c.store.mu.RLock()
	f := t.obj.field(name)
	c.store.mu.RUnlock()
	if f == nil || !f.isKey() {
		return noSuchKey(name)
	}
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		c.calls.count(CallRetrieve, t.obj.name)
		return c.retrieveByKey(t, f, val)
	case http.MethodPatch:
		c.calls.count(CallUpsert, t.obj.name)
		return c.upsert(t, f, val)
	case http.MethodDelete:
		c.calls.count(CallDelete, t.obj.name)
		return c.removeByKey(t, f, val)
	}
	return c.wrongMethod("GET,HEAD,PATCH,DELETE")
}

// hits finds the records with a key.
func (c *call) hits(t *table, f *field, val string) []uint32 {
	c.store.mu.Lock() // match may build an index
	defer c.store.mu.Unlock()
	return slices.DeleteFunc(c.store.match(t, f, val), func(n uint32) bool { return t.hides(n, &t.rows[n]) })
}

func (c *call) retrieveByKey(t *table, f *field, val string) *Error {
	rows := c.hits(t, f, val)
	if len(rows) > 1 {
		return c.multipleChoices(t, rows)
	}
	return c.retrieve(t, func() (uint32, *Error) {
		if len(rows) == 0 {
			return 0, notFound()
		}
		return rows[0], nil
	})
}

func (c *call) removeByKey(t *table, f *field, val string) *Error {
	rows := c.hits(t, f, val)
	switch len(rows) {
	case 0:
		return notFound()
	case 1:
		return c.remove(t, t.id(rows[0]))
	}
	return c.multipleChoices(t, rows)
}

// multipleChoices answers 300 with the addresses of all hits.
func (c *call) multipleChoices(t *table, rows []uint32) *Error {
	return c.answer(http.StatusMultipleChoices, func(b []byte) []byte {
		list := make([]string, len(rows))
		for i, n := range rows {
			list[i] = c.prefix + "/sobjects/" + t.obj.name + "/" + t.id(n)
		}
		return appendStrings(b, list)
	})
}

// upsert answers 201 for a new record; for one that was there 200 from v46 on and
// 204 before.
// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_sobject_upsert_patch.htm (last checked 2026-11-22)
func (c *call) upsert(t *table, f *field, val string) *Error {
	opt := c.options(OpUpsert)
	opt.key = f
	opt.updateOnly = strings.EqualFold(c.r.URL.Query().Get("updateOnly"), "true")
	key, err := f.parseText(val)
	if err != nil {
		return err
	}
	out, err := c.one(t, &decoder{key: f, keyPath: true}, func(d *draft) { d.key = key }, opt)
	switch {
	case err != nil:
		return err
	case out.matches != nil:
		return c.multipleChoices(t, out.matches)
	case !out.created && c.version < 46:
		return c.noContent()
	}
	status := http.StatusOK
	if out.created {
		status = http.StatusCreated
	}
	return c.answer(status, func(b []byte) []byte {
		return append(b, `{"id":"`+t.id(out.row)+`","success":true,"errors":[],"created":`+strconv.FormatBool(out.created)+`}`...)
	})
}

// describeBasic answers the object's own resource: metadata and recent items.
func (c *call) describeBasic(t *table) *Error {
	c.calls.count(CallDescribe, t.obj.name)
	return c.answer(http.StatusOK, func(b []byte) []byte {
		b = append(b, `{"objectDescribe":`...)
		b = t.obj.appendSummary(b, c.prefix)
		return append(b, `,"recentItems":[]}`...)
	})
}

// fieldsParam reads fields=a,b of a query string.
func fieldsParam(q url.Values) []string {
	if q.Get("fields") == "" {
		return nil
	}
	return strings.Split(q.Get("fields"), ",")
}
