package configs

import (
	"net"
	"slices"
	"strings"
	"time"

	"crmsyncd/fieldmap"
)

// Config is the whole configuration, with every default filled in.
type Config struct {
	// State is the path of the state file.
	State string
	// Timezone says what "today" means (D7).
	Timezone  *time.Location
	Admin     Admin
	Systems   map[string]System
	Schedules map[string]Schedule // by system, or by system/object
	Guards    Guards
	Journal   Journal

	// Hub and Routes go to fieldmap.Compile.
	Hub    fieldmap.HubSpec
	Routes []fieldmap.RouteSpec

	// Text is every file as it was read, one after the other under a heading
	// each, and Fingerprint stands for it: whoever keeps both can show the line
	// that decided something long after the file was edited.
	Text        []byte
	Fingerprint uint64

	// Unread is an environment file that Options.Blind took for whole.
	Unread string

	dir     string // on disk, "" where there is none
	files   []string
	hubFile string
	lines   lineIndex
	secrets []placedSecret
}

// Admin is where the daemon can be asked.
type Admin struct {
	Listen string // host:port of the status pages
	Socket string // path of the control socket
	Token  Secret // that readers of the pages send; set wherever others can reach them
}

// System is one account of one vendor.
type System struct {
	Name     string
	Provider string
	BaseURL  string
	Auth     Auth

	APIVersion   string // Salesforce: "64.0"
	API          string // QBench: v1 or v2
	ContactsFrom string // QBench: flat (the contact's own field tells) or customer (a call each)
	UpdatedField string // QBench: the field that tells the last change; empty if there is none
	PageSize     int    // QBench: records per page
	PerMinute    int    // calls a minute; 0 leaves it to the provider

	// Reserve is the share of the day's quota, in percent, that is left for
	// other tools (F22).
	Reserve int
	// Timezone is the zone of times that the system writes without one (F20).
	Timezone *time.Location
	// Writes is false for a system that is only decided and reported about.
	Writes bool
	// UserOurs says that the credential's user writes for nobody else, so that what
	// it changed is known to be ours.
	UserOurs bool
}

// Auth is how a system is opened. Which fields are needed depends on Flow.
type Auth struct {
	Flow         string // client_credentials, refresh_token, jwt, token or api_key
	ClientID     string
	Secret       Secret
	RefreshToken Secret
	Username     string
	PrivateKey   Secret
	Audience     string
	Token        Secret
	APIKey       Secret
}

// Schedule says when a system, or one object of it, runs. Each is a cron line
// or a shorthand such as @hourly; empty is never.
type Schedule struct {
	Routine string
	Full    string
	// Push is PushAfterPull or PushScheduled; it is the system's, and empty for
	// a single object.
	Push string
}

// Guards are the limits at which a run stops and asks (D22).
type Guards struct {
	MaxRemovals   Limit
	MaxOverwrites Limit
}

// Limit bites when more than Percent of the records and more than Floor of them
// are touched.
type Limit struct {
	Percent int
	Floor   int
}

// Journal says how long what was done is kept (C12.4).
type Journal struct {
	Keep time.Duration
	Max  int64 // bytes
}

// Loopback reports whether only this machine can reach the status pages.
func (a Admin) Loopback() bool {
	host, _, err := net.SplitHostPort(a.Listen)
	return err == nil && loopback(host)
}

// Compile makes the mapping of the hub and the routes. What it finds comes with
// the line of the nearest key that encloses it.
func (c *Config) Compile() (*fieldmap.Mapping, []fieldmap.Problem) {
	systems := map[string]fieldmap.SystemInfo{}
	for name, s := range c.Systems {
		systems[name] = fieldmap.SystemInfo{Provider: s.Provider}
	}
	m, problems := fieldmap.Compile(c.Hub, c.Routes, fieldmap.Options{Systems: systems, Zone: c.Timezone, HubFile: c.hubFile})
	for i := range problems {
		p := &problems[i]
		if p.File == c.hubFile {
			// In the file, the objects stand at the top.
			p.Path = strings.TrimPrefix(p.Path, "objects.")
		}
		if line := c.Line(p.File, p.Path); line > 0 {
			p.Line = line
		}
	}
	sortProblems(problems)
	return m, problems
}

// Files are the names of the files that were read, relative to their folder.
func (c *Config) Files() []string { return slices.Clone(c.files) }

// Line returns the line on which a path stands, such as
// "objects[0].fields[3].remote" in routes/qbench.yaml, or that of the nearest
// enclosing path; 0 if the file is not known.
func (c *Config) Line(file, path string) int { return c.lines.find(file, path) }
