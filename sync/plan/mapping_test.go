package plan_test

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"

	"crmsyncd/fieldmap"
)

// The YAML of the scenarios is the admin's: these are the keys that decisions
// depend on.
type (
	hubYAML map[string]struct {
		SystemOfRecord string `yaml:"system_of_record"`
		ID             string
		Fields         []fieldmap.HubFieldSpec
	}
	routeYAML struct {
		System  string
		Objects []struct {
			Object, Hub, Direction string
			ExternalID             string `yaml:"external_id"`
			OnLink                 string `yaml:"on_link"`
			Match                  []fieldmap.MatchSpec
			Fields                 []ruleYAML
		}
	}
	ruleYAML struct {
		Remote, Hub, Write, Compare string
		Values                      map[string]texts
		OnEmpty                     string `yaml:"on_empty"`
		Editable                    bool
	}
)

// texts is one text or a list of them.
type texts []string

func (t *texts) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*t = texts{n.Value}
		return nil
	}
	return n.Decode((*[]string)(t))
}

// compile compiles the mapping that stands in the archive, which has to be one
// that the daemon would start with.
func compile(t *testing.T, a *txtar.Archive) *fieldmap.Mapping {
	t.Helper()
	hub := fieldmap.HubSpec{Objects: map[string]fieldmap.HubObjectSpec{}}
	opt := fieldmap.Options{Systems: map[string]fieldmap.SystemInfo{}}
	var routes []fieldmap.RouteSpec
	for _, f := range a.Files {
		switch {
		case f.Name == "hub.yaml":
			var y hubYAML
			unmarshal(t, f, &y)
			for name, o := range y {
				hub.Objects[name] = fieldmap.HubObjectSpec{SystemOfRecord: o.SystemOfRecord, ID: o.ID, Fields: o.Fields}
			}
		case strings.HasPrefix(f.Name, "routes/"):
			var y routeYAML
			unmarshal(t, f, &y)
			opt.Systems[y.System] = fieldmap.SystemInfo{Provider: y.System}
			routes = append(routes, y.spec())
		}
	}
	m, problems := fieldmap.Compile(hub, routes, opt)
	for _, p := range problems {
		if !p.Warning {
			t.Error(p)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	return m
}

func unmarshal(t *testing.T, f txtar.File, into any) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(string(f.Data)))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
}

func (y routeYAML) spec() fieldmap.RouteSpec {
	out := fieldmap.RouteSpec{System: y.System}
	for _, o := range y.Objects {
		spec := fieldmap.ObjectSpec{
			Object: o.Object, Hub: o.Hub, Direction: o.Direction, ExternalID: o.ExternalID, OnLink: o.OnLink, Match: o.Match,
			File: "routes/" + y.System + ".yaml",
		}
		for _, r := range o.Fields {
			spec.Fields = append(spec.Fields, fieldmap.FieldSpec{
				Remote: r.Remote, Hub: r.Hub, Write: r.Write, Compare: r.Compare, Values: lists(r.Values), OnEmpty: r.OnEmpty, Editable: r.Editable,
			})
		}
		out.Objects = append(out.Objects, spec)
	}
	return out
}

func lists(entries map[string]texts) map[string][]string {
	out := map[string][]string{}
	for remote, hub := range entries {
		out[remote] = hub
	}
	return out
}
