package main

import (
	"strings"
	"testing"
	"testing/fstest"

	"crmsyncd/configs"
)

// C3: what a system is opened with is its address, client and user, and no
// secret; user: ours reaches the engine.
func TestSystemsAreWired(t *testing.T) {
	files := fstest.MapFS{}
	for _, name := range []string{"hub.yaml", "routes/qbench.yaml", "routes/salesforce.yaml"} {
		text, err := configs.Shipped.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: text}
	}
	files["crmsyncd.yaml"] = &fstest.MapFile{Data: []byte(`
systems:
  qbench:
    provider: qbench
    base_url: https://lab.example
    auth: {client_id: lab-client, secret: {credential: lab-secret}}
  salesforce:
    provider: salesforce
    base_url: https://org.example
    user: ours
    auth: {flow: jwt, client_id: app, username: sync@org.example, private_key: {file: /place-of-the-key.pem}}
`)}
	cfg, problems := configs.LoadFS(files, configs.Options{})
	if cfg == nil {
		t.Fatal(problems)
	}
	m, problems := cfg.Compile()
	if m == nil {
		t.Fatal(problems)
	}
	systems, problems := (&loaded{cfg: cfg, mapping: m}).systems()
	q, s := systems["qbench"], systems["salesforce"]
	if q == nil || s == nil {
		t.Fatal(problems)
	}
	if q.Vendor != "qbench" || s.Vendor != "salesforce" || q.UserOurs || !s.UserOurs {
		t.Errorf("%+v, %+v", q, s)
	}
	for _, part := range []string{"https://org.example", "app", "sync@org.example"} {
		if !strings.Contains(s.Access, part) {
			t.Errorf("%q lacks %q", s.Access, part)
		}
	}
	if strings.Contains(q.Access, "secret") || strings.Contains(s.Access, "key") {
		t.Errorf("%q, %q", q.Access, s.Access)
	}
}
