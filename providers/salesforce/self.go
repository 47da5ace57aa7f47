package salesforce

import (
	"context"
	"net/url"
	"strings"

	"crmsyncd/providers"
	"crmsyncd/providers/internal/rest"
)

// self is who the credential is.
type self struct {
	org, user string // in the long form; user is empty where it was not told
}

// user returns our own user, empty where nothing told it yet.
func (c *Client) user() string {
	if s := c.self.Load(); s != nil {
		return s.user
	}
	return ""
}

const userInfoPath = "/services/oauth2/userinfo"

// whoIs asks who a token is, by a request for userInfoPath.
func (c *Client) whoIs(ctx context.Context, k call, r rest.Request) (*self, error) {
	resp, err := c.send(ctx, k, r)
	if err != nil {
		return nil, err
	}
	defer resp.Release()
	who := parseUserInfo(resp.Body)
	if who == nil {
		return nil, providers.Errorf(providers.Broken, k.op, "the answer names no organization")
	}
	return who, nil
}

// selfOf reads the address that a token comes with, which ends in the ids of
// the organization and of the user; nil where it does not.
//
// https://help.salesforce.com/s/articleView?id=sf.remoteaccess_using_openid.htm,
// last checked 2026-11-30.
func selfOf(identity string) *self {
	u, err := url.Parse(identity)
	if err != nil {
		return nil
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) != 3 || parts[0] != "id" {
		return nil
	}
	return newSelf(parts[1], parts[2])
}

func newSelf(org, user string) *self {
	org, ok := ID18(org)
	if !ok {
		return nil
	}
	s := &self{org: org}
	if user, ok := ID18(user); ok {
		s.user = user
	}
	return s
}
