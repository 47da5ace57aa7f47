package configs

import "crmsyncd/fieldmap"

// The types of this file are the YAML as it stands in the files. Tags name the
// keys; the shapes that the files are checked against are derived from them.

// mainFile is crmsyncd.yaml.
type mainFile struct {
	State     string                  `koanf:"state"`
	Timezone  string                  `koanf:"timezone"`
	Hub       string                  `koanf:"hub"`
	Routes    string                  `koanf:"routes"`
	Admin     adminSpec               `koanf:"admin"`
	Systems   map[string]systemSpec   `koanf:"systems"`
	Schedules map[string]scheduleSpec `koanf:"schedules"`
	Guards    guardsSpec              `koanf:"guards"`
	Journal   journalSpec             `koanf:"journal"`
}

type adminSpec struct {
	Listen string     `koanf:"listen"`
	Socket string     `koanf:"socket"`
	Token  secretSpec `koanf:"token"`
}

type systemSpec struct {
	Provider     string     `koanf:"provider"`
	BaseURL      setting    `koanf:"base_url"`
	Auth         authSpec   `koanf:"auth"`
	APIVersion   string     `koanf:"api_version"`
	API          string     `koanf:"api"`
	ContactsFrom string     `koanf:"contacts_from"`
	UpdatedField *string    `koanf:"updated_field"`
	PageSize     int        `koanf:"page_size"`
	PerMinute    int        `koanf:"per_minute"`
	Timezone     string     `koanf:"timezone"`
	Budget       budgetSpec `koanf:"budget"`
	Writes       *onOff     `koanf:"writes"`
	User         string     `koanf:"user"`
}

type authSpec struct {
	Flow         string     `koanf:"flow"`
	ClientID     setting    `koanf:"client_id"`
	Secret       secretSpec `koanf:"secret"`
	RefreshToken secretSpec `koanf:"refresh_token"`
	Username     setting    `koanf:"username"`
	PrivateKey   secretSpec `koanf:"private_key"`
	Audience     setting    `koanf:"audience"`
	Token        secretSpec `koanf:"token"`
	APIKey       secretSpec `koanf:"api_key"`
}

type budgetSpec struct {
	Reserve *percent `koanf:"reserve"`
}

type scheduleSpec struct {
	Routine string `koanf:"routine"`
	Full    string `koanf:"full"`
	Push    string `koanf:"push"`
}

type guardsSpec struct {
	MaxRemovals   limitSpec `koanf:"max_removals"`
	MaxOverwrites limitSpec `koanf:"max_overwrites"`
}

type limitSpec struct {
	Percent *percent `koanf:"percent"`
	Floor   *int     `koanf:"floor"`
}

type journalSpec struct {
	Keep *days     `koanf:"keep"`
	Max  *byteSize `koanf:"max"`
}

// hubFile is hub.yaml: the hub's objects stand at its top level.
type hubFile struct {
	CRM         string                  `koanf:"crm"`
	Billing     string                  `koanf:"billing"`
	Support     string                  `koanf:"support"`
	Account     *fieldmap.HubObjectSpec `koanf:"account"`
	Contact     *fieldmap.HubObjectSpec `koanf:"contact"`
	Opportunity *fieldmap.HubObjectSpec `koanf:"opportunity"`
	Task        *fieldmap.HubObjectSpec `koanf:"task"`
	User        *fieldmap.HubObjectSpec `koanf:"user"`
}

func (h *hubFile) spec() fieldmap.HubSpec {
	s := fieldmap.HubSpec{CRM: h.CRM, Billing: h.Billing, Support: h.Support, Objects: map[string]fieldmap.HubObjectSpec{}}
	for name, o := range map[string]*fieldmap.HubObjectSpec{
		"account": h.Account, "contact": h.Contact, "opportunity": h.Opportunity, "task": h.Task, "user": h.User,
	} {
		if o != nil {
			s.Objects[name] = *o
		}
	}
	return s
}

// setting is a text, or {env: NAME} for a text from the environment, with a
// default where it may lack one. It is for what differs between machines and is
// no secret.
type setting struct {
	Text    string `koanf:"text"`
	Env     string `koanf:"env"`
	Default string `koanf:"default"`
}

// secretSpec says where a secret lies. There is no way to write one down.
type secretSpec struct {
	File       string `koanf:"file"`
	Credential string `koanf:"credential"`
	Env        string `koanf:"env"`
}

// percent is 20 or "20%".
type percent int

// days is a number of days, such as 400d.
type days int

// byteSize is a size, such as 2GiB.
type byteSize int64

// onOff is on or off, true or false.
type onOff bool
