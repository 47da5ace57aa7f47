package closeio_test

import (
	"testing"
	"time"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers/closeio"
	"crmsyncd/providers/closeio/closeiosim"
	"crmsyncd/providers/providertest"
)

const closeRecords = 223

// Its group "echo" is C12.1: nothing of what a vendor repeats comes out with a
// secret, an e-mail address or a phone number in it.
func TestConformance(t *testing.T) {
	for _, method := range []string{closeio.APIKey, closeio.OAuth} {
		t.Run(method, func(t *testing.T) { conformance(t, method) })
	}
}

func oauth(c *closeio.Config) {
	kept := closeiosim.DefaultRefreshToken
	c.Auth = closeio.Auth{
		Method: closeio.OAuth, ClientID: closeiosim.DefaultClientID,
		Secret:            func() (string, error) { return closeiosim.DefaultClientSecret, nil },
		RefreshToken:      func() (string, error) { return kept, nil },
		StoreRefreshToken: func(t string) error { kept = t; return nil },
	}
}

func conformance(t *testing.T, method string) {
	providertest.Run(t, providertest.Harness{New: func(t *testing.T) providertest.Setup {
		t.Helper()
		var change func(*closeio.Config)
		if method == closeio.OAuth {
			change = oauth
		}
		l := newLab(t, closeiosim.Options{RateLimit: -1, RotateRefreshTokens: true}, change)
		l.leads(closeRecords)
		s := providertest.Setup{
			Provider: l.Client, Wire: l.wire, Faults: l.sim.Faults(),
			Object: closeio.Lead, Fields: conformingFields(), Records: closeRecords,
			ReadPath: "/data/search/", AbsentID: "lead_00000000000000000000000000000000000000000",
			Secrets: []string{closeiosim.DefaultAPIKey},
		}
		if method == closeio.OAuth {
			s.Secrets = []string{closeiosim.DefaultClientSecret, closeiosim.DefaultRefreshToken}
			s.TokenPath, s.ExpireTokens = "/oauth2/token/", l.sim.ExpireTokens
		}
		time.Sleep(time.Hour)
		return s
	}})
}

func conformingFields() []record.Field {
	return append(leadFields(), fields(
		"status_label", record.Text, "date_created", record.Datetime, "addresses.office.city", record.Text, "custom.Sync", record.Bool,
	)...)
}
