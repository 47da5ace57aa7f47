package configs

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a small server may have no zone files, and "today" must not depend on that

	"crmsyncd/fieldmap"
)

// builder makes a Config of crmsyncd.yaml: defaults filled in, references and
// places checked.
type builder struct {
	opt      Options
	cfg      *Config
	lines    lineIndex
	partial  bool // another file could not be read, so what it might say is not missed
	problems []fieldmap.Problem
}

func (b *builder) add(path, message, hint string) {
	b.problems = append(b.problems, fieldmap.Problem{
		File: MainFile, Line: b.lines.find(MainFile, path), Path: path, Message: message, Hint: hint,
	})
}

func (b *builder) build(m *mainFile) {
	c := b.cfg
	c.State = cmp.Or(m.State, StatePath(b.opt.Dir))
	c.Timezone = b.zone("timezone", m.Timezone, time.UTC)
	c.Admin = Admin{
		Listen: cmp.Or(m.Admin.Listen, "127.0.0.1:9464"),
		Socket: cmp.Or(m.Admin.Socket, SocketPath(b.opt.Dir)),
		Token:  b.secret("admin.token", m.Admin.Token),
	}
	switch _, port, err := net.SplitHostPort(c.Admin.Listen); {
	case err != nil || !goodPort(port):
		b.add("admin.listen", "is no address with a port", "such as 127.0.0.1:9464")
	case !c.Admin.Loopback() && !c.Admin.Token.IsSet():
		b.add("admin.listen", "others than this machine can reach it, and no token is asked for",
			"write 127.0.0.1:9464, or give admin.token, such as {credential: admin-token}")
	}
	if n := len(c.Admin.Socket); n > maxSocket {
		b.add("admin.socket", fmt.Sprintf("is a path of %d bytes, and that of a socket has %d at most: %s", n, maxSocket, c.Admin.Socket), "name a shorter one")
	}
	c.Guards = Guards{
		MaxRemovals:   b.limit("guards.max_removals", m.Guards.MaxRemovals, Limit{Percent: 10, Floor: 25}),
		MaxOverwrites: b.limit("guards.max_overwrites", m.Guards.MaxOverwrites, Limit{Percent: 50, Floor: 25}),
	}
	c.Journal = journal(m.Journal)
	b.systems(m)
	b.schedules(m)
	b.idle(m)
}

// maxSocket is how long the path of a socket may be. unix(7), last checked 2026-12-01.
const maxSocket = 107

// goodPort reports whether a port is a number; 0 takes any that is free.
func goodPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil
}

func (b *builder) zone(path, name string, fallback *time.Location) *time.Location {
	if name == "" {
		return fallback
	}
	z, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		b.add(path, "is no time zone", "such as UTC, Europe/Berlin or America/Chicago")
		return fallback
	}
	return z
}

func (b *builder) limit(path string, s limitSpec, d Limit) Limit {
	if s.Percent != nil {
		d.Percent = int(*s.Percent)
	}
	if s.Floor != nil {
		d.Floor = *s.Floor
	}
	if d.Floor < 0 {
		b.add(path+".floor", "must not be negative", "")
	}
	return d
}

// journal fills in the defaults: somewhat more than a year, so that a yearly
// question can be asked.
func journal(s journalSpec) Journal {
	keep, most := days(400), byteSize(2<<30)
	if s.Keep != nil {
		keep = *s.Keep
	}
	if s.Max != nil {
		most = *s.Max
	}
	return Journal{Keep: time.Duration(keep) * 24 * time.Hour, Max: int64(most)}
}

func (b *builder) systems(m *mainFile) {
	b.cfg.Systems = map[string]System{}
	if len(m.Systems) == 0 {
		b.add("systems", "no system is named", "name at least one under systems:")
	}
	for _, name := range slices.Sorted(maps.Keys(m.Systems)) {
		path := join("systems", name)
		if !goodName(name) {
			b.add(path, "is no name for a system", "use small letters, digits, - and _, beginning with a letter")
		}
		b.cfg.Systems[name] = b.system(path, name, m.Systems[name])
	}
}

// goodName holds for names that can stand in paths of the state and the shell.
// "newer" and "hold" are words of wins:, "any" and "system_of_record" of create_from:.
func goodName(s string) bool {
	switch s {
	case "", "newer", "hold", "any", "system_of_record":
		return false
	}
	for i, r := range s {
		letter := r >= 'a' && r <= 'z'
		if !letter && (i == 0 || (r < '0' || r > '9') && r != '-' && r != '_') {
			return false
		}
	}
	return len(s) <= 40
}

