package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// answersOf makes the program answer each command with a text of its own.
func (d *demo) answersOf(t *testing.T, texts map[string]string) {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\ncase \"$1 $2\" in\n"
	for command, text := range texts {
		path := filepath.Join(dir, strings.ReplaceAll(command, " ", "-"))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		script += fmt.Sprintf("'%s') cat '%s' ;;\n", command, path)
	}
	if err := os.WriteFile(d.binary, []byte(script+"*) exit 1 ;;\nesac\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// wholeHub is what the hub should hold of the leads of the stage, as JSON lines.
func (d *demo) wholeHub(t *testing.T, mend func(lead string, r map[string]any)) string {
	t.Helper()
	var b strings.Builder
	for i, lead := range d.stage.closeio.IDs("lead") {
		external := d.leadField(lead, "AccountExternalID")
		links := []map[string]string{{"system": "close", "object": "lead", "remote_id": lead, "state": "open"}}
		if d.customer(external) != nil {
			links = append(links, map[string]string{"system": "qbench", "remote_id": external, "state": "open"})
		}
		r := map[string]any{"hub_id": fmt.Sprint(i), "links": links, "fields": []hubField{{Name: "account_id", Value: external}}}
		if external == "" {
			r = map[string]any{}
		}
		mend(lead, r)
		raw, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(raw, '\n'))
	}
	return b.String()
}

// What the demo tells about the leads is compared with Close and QBench, lead by
// lead; a hub that holds anything else ends it.
func TestLeadsAreCountedOneByOne(t *testing.T) {
	d, _ := played(t, "")
	as := func(hub, held string) (leads, error) {
		d.answersOf(t, map[string]string{"export account": hub, "held list": held})
		return d.leads(t.Context())
	}
	l, err := as(d.wholeHub(t, func(string, map[string]any) {}), "[]")
	if err != nil || len(l.shared)+len(l.alone)+len(l.out) != len(d.stage.closeio.IDs("lead")) {
		t.Fatalf("%+v %v", l, err)
	}
	forget := func(lead string) func(string, map[string]any) {
		return func(id string, r map[string]any) {
			if id == lead {
				clear(r)
			}
		}
	}
	if _, err := as(d.wholeHub(t, forget(l.shared[0])), "[]"); err == nil {
		t.Error("a lead is lost, and the demo goes on")
	}
	held := fmt.Sprintf(`[{"system":"close","object":"lead","remote_id":%q}]`, l.shared[0])
	if got, err := as(d.wholeHub(t, forget(l.shared[0])), held); err != nil || got.held != 1 {
		t.Errorf("a lead is held: %+v %v", got, err)
	}
	if _, err := as(d.wholeHub(t, func(id string, r map[string]any) {
		if id == l.out[0] {
			r["links"] = []map[string]string{{"system": "close", "remote_id": id}}
		}
	}), "[]"); err == nil {
		t.Error("a lead without an id is in the hub, and the demo goes on")
	}
	if _, err := as(d.wholeHub(t, func(id string, r map[string]any) {
		if id == l.shared[0] {
			r["links"] = []map[string]string{{"system": "close", "remote_id": id}}
		}
	}), "[]"); err == nil {
		t.Error("a lead and its customer are two accounts, and the demo goes on")
	}
}

func TestWhatStaysOut(t *testing.T) {
	d, _ := played(t, "")
	lead, _, err := d.waiting()
	if err != nil {
		t.Fatal(err)
	}
	d.answersOf(t, map[string]string{"export contact": ""})
	if err := d.stayOut(t.Context(), []string{lead}); err != nil {
		t.Error(err)
	}
	contact := d.stage.closeio.Children(lead, "contact")[0]
	d.answersOf(t, map[string]string{"export contact": fmt.Sprintf(`{"links":[{"system":"close","remote_id":%q}]}`, contact)})
	if err := d.stayOut(t.Context(), []string{lead}); err == nil {
		t.Error("a contact of a lead that stays out is in the hub, and the demo goes on")
	}
	if _, err := d.stage.salesforce.Insert("Account", map[string]string{"Name": "x", "QBench_Id__c": "91014"}); err != nil {
		t.Fatal(err)
	}
	if err := d.madeNowhere([][]string{{"1", "91014", "x", lead}}); err == nil {
		t.Error("an account that QBench lacks was made, and the demo goes on")
	}
}

// The demo says that nothing was written to Close only where that is so.
func TestCloseWasOnlyRead(t *testing.T) {
	d, out := played(t, "")
	if err := d.onlyRead(context.Background()); err != nil || !strings.Contains(out.String(), "took no write") {
		t.Fatalf("%v %s", err, out)
	}
	lead := d.stage.closeio.IDs("lead")[0]
	r := httptest.NewRequest(http.MethodPut, "/api/v1/lead/"+lead+"/", strings.NewReader(`{"description":"x"}`))
	r.SetBasicAuth(closeKey, "")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	d.stage.closeio.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if err := d.onlyRead(context.Background()); err == nil {
		t.Error("a lead was written, and the demo goes on")
	}
}

func TestTaskMustHaveTheStatus(t *testing.T) {
	d, _ := played(t, "")
	d.answersOf(t, map[string]string{"get task": `[{"hub_id":"7","fields":[{"name":"status","value":"open"}]}]`})
	if id, err := d.task(t.Context(), "task_1", "open"); err != nil || id != "7" {
		t.Errorf("%s %v", id, err)
	}
	if _, err := d.task(t.Context(), "task_1", "closed"); err == nil {
		t.Error("an open task is taken for a closed one")
	}
}

// The copy that is played holds every route but those of Close.
func TestCloseIsKeptBack(t *testing.T) {
	to := t.TempDir()
	if err := withoutClose("../../configs", to); err != nil {
		t.Fatal(err)
	}
	have, err := filepath.Glob(filepath.Join(to, "routes", "*"))
	if err != nil || len(have) == 0 || slices.ContainsFunc(have, func(p string) bool { return strings.HasSuffix(p, closeRoutes) }) {
		t.Errorf("%v %v", have, err)
	}
	if _, err := os.Stat(filepath.Join(to, "hub.yaml")); err != nil {
		t.Error(err)
	}
}
