package salesforcesim

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"strconv"
	"time"
)

func (c *call) describeGlobal() *Error {
	c.calls.count(CallDescribeGlobal, "")
	return c.answer(http.StatusOK, func(b []byte) []byte {
		b = append(b, `{"encoding":"UTF-8","maxBatchSize":200,"sobjects":[`...)
		for i, name := range c.store.schema.names {
			if i > 0 {
				b = append(b, ',')
			}
			b = c.store.schema.object(name).appendSummary(b, c.prefix)
		}
		return append(b, `]}`...)
	})
}

// jsonObject builds a flat JSON object.
type jsonObject struct{ b []byte }

func (j *jsonObject) key(k string) {
	if n := len(j.b); n > 0 && j.b[n-1] != '{' {
		j.b = append(j.b, ',')
	}
	j.b = append(j.b, '"')
	j.b = append(j.b, k...)
	j.b = append(j.b, `":`...)
}

func (j *jsonObject) text(k, v string) {
	j.key(k)
	j.b = quote(j.b, v)
}

// textOrNull writes null for the empty text.
func (j *jsonObject) textOrNull(k, v string) {
	j.key(k)
	if v == "" {
		j.b = append(j.b, "null"...)
		return
	}
	j.b = quote(j.b, v)
}

func (j *jsonObject) flag(v bool, keys ...string) {
	for _, k := range keys {
		j.key(k)
		j.b = strconv.AppendBool(j.b, v)
	}
}

func (j *jsonObject) number(k string, v int) {
	j.key(k)
	j.b = strconv.AppendInt(j.b, int64(v), 10)
}

func (j *jsonObject) raw(k, v string) {
	j.key(k)
	j.b = append(j.b, v...)
}

func (o *object) summary(j *jsonObject, prefix string) {
	j.text("name", o.name)
	j.text("label", o.label)
	j.text("labelPlural", o.plural)
	j.text("keyPrefix", o.prefix)
	j.flag(!o.readOnly, "createable", "updateable", "deletable", "undeletable")
	j.flag(true, "queryable", "retrieveable", "searchable", "layoutable", "triggerable", "replicateable", "activateable")
	j.flag(false, "deprecatedAndHidden", "customSetting", "mruEnabled", "feedEnabled", "hasSubtypes", "isSubtype", "isInterface")
	j.flag(o.custom, "custom")
	j.flag(o.byName["MasterRecordId"] != nil, "mergeable")
	j.raw("urls", `{"sobject":"`+prefix+`/sobjects/`+o.name+`","describe":"`+prefix+`/sobjects/`+o.name+
		`/describe","rowTemplate":"`+prefix+`/sobjects/`+o.name+`/{ID}"}`)
}

func (o *object) appendSummary(b []byte, prefix string) []byte {
	j := &jsonObject{append(b, '{')}
	o.summary(j, prefix)
	return append(j.b, '}')
}

// describe answers with an ETag and a Last-Modified, which is the org's first
// moment: nothing but a switch changes a schema.
func (c *call) describe(t *table) *Error {
	c.calls.count(CallDescribe, t.obj.name)
	c.rlock()
	body := t.obj.describeJSON(c.prefix, c.store.children(t.obj))
	h := fnv.New64a()
	_, _ = h.Write(body)
	tag := fmt.Sprintf("\"%x\"", h.Sum64())
	changed := c.store.schema.changed
	c.w.Header().Set("ETag", tag)
	c.w.Header().Set("Last-Modified", time.Unix(changed, 0).UTC().Format(http.TimeFormat))
	since, given, err := c.timeHeader("If-Modified-Since")
	if (err == nil && given && changed <= since) || c.r.Header.Get("If-None-Match") == tag {
		return errorf(http.StatusNotModified, "", "")
	}
	return c.answer(http.StatusOK, func(b []byte) []byte { return append(b, body...) })
}

// children lists the references of other objects to o as childRelationships.
func (s *store) children(o *object) []byte {
	b := []byte{'['}
	for _, name := range s.schema.names {
		for _, f := range s.schema.object(name).fields {
			if f.hidden || !f.refers(o.name) {
				continue
			}
			if len(b) > 1 {
				b = append(b, ',')
			}
			j := &jsonObject{append(b, '{')}
			j.text("childSObject", name)
			j.text("field", f.name)
			j.flag(f.cascade, "cascadeDelete")
			j.flag(false, "deprecatedAndHidden", "restrictedDelete")
			j.raw("junctionIdListNames", "[]")
			j.raw("junctionReferenceTo", "[]")
			j.textOrNull("relationshipName", "")
			b = append(j.b, '}')
		}
	}
	return append(b, ']')
}