// The user behind a credential writes for nobody else, or for other tools too.
const (
	userOurs   = "ours"
	userShared = "shared"
)

func (b *builder) system(path, name string, s systemSpec) System {
	p, known := knownProviders()[s.Provider]
	switch {
	case s.Provider == "":
		b.add(path+".provider", "is missing", "one of "+strings.Join(providerNames(), ", "))
	case !known:
		b.add(path+".provider", "unknown provider", suggest(s.Provider, providerNames()))
	default:
		b.fits(path, s, p)
	}
	out := System{
		Name: name, Provider: s.Provider, APIVersion: s.APIVersion,
		BaseURL:      b.baseURL(path+".base_url", s.BaseURL, p.baseURL),
		API:          cmp.Or(s.API, p.api),
		ContactsFrom: cmp.Or(s.ContactsFrom, p.contactsFrom),
		UpdatedField: p.updatedField, PageSize: cmp.Or(s.PageSize, p.pageSize), PerMinute: cmp.Or(s.PerMinute, p.perMinute),
		Timezone: b.zone(path+".timezone", s.Timezone, b.cfg.Timezone), Writes: true,
	}
	if s.UpdatedField != nil {
		out.UpdatedField = *s.UpdatedField
	}
	if s.Budget.Reserve != nil {
		out.Reserve = int(*s.Budget.Reserve)
	}
	if s.Writes != nil {
		out.Writes = bool(*s.Writes)
	}
	b.choice(path+".user", cmp.Or(s.User, userShared), []string{userOurs, userShared})
	out.UserOurs = s.User == userOurs
	b.ranges(path, out, p)
	out.Auth = b.auth(path+".auth", s.Auth, p)
	return out
}

// ranges checks what a provider bounds.
func (b *builder) ranges(path string, s System, p provider) {
	if p.maxPage > 0 && (s.PageSize < 1 || s.PageSize > p.maxPage) {
		b.add(path+".page_size", fmt.Sprintf("must be from 1 to %d", p.maxPage), "")
	}
	if s.PerMinute < 0 {
		b.add(path+".per_minute", "must not be negative", "")
	}
	b.choice(path+".api", s.API, p.apis)
	b.choice(path+".contacts_from", s.ContactsFrom, p.contacts)
	if s.ContactsFrom == "customer" && s.API == "v1" {
		b.add(path+".contacts_from", "customer needs the calls of api: v2", "write api: v2, or contacts_from: flat")
	}
	if s.APIVersion != "" && p.version != nil && !p.version(s.APIVersion) {
		b.add(path+".api_version", "is no version", "such as "+p.versionLike+", in quotes")
	}
}

func (b *builder) choice(path, got string, valid []string) {
	if len(valid) > 0 && !slices.Contains(valid, got) {
		b.add(path, "unknown choice", suggest(got, valid))
	}
}

// numbered is a version such as 64.0.
func numbered(s string) bool {
	whole, part, ok := strings.Cut(s, ".")
	return ok && allDigits(whole) && allDigits(part)
}

// dated is a version such as 2026-09, or one of the names from before.
func dated(s string) bool {
	year, month, ok := strings.Cut(s, "-")
	return s == "v3" || s == "v4" || ok && len(year) == 4 && len(month) == 2 && allDigits(year+month)
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// text resolves a setting.
func (b *builder) text(path string, s setting) string {
	if s.Env == "" {
		return s.Text
	}
	v, ok := b.opt.LookupEnv(s.Env)
	switch {
	case ok && v != "":
	case s.Default != "":
		return s.Default
	default:
		set := "set it"
		if b.opt.Dir != "" {
			set = "set it in " + filepath.Join(b.opt.Dir, environmentFile)
		}
		b.add(path, "the environment has no "+s.Env, set+", or write the value here")
		return ""
	}
	return v
}

// baseURL takes https everywhere, and http on this machine.
func (b *builder) baseURL(path string, s setting, fallback string) string {
	before := len(b.problems)
	text := b.text(path, s)
	if s == (setting{}) {
		text = fallback
	}
	if len(b.problems) > before {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case text == "":
		b.add(path, "is missing", "such as https://lab.example.net")
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		b.add(path, "is no address of a server", "such as https://lab.example.net")
	case u.User != nil:
		b.add(path, "holds a user or password", "an address never holds secrets; see auth:")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		b.add(path, "must begin with https://", "http:// is taken for this machine only (127.0.0.1, localhost)")
	default:
		return strings.TrimRight(text, "/")
	}
	return ""
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
