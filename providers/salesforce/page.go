package salesforce

import (
	"encoding/json"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/internal/jsonwalk"
)

// The places of what every record is asked for, and of a query's head.
const (
	cellID = iota
	cellStamp
	cellBy
	cellFields
)

const (
	headTotal = iota
	headDone
	headNext
)

func newQueryWalker(fields []record.Field) *jsonwalk.Walker {
	return jsonwalk.New(jsonwalk.Shape{
		Array: "records", Head: []string{"totalSize", "done", "nextRecordsUrl"}, Fields: cells(fields),
	})
}

// cells returns the members to keep of each record: the id, the stamp, who it
// is by, and the fields in their order.
func cells(fields []record.Field) []string {
	out := make([]string, 0, len(fields)+cellFields)
	out = append(out, "Id", stampField, authorField)
	for _, f := range fields {
		out = append(out, f.Name)
	}
	return out
}

// queryPage is one page of a query's answer.
type queryPage struct {
	*jsonwalk.Page
	total int
	done  bool
	next  string
	lost  int // records whose id cannot be read
}

func walkQuery(op string, w *jsonwalk.Walker, body []byte) (queryPage, error) {
	p, err := w.Walk(body)
	if err != nil {
		return queryPage{}, providers.Errorf(providers.Broken, op, "read the page: %w", err)
	}
	out := queryPage{Page: p, done: string(p.Head[headDone]) == "true"}
	var counted bool
	out.total, counted = jsonwalk.Int(p.Head[headTotal])
	out.next, _ = jsonwalk.Text(p.Head[headNext])
	if !p.Found || !counted || out.total < 0 || out.done == (out.next != "") {
		return queryPage{}, providers.Errorf(providers.Broken, op, "the answer is no page of a query")
	}
	return out, nil
}

// records returns the page's records, which point into its body. me is our own
// user, empty where it is not known.
func (p *queryPage) records(op, me string, fields []record.Field, out []record.Record) ([]record.Record, error) {
	for i := range p.Len() {
		row := p.Row(i)
		if row != nil && jsonwalk.Unreadable(row[cellID]) {
			p.lost++
			continue
		}
		rec, err := oneRecord(op, me, row)
		if err == nil {
			err = answered(op, fields, rec)
		}
		if err != nil {
			return out, err
		}
		out = append(out, rec)
	}
	return out, nil
}

func oneRecord(op, me string, row [][]byte) (record.Record, error) {
	if row == nil {
		return record.Record{}, providers.Errorf(providers.Broken, op, "a record of the answer is null")
	}
	id, ok := idOf(row[cellID])
	if !ok {
		return record.Record{}, providers.Errorf(providers.Broken, op, "a record of the answer has no id")
	}
	return record.Record{ID: id, Version: stamp(row[cellStamp]), By: author(row[cellBy], me), Raw: row[cellFields:]}, nil
}

// author reads who changed a record last.
func author(raw []byte, me string) record.Author {
	if me == "" {
		return record.ByUnknown
	}
	if len(raw) == len(me)+2 && string(raw[1:len(raw)-1]) == me {
		return record.ByOurs
	}
	switch id, ok := idOf(raw); {
	case !ok:
		return record.ByUnknown
	case id == me:
		return record.ByOurs
	}
	return record.ByOther
}

// answered refuses a record of a query that lacks a field. A query answers
// every field that it asks for, a blank one by null; one that is absent must
// never pass for one that was not asked for.
func answered(op string, fields []record.Field, rec record.Record) error {
	for i, raw := range rec.Raw {
		if raw == nil {
			e := providers.Errorf(providers.Broken, op, "the answer leaves out the field %s", fields[i].Name)
			e.Fields, e.Hint = []string{fields[i].Name}, "write its name exactly as the describe call does"
			return e
		}
	}
	return nil
}

func idOf(raw []byte) (string, bool) {
	if len(raw) != 17 && len(raw) != 20 || raw[0] != '"' {
		return "", false
	}
	return ID18(string(raw[1 : len(raw)-1]))
}

func parseVersions(body []byte, want string) (served bool, newest string, ok bool) {
	var list []struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(body, &list); err != nil || len(list) == 0 {
		return false, "", false
	}
	for _, v := range list {
		served = served || v.Version == want
	}
	return served, list[len(list)-1].Version, true
}

func parseOrganization(body []byte) (providers.Identity, bool) {
	var answer struct {
		Records []struct {
			ID        string `json:"Id"`
			Name      string `json:"Name"`
			IsSandbox bool   `json:"IsSandbox"`
		} `json:"records"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Records) != 1 {
		return providers.Identity{}, false
	}
	r := answer.Records[0]
	id, ok := ID18(r.ID)
	return providers.Identity{Org: id, Name: r.Name, Sandbox: r.IsSandbox}, ok
}

func parseUserInfo(body []byte) *self {
	var answer struct {
		OrganizationID string `json:"organization_id"`
		UserID         string `json:"user_id"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil
	}
	return newSelf(answer.OrganizationID, answer.UserID)
}

// stamp reads a date-time of the service; the zero time when it is none.
func stamp(raw []byte) time.Time {
	if len(raw) < 2 {
		return time.Time{}
	}
	text := string(raw[1 : len(raw)-1])
	at, err := time.Parse(stampForm, text)
	if err != nil {
		if at, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return time.Time{}
		}
	}
	return at.UTC()
}
