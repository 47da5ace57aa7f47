package configs

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"crmsyncd/fieldmap"
)

func schemaOf(t *testing.T, kind string) map[string]any {
	t.Helper()
	text, err := Shipped.ReadFile("schema/" + kind + ".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func compileSchema(t *testing.T, kind string) *jsonschema.Schema {
	t.Helper()
	text, err := Shipped.ReadFile("schema/" + kind + ".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(kind, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(kind)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON reads YAML as an editor does.
func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func kindOf(name string) string {
	switch {
	case name == MainFile:
		return "crmsyncd"
	case path.Dir(name) == "routes":
		return "route"
	}
	return "hub"
}

// TestShippedFilesFitTheirSchema also wants each to name its schema for editors.
func TestShippedFilesFitTheirSchema(t *testing.T) {
	t.Parallel()
	err := fs.WalkDir(Shipped, ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".yaml" {
			return err
		}
		text, err := Shipped.ReadFile(name)
		if err != nil {
			return err
		}
		if err := compileSchema(t, kindOf(name)).Validate(asJSON(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		at, ok := strings.CutPrefix(first, "# yaml-language-server: $schema=")
		if _, err := fs.Stat(Shipped, path.Join(path.Dir(name), at)); !ok || err != nil {
			t.Errorf("%s: the first line names no schema: %s", name, first)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSchemaRefusesSecrets proves that an editor marks a secret written into the file.
func TestSchemaRefusesSecrets(t *testing.T) {
	t.Parallel()
	s := compileSchema(t, "crmsyncd")
	text, err := Shipped.ReadFile(MainFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"secret: hunter2", "secret: {value: hunter2}", "secret: {env: A, file: /b}", "secret: {}"} {
		changed := strings.Replace(string(text), "secret: {credential: qbench}", bad, 1)
		if s.Validate(asJSON(t, []byte(changed))) == nil {
			t.Errorf("the schema takes %q", bad)
		}
	}
}

// TestSchemasAgreeWithTheLoader compares every key of the schemas with the
// shapes that the loader checks against, both ways, and wants a description of
// each.
func TestSchemasAgreeWithTheLoader(t *testing.T) {
	t.Parallel()
	for kind, of := range map[string]reflect.Type{
		"crmsyncd": reflect.TypeFor[mainFile](), "hub": reflect.TypeFor[hubFile](), "route": reflect.TypeFor[fieldmap.RouteSpec](),
	} {
		c := comparison{t: t, root: schemaOf(t, kind)}
		c.compare(kind, c.root, shapeOf(of))
	}
}

type comparison struct {
	t    *testing.T
	root map[string]any
}

// resolve follows a $ref into $defs.
func (c *comparison) resolve(s map[string]any) map[string]any {
	ref, ok := s["$ref"].(string)
	if !ok {
		return s
	}
	defs, _ := c.root["$defs"].(map[string]any)
	out, ok := defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	if !ok {
		c.t.Fatalf("%s leads nowhere", ref)
	}
	return out
}

func (c *comparison) compare(at string, s map[string]any, sh *shape) {
	s = c.resolve(s)
	switch sh.kind {
	case kindObject:
		c.object(at, s, sh)
	case kindTable:
		if elem, ok := s["additionalProperties"].(map[string]any); ok {
			c.compare(at+".*", elem, sh.elem)
		} else {
			c.t.Errorf("%s: wants names of the admin's own", at)
		}
	case kindList:
		if elem, ok := s["items"].(map[string]any); ok {
			c.compare(at+"[]", elem, sh.elem)
		} else {
			c.t.Errorf("%s: wants a list", at)
		}
	case kindTexts, kindSetting, kindPercent:
		if s["oneOf"] == nil {
			c.t.Errorf("%s: wants a choice of two forms", at)
		}
	case kindSecret:
		c.object(at, s, objectShape(reflect.TypeFor[secretSpec]()))
	case kindOnOff:
		c.t.Logf("%s: %v", at, s["enum"])
	default:
		want := map[kind]string{kindText: "string", kindNumber: "integer", kindFlag: "boolean", kindDays: "string", kindBytes: "string"}[sh.kind]
		if s["enum"] == nil && s["type"] != want {
			c.t.Errorf("%s: the schema wants %v, the loader %s", at, s["type"], want)
		}
	}
}

func (c *comparison) object(at string, s map[string]any, sh *shape) {
	props, _ := s["properties"].(map[string]any)
	if diff := cmp.Diff(sh.names(), slices.Sorted(maps.Keys(props))); diff != "" {
		c.t.Errorf("%s: keys of the loader and the schema (-loader +schema):\n%s", at, diff)
	}
	if s["additionalProperties"] != false {
		c.t.Errorf("%s: the schema takes any key", at)
	}
	for name, elem := range sh.keys {
		p, ok := props[name].(map[string]any)
		if !ok {
			continue
		}
		if d, _ := p["description"].(string); !strings.HasSuffix(d, ".") {
			c.t.Errorf("%s.%s: no description that ends in a full stop", at, name)
		}
		c.compare(at+"."+name, p, elem)
	}
}
