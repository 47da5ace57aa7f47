package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"crmsyncd/configs"
	"crmsyncd/fieldmap"
	"crmsyncd/providers"
	"crmsyncd/providers/closeio"
	"crmsyncd/providers/hubspot"
	"crmsyncd/providers/qbench"
	"crmsyncd/providers/salesforce"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
)

// newProvider names the providers. A few lines beat a registry.
func newProvider(s configs.System, stateDir string) (providers.Provider, error) {
	switch s.Provider {
	case "qbench":
		return newQBench(s)
	case "salesforce":
		return newSalesforce(s, stateDir)
	case "hubspot":
		return newHubSpot(s, stateDir)
	case "closeio":
		return newClose(s, stateDir)
	}
	return nil, fmt.Errorf("there is no provider %q", s.Provider)
}

func newQBench(s configs.System) (providers.Provider, error) {
	c := qbench.Config{
		BaseURL: s.BaseURL, API: qbench.API(s.API), ClientID: s.Auth.ClientID, PageSize: s.PageSize,
		PerMinute: s.PerMinute, UpdatedField: s.UpdatedField, ContactsFrom: contactsFrom(s.ContactsFrom), Zone: s.Timezone,
	}
	c.Secret = reader(s.Auth.Secret)
	return qbench.New(c) // it names itself
}

// contactsFrom turns the admin's word, which configs has checked, into the
// provider's.
func contactsFrom(word string) qbench.ContactsFrom {
	if word == "customer" {
		return qbench.FromCall
	}
	return qbench.FromCustomerIDs
}

func newSalesforce(s configs.System, stateDir string) (providers.Provider, error) {
	auth := salesforce.Auth{
		Method: s.Auth.Flow, ClientID: s.Auth.ClientID, Username: s.Auth.Username, Audience: s.Auth.Audience,
	}
	auth.Secret = reader(s.Auth.Secret)
	auth.Token = reader(s.Auth.Token)
	auth.RefreshToken, auth.StoreRefreshToken = rotating(s, stateDir)
	if s.Auth.PrivateKey.IsSet() {
		key := s.Auth.PrivateKey
		auth.PrivateKey = func() ([]byte, error) {
			text, err := key.Read()
			return []byte(text), err
		}
	}
	return salesforce.New(salesforce.Config{ // it names itself
		BaseURL: s.BaseURL, APIVersion: s.APIVersion, Auth: auth, ReservePercent: providerReserve(s), PerSecond: float64(s.PerMinute) / 60,
	})
}

func newHubSpot(s configs.System, stateDir string) (providers.Provider, error) {
	auth := hubspot.Auth{Method: hubspot.FixedToken, ClientID: s.Auth.ClientID}
	if s.Auth.Flow != hubspot.FixedToken {
		auth.Method = hubspot.OAuth
	}
	auth.Token = reader(s.Auth.Token)
	auth.Secret = reader(s.Auth.Secret)
	auth.RefreshToken, auth.StoreRefreshToken = rotating(s, stateDir)
	return hubspot.New(hubspot.Config{ // it names itself
		BaseURL: s.BaseURL, APIVersion: s.APIVersion, Auth: auth, ReservePercent: providerReserve(s), PerTenSeconds: s.PerMinute / 6,
	})
}

func newClose(s configs.System, stateDir string) (providers.Provider, error) {
	auth := closeio.Auth{Method: closeio.APIKey, ClientID: s.Auth.ClientID}
	if s.Auth.Flow != closeio.APIKey {
		auth.Method = closeio.OAuth
	}
	auth.Key = reader(s.Auth.APIKey)
	auth.Secret = reader(s.Auth.Secret)
	auth.RefreshToken, auth.StoreRefreshToken = rotating(s, stateDir)
	return closeio.New(closeio.Config{ // it names itself
		BaseURL: s.BaseURL, Auth: auth, Zone: s.Timezone, PerSecond: float64(s.PerMinute) / 60,
	})
}

// reader reads a secret each time it is asked; nil where the admin named none.
func reader(s configs.Secret) func() (string, error) {
	if !s.IsSet() {
		return nil
	}
	return s.Read
}

