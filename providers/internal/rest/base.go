package rest

import (
	"errors"
	"net"
	"net/url"
)

// CheckBase refuses a base_url that can never work or would show the
// credential on its way: plain http is for this machine alone. The example is
// what an admin should write.
func CheckBase(base, example string) error {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return errors.New("base_url is no address of the form " + example)
	}
	if u.Scheme != "https" && !loopback(u.Hostname()) {
		return errors.New("base_url must start with https://")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