func (o *object) describeJSON(prefix string, children []byte) []byte {
	j := &jsonObject{[]byte{'{'}}
	o.summary(j, prefix)
	j.raw("actionOverrides", "[]")
	j.raw("namedLayoutInfos", "[]")
	j.raw("supportedScopes", `[{"label":"All","name":"everything"}]`)
	j.raw("recordTypeInfos", `[{"active":true,"available":true,"defaultRecordTypeMapping":true,"developerName":"Master","master":true,"name":"Master","recordTypeId":"012000000000000AAA","urls":{}}]`)
	j.raw("childRelationships", string(children))
	j.key("fields")
	j.b = append(j.b, '[')
	for i, f := range o.visible() {
		if i > 0 {
			j.b = append(j.b, ',')
		}
		j.b = f.appendDescribe(j.b)
	}
	j.b = append(j.b, ']')
	return append(j.b, '}')
}

func (f *field) appendDescribe(b []byte) []byte {
	j := &jsonObject{append(b, '{')}
	j.text("name", f.name)
	j.text("label", f.label)
	j.text("type", f.kind)
	j.text("soapType", f.soapType())
	j.number("length", f.length)
	j.number("byteLength", f.length*3)
	j.number("digits", f.digits)
	j.number("precision", f.precision)
	j.number("scale", f.scale)
	j.flag(f.createable, "createable")
	j.flag(f.updateable, "updateable")
	j.flag(f.nillable, "nillable")
	j.flag(f.defaulted, "defaultedOnCreate")
	j.flag(f.externalID, "externalId")
	j.flag(f.idLookup, "idLookup")
	j.flag(f.unique, "unique")
	j.flag(f.caseSens, "caseSensitive")
	j.flag(f.custom, "custom")
	j.flag(f.calculated, "calculated")
	j.flag(f.nameField, "nameField")
	j.flag(f.restricted, "restrictedPicklist")
	j.flag(!f.unfilterable, "filterable")
	j.flag(!f.unsortable, "sortable")
	j.flag(!f.unfilterable && f.kind != "address", "groupable", "aggregatable")
	j.flag(f.relation != "" && len(f.refersTo) > 1, "polymorphicForeignKey")
	j.flag(f.cascade, "cascadeDelete")
	j.flag(f.kind == "id" || f.kind == "reference", "permissionable")
	j.flag(false, "autoNumber", "dependentPicklist", "encrypted", "deprecatedAndHidden", "htmlFormatted", "namePointing",
		"caseInsensitive", "displayLocationInDecimal", "highScaleNumber", "queryByDistance", "restrictedDelete", "writeRequiresMasterRead",
		"formulaTreatNullNumberAsZero", "searchPrefilterable", "aiPredictionField")
	for _, k := range []string{
		"controllerName", "calculatedFormula", "defaultValueFormula", "inlineHelpText", "mask", "maskType",
		"referenceTargetField", "relationshipOrder", "extraTypeInfo", "filteredLookupInfo",
	} {
		j.raw(k, "null")
	}
	j.textOrNull("compoundFieldName", f.compound)
	j.textOrNull("relationshipName", f.relation)
	j.key("referenceTo")
	j.b = appendStrings(j.b, f.refersTo)
	j.key("defaultValue")
	if f.kind == "boolean" {
		j.b = strconv.AppendBool(j.b, f.fallback == "true")
	} else {
		j.b = append(j.b, "null"...)
	}
	f.appendPicks(j)
	return append(j.b, '}')
}

func (f *field) appendPicks(j *jsonObject) {
	j.key("picklistValues")
	j.b = append(j.b, '[')
	for i, v := range f.values {
		if i > 0 {
			j.b = append(j.b, ',')
		}
		p := &jsonObject{append(j.b, '{')}
		p.flag(true, "active")
		p.flag(v == f.fallback, "defaultValue")
		p.text("label", v)
		p.raw("validFor", "null")
		p.text("value", v)
		j.b = append(p.b, '}')
	}
	j.b = append(j.b, ']')
}

func (f *field) soapType() string {
	switch f.kind {
	case "id", "reference":
		return "tns:ID"
	case "boolean", "int", "double", "date", "time":
		return "xsd:" + f.kind
	case "currency", "percent":
		return "xsd:double"
	case "datetime":
		return "xsd:dateTime"
	case "address":
		return "urn:address"
	}
	return "xsd:string"
}
