package configs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// provider is what a provider makes of the settings of a system: which ones it
// takes, what they are by default, and how it can be opened.
type provider struct {
	takes        []string          // besides those that every system takes
	version      func(string) bool // what api_version looks like
	versionLike  string
	flows        map[string][]string
	defaultFlow  string
	api          string
	apis         []string
	contactsFrom string
	contacts     []string
	updatedField string
	pageSize     int
	maxPage      int
	perMinute    int
	routine      string
	baseURL      string // for vendors that have one address for everybody
}

// flowToken is a fixed bearer token, for simulators and short tests; flowAPIKey
// is a key that a person made.
const (
	flowToken  = "token"
	flowAPIKey = "api_key"
)

// knownProviders holds the defaults that the vendors' limits give. QBench takes
// 300 calls a minute and 50 records a page.
// https://junctionconcepts.zendesk.com/hc/en-us/articles/360030760992, last checked 2026-11-22
// Close is one address for everybody, opened by a key or by OAuth.
// https://developer.close.com/topics/authentication/, last checked 2026-11-22
func knownProviders() map[string]provider {
	return map[string]provider{
		"qbench": {
			takes:       []string{"api", "contacts_from", "updated_field", "page_size"},
			flows:       map[string][]string{"jwt": {"client_id", "secret"}},
			defaultFlow: "jwt",
			api:         "v1", apis: []string{"v1", "v2"},
			contactsFrom: "flat", contacts: []string{"flat", "customer"},
			updatedField: "last_updated", pageSize: 50, maxPage: 50, perMinute: 240,
			routine: "@hourly",
		},
		"salesforce": {
			takes:   []string{"api_version"},
			version: numbered, versionLike: `"64.0"`,
			flows: map[string][]string{
				"client_credentials": {"client_id", "secret"},
				"refresh_token":      {"client_id", "refresh_token"},
				"jwt":                {"client_id", "username", "private_key"},
				flowToken:            {"token"},
			},
			defaultFlow: "client_credentials",
			routine:     "*/15 * * * *",
		},
		"hubspot": {
			takes:   []string{"api_version"},
			version: dated, versionLike: `"2026-09"`,
			flows: map[string][]string{
				flowToken:       {"token"},
				"refresh_token": {"client_id", "secret", "refresh_token"},
			},
			defaultFlow: flowToken,
			routine:     "*/15 * * * *",
		},
		"closeio": {
			flows: map[string][]string{
				flowAPIKey:      {flowAPIKey},
				"refresh_token": {"client_id", "secret", "refresh_token"},
			},
			defaultFlow: flowAPIKey,
			routine:     "*/15 * * * *",
			baseURL:     "https://api.close.com",
		},
	}
}

func providerNames() []string { return slices.Sorted(maps.Keys(knownProviders())) }

// fits refuses settings that belong to another provider.
func (b *builder) fits(path string, s systemSpec, p provider) {
	for key, given := range map[string]bool{
		"api": s.API != "", "contacts_from": s.ContactsFrom != "", "updated_field": s.UpdatedField != nil,
		"page_size": s.PageSize != 0, "api_version": s.APIVersion != "",
	} {
		if given && !slices.Contains(p.takes, key) {
			b.add(path+"."+key, "is no setting of provider "+s.Provider, "remove it")
		}
	}
}

// auth checks that what the flow needs is there and nothing contradicts it.
func (b *builder) auth(path string, s authSpec, p provider) Auth {
	a := Auth{
		Flow:     s.Flow,
		ClientID: b.text(path+".client_id", s.ClientID), Username: b.text(path+".username", s.Username),
		Audience: b.text(path+".audience", s.Audience),
		Secret:   b.secret(path+".secret", s.Secret), RefreshToken: b.secret(path+".refresh_token", s.RefreshToken),
		PrivateKey: b.secret(path+".private_key", s.PrivateKey), Token: b.secret(path+".token", s.Token),
		APIKey: b.secret(path+".api_key", s.APIKey),
	}
	if p.flows == nil {
		return a
	}
	given := map[string]bool{
		"client_id": s.ClientID != setting{}, "username": s.Username != setting{},
		"secret": a.Secret.IsSet(), "refresh_token": a.RefreshToken.IsSet(),
		"private_key": a.PrivateKey.IsSet(), "token": a.Token.IsSet(),
		flowAPIKey: a.APIKey.IsSet(),
	}
	if a.Flow == "" {
		a.Flow = impliedFlow(given, p.defaultFlow)
	}
	needs, ok := p.flows[a.Flow]
	if !ok && s.Flow == "" {
		b.add(path, "this provider is not opened by a "+strings.ReplaceAll(a.Flow, "_", " "), "use one of: "+strings.Join(slices.Sorted(maps.Keys(p.flows)), ", "))
		return a
	}
	if !ok {
		b.add(path+".flow", "unknown flow", suggest(a.Flow, slices.Sorted(maps.Keys(p.flows))))
		return a
	}
	if a.Flow == flowToken && (given["secret"] || given["refresh_token"] || given["private_key"]) {
		b.add(path, "a fixed token and another way to log in", "keep one of them")
	}
	if a.Flow == flowAPIKey && (given["client_id"] || given["secret"] || given["refresh_token"]) {
		b.add(path, "an API key and another way to log in", "keep one of them")
	}
	if missing := slices.DeleteFunc(slices.Clone(needs), func(k string) bool { return given[k] }); len(missing) > 0 {
		b.add(path, "missing: "+strings.Join(missing, ", "), fmt.Sprintf("flow %s needs %s", a.Flow, strings.Join(needs, ", ")))
	}
	return a
}

// impliedFlow is the flow that what is given can be for.
func impliedFlow(given map[string]bool, fallback string) string {
	switch {
	case given["token"]:
		return flowToken
	case given[flowAPIKey]:
		return flowAPIKey
	case given["refresh_token"]:
		return "refresh_token"
	case given["private_key"]:
		return "jwt"
	}
	return fallback
}