// rotating reads the refresh token and keeps the one that takes its place, in a
// file beside the state; nil where the admin named none.
func rotating(s configs.System, stateDir string) (read func() (string, error), store func(string) error) {
	if !s.Auth.RefreshToken.IsSet() {
		return nil, nil
	}
	t := tokenFile{path: filepath.Join(stateDir, "refresh-token-"+s.Name), first: s.Auth.RefreshToken.Read}
	return t.read, t.write
}

// providerReserve is the reserve in the providers' words, in which zero is
// their default.
func providerReserve(s configs.System) int {
	if s.Reserve == 0 {
		return -1
	}
	return s.Reserve
}

// systems makes every system that a route names. Problems are all told.
func (l *loaded) systems() (map[string]*engine.System, []fieldmap.Problem) {
	out := map[string]*engine.System{}
	var problems []fieldmap.Problem
	bad := func(name, message, hint string) {
		path := "systems." + name
		problems = append(problems, fieldmap.Problem{
			File: configs.MainFile, Line: l.cfg.Line(configs.MainFile, path), Path: path, Message: message, Hint: hint,
		})
	}
	for name, s := range l.cfg.Systems {
		if len(l.mapping.RoutesOf(name)) == 0 {
			continue // check warns of it
		}
		p, err := newProvider(s, filepath.Dir(l.cfg.State))
		if err != nil {
			bad(name, strings.ReplaceAll(err.Error(), "\n", "; "), "")
			continue
		}
		sys := engine.NewSystem(name, p)
		sys.WritesOff, sys.UserOurs = !s.Writes, s.UserOurs
		sys.Vendor, sys.Access = s.Provider, strings.Join([]string{s.BaseURL, s.Auth.ClientID, s.Auth.Username}, "\n")
		out[name] = sys
		problems = append(problems, lacks(l.mapping, sys)...)
	}
	slices.SortFunc(problems, func(a, b fieldmap.Problem) int { return strings.Compare(a.Error(), b.Error()) })
	return out, problems
}

// lacks reports routes that need what their provider cannot do.
func lacks(m *fieldmap.Mapping, sys *engine.System) []fieldmap.Problem {
	var out []fieldmap.Problem
	for _, r := range m.RoutesOf(sys.Name) {
		what := ""
		switch {
		case r.Direction == fieldmap.Pull && sys.Reader == nil:
			what = "cannot be pulled from"
		case r.Direction == fieldmap.Push && (sys.Writer == nil || sys.Finder == nil):
			what = "cannot be pushed to"
		}
		if what != "" {
			out = append(out, fieldmap.Problem{File: r.File, Line: r.Line, Path: r.Object, Message: sys.Name + " " + what, Hint: "turn the route's direction round, or take it out"})
		}
	}
	return out
}

// engine makes the engine and keeps the configuration by its fingerprint, so
// that what decided today can be shown later. A state that is open for reading
// only stays as it is.
func (l *loaded) engine(st *state.Store, log *slog.Logger, progress func(engine.Progress)) (*engine.Engine, error) {
	systems, problems := l.systems()
	if hasErrors(problems) {
		return nil, configError(errors.New("configuration: " + problemText(problems)))
	}
	g := l.cfg.Guards
	e, err := engine.New(engine.Options{
		Store: st, Mapping: l.mapping, Systems: systems, Logger: log, Zone: l.cfg.Timezone, Config: l.cfg.Fingerprint,
		OnProgress: progress, Journal: state.JournalLimits{Keep: l.cfg.Journal.Keep, Max: l.cfg.Journal.Max},
		Guards: engine.Guards{
			Removals:   engine.Guard{Percent: g.MaxRemovals.Percent, Floor: g.MaxRemovals.Floor},
			Overwrites: engine.Guard{Percent: g.MaxOverwrites.Percent, Floor: g.MaxOverwrites.Floor},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("start the engine: %w", err)
	}
	if st.ReadOnly() {
		return e, nil
	}
	return e, st.Update(func(tx *state.Tx) error { return tx.PutConfig(l.cfg.Fingerprint, l.cfg.Text) })
}
