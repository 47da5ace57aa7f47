package daemon

import (
	"maps"
	"slices"
	"strings"

	"crmsyncd/state"
	"crmsyncd/sync/engine"
)

// knowsHub returns an error for what is no name of a hub record.
func (a *API) knowsHub(name string) error {
	if name == "" {
		return nil
	}
	object, number, named := strings.Cut(strings.TrimPrefix(name, "hub:"), "/")
	if !named {
		number = object
	} else if err := known("hub object", object, slices.Collect(maps.Keys(a.engine().Mapping().Hub))); err != nil {
		return err
	}
	if _, err := state.ParseHubID(number); err != nil {
		return usage("%q is no hub record: give its number, such as 42, or its object and number, such as contact/42", name)
	}
	return nil
}

// oneHub refuses a number that is that of several hub records, where what is to be
// done is to be done to one.
func (a *API) oneHub(f engine.HoldFilter) error {
	if f.Hub == "" || strings.Contains(f.Hub, "/") {
		return nil
	}
	objects := map[string]bool{}
	if err := a.engine().Holds(f, func(h engine.HoldView) error { objects[h.HubObject] = true; return nil }); err != nil || len(objects) < 2 {
		return err
	}
	names := slices.Sorted(maps.Keys(objects))
	number := strings.TrimPrefix(f.Hub, "hub:")
	return usage("%s is the number of several that are held: say %s/%s", number, strings.Join(names, "/"+number+" or "), number)
}
