package closeio_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/closeio"
	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/internal/faults"
)

// TestDescribe: custom fields by name, with what may be done to them.
func TestDescribe(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		for _, f := range []closeiosim.CustomField{
			{Name: "Odd", Type: "textarea", Objects: []string{"lead"}},
			{Name: "Guarded", Type: "text", EditableBy: []string{"admin"}, Objects: []string{"lead"}},
			{Name: "Everywhere", Type: "text", EditableBy: []string{"admin"}, Objects: []string{"lead", "contact"}},
			{Name: "Tags", Type: "choices", Choices: []string{"a", "b"}, Multiple: true, Objects: []string{"lead"}},
			{Name: "Seats", Type: "number", Objects: []string{"lead"}},
		} {
			if _, err := l.sim.AddCustomField(f); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.sim.ChangeCustomFieldType("lead", "Plan", "number", time.Hour); err != nil {
			t.Fatal(err)
		}
		s, err := l.Describe(t.Context(), closeio.Lead)
		if err != nil || s.Partial {
			t.Fatal(s.Partial, err)
		}
		for name, want := range map[string]struct {
			typ      record.Type
			writable bool
			list     []string
		}{
			"custom.AccountExternalID": {record.ID, true, nil}, "custom.Renewal Date": {record.Date, true, nil},
			"custom.Health": {record.Picklist, true, []string{"Good", "OK", "Bad"}}, "custom.Tags": {record.MultiSet, true, []string{"a", "b"}},
			"custom.Seats": {record.Int, true, nil}, "custom.Odd": {record.Text, false, nil}, "custom.Guarded": {record.Text, false, nil},
			"custom.Everywhere": {record.Text, false, nil}, "custom.Plan": {record.Text, false, nil},
			"name": {record.Text, true, nil}, "status_label": {record.Text, false, nil}, "date_updated": {record.Datetime, false, nil},
			"addresses.business.city": {record.Text, false, nil}, "addresses.*.zipcode": {record.Text, false, nil},
		} {
			f, ok := s.Fields[name]
			if !ok || f.Name != name || !slices.Contains(f.Types, want.typ) || f.Updateable != want.writable || (f.Readonly == "") != want.writable {
				t.Errorf("%s is described as %+v", name, f)
			}
			if diff := cmp.Diff(want.list, f.Picklist); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
			if custom, is := strings.CutPrefix(name, "custom."); is && f.ID != l.sim.CustomFieldID("lead", custom) {
				t.Errorf("%s has the id %q", name, f.ID)
			}
			if f.Createable {
				t.Errorf("%s can be created", name)
			}
		}
		for _, object := range []string{closeio.Contact, closeio.Opportunity, closeio.Task, closeio.User} {
			s, err := l.Describe(t.Context(), object)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range someFields(object) {
				if _, ok := s.Fields[f.Name]; !ok {
					t.Errorf("%s.%s is not described", object, f.Name)
				}
			}
		}
	})
}

// TestDescribeFails: what is no schema is an error.
func TestDescribeFails(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		for _, body := range []string{`{}`, `[]`, `{"fields":[{"name":"x"}]}`, `{"fields":[{"id":"a/b","name":"x"}]}`, `x`} {
			end := l.sim.Faults().Add(faults.Rule{Path: "/custom_field_schema/", From: 1, To: -1, Status: http.StatusOK, Body: body})
			if _, err := l.Describe(t.Context(), closeio.Lead); providers.KindOf(err) != providers.Broken || err == nil {
				t.Errorf("%s: %v", body, err)
			}
			end()
		}
		if _, err := l.Describe(t.Context(), "invoice"); providers.KindOf(err) != providers.Broken || err == nil {
			t.Errorf("an unknown object: %v", err)
		}
	})
}

// TestIdentify: the organization by its own id, and answers that name none.
func TestIdentify(t *testing.T) {
	bubble(t, closeiosim.Options{}, func(t *testing.T, l lab) {
		id, err := l.Identify(t.Context())
		if err != nil || id.Org != l.sim.OrganizationID() || id.Name == "" {
			t.Fatalf("got %+v, %v", id, err)
		}
		for body, kind := range map[string]providers.Kind{
			`{}`: providers.Broken, `{"id":"user_1"}`: providers.Broken, `{"id":"user_1","organizations":[]}`: providers.Broken,
			`{"id":"user_1","organizations":[{"id":"../x"}]}`:                   providers.Broken,
			`{"id":"user_1","organizations":[null]}`:                            providers.Broken,
			`{"id":"user_1","organizations":[{"id":"orga_1"},{"id":"orga_2"}]}`: providers.Denied,
			`<html><title>Sorry</title></html>`:                                 providers.Broken,
		} {
			end := l.sim.Faults().Add(faults.Rule{Path: "/me/", From: 1, To: -1, Status: http.StatusOK, Body: body})
			if _, err := l.Identify(t.Context()); providers.KindOf(err) != kind || err == nil {
				t.Errorf("%s: %v", body, err)
			}
			end()
		}
	})
}

// TestConfig: what can never work is refused at once, all of it.
func TestConfig(t *testing.T) {
	key := func() (string, error) { return "k", nil }
	for name, cfg := range map[string]closeio.Config{
		"no auth":    {},
		"no key":     {Auth: closeio.Auth{Method: closeio.APIKey}},
		"half oauth": {Auth: closeio.Auth{Method: closeio.OAuth, ClientID: "x"}},
		"plain http": {BaseURL: "http://api.close.example", Auth: closeio.Auth{Method: closeio.APIKey, Key: key}},
		"no address": {BaseURL: "close", Auth: closeio.Auth{Method: closeio.APIKey, Key: key}},
		"rate":       {PerSecond: -1, Auth: closeio.Auth{Method: closeio.APIKey, Key: key}},
	} {
		if _, err := closeio.New(cfg); err == nil || !strings.Contains(err.Error(), "closeio") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := closeio.New(closeio.Config{BaseURL: "http://127.0.0.1:1", Auth: closeio.Auth{Method: closeio.APIKey, Key: key}}); err != nil {
		t.Error(err)
	}
}
