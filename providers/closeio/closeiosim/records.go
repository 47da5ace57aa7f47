package closeiosim

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
)

// fieldsParam reads _fields, whose unknown names Close passes over.
func (c *call) fieldsParam(k kind) *selection {
	if !c.query.Has("_fields") {
		return nil
	}
	sel, _ := c.store.selectFields(k, strings.Split(c.query.Get("_fields"), ","))
	return sel
}

func (c *call) record(k kind) *record { return c.store.seen(k, c.path[1]) }

func (c *call) getRecord(k kind) answer {
	r := c.record(k)
	if r == nil {
		return notFound()
	}
	return ok(c.store.appendRecord(nil, r, r.live, c.fieldsParam(k)))
}

func (c *call) input() (input, bool) {
	var in input
	if json.Unmarshal(c.body, &in) != nil || in == nil {
		return nil, false
	}
	return in, true
}

func (c *call) createRecord(k kind) answer {
	in, fine := c.input()
	if !fine {
		return badRequest("Request body must be a JSON object.")
	}
	given := maps.Clone(in)
	r, err := c.store.create(k, in, c.who)
	if err != nil {
		return refusal(err)
	}
	c.audit(k.String(), r.id, given)
	return ok(c.store.appendRecord(nil, r, r.live, c.fieldsParam(k)))
}

// updateRecord patches: fields that are not given stay as they are.
// https://developer.close.com/api/overview/fields (last checked 2026-11-22)
func (c *call) updateRecord(k kind) answer {
	r := c.record(k)
	if r == nil {
		return notFound()
	}
	in, fine := c.input()
	if !fine {
		return badRequest("Request body must be a JSON object.")
	}
	if err := c.store.update(r, in, c.who); err != nil {
		return refusal(err)
	}
	c.audit(k.String(), r.id, in)
	return ok(c.store.appendRecord(nil, r, r.live, c.fieldsParam(k)))
}

func (c *call) deleteRecord(k kind) answer {
	r := c.record(k)
	if r == nil {
		return notFound()
	}
	c.store.erase(r, c.who)
	c.audit(k.String(), r.id, nil)
	return ok([]byte("{}"))
}

func (c *call) mergeLeads() answer {
	var in struct{ Source, Destination string }
	if json.Unmarshal(c.body, &in) != nil {
		return badRequest("Request body must be a JSON object.")
	}
	source, destination := c.store.seen(lead, in.Source), c.store.seen(lead, in.Destination)
	bad := fieldErrors{}
	if source == nil {
		bad["source"] = "Object does not exist."
	}
	if destination == nil {
		bad["destination"] = "Object does not exist."
	}
	if source != nil && source == destination {
		bad["destination"] = "Must not be the source."
	}
	if len(bad) > 0 {
		return badFields(bad)
	}
	c.store.merge(source, destination, c.who)
	c.audit("lead", destination.id, input{"source": json.RawMessage(quoted(source.id))})
	return answer{http.StatusOK, []byte("{}")}
}

// audit remembers an accepted write.
func (c *call) audit(object, id string, in input) {
	if c.store.opt.NoAudit {
		return
	}
	c.store.audit = append(c.store.audit, Write{
		Time: c.store.opt.Clock(), Method: c.who.method, Path: c.who.path, Object: object, ID: id, Fields: in,
	})
}
