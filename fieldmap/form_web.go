package fieldmap

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Limits of RFC 5321 on addresses.
const (
	maxEmail = 254
	maxLocal = 64
	maxHost  = 253
)

// ValidEmail reports whether text is one well-formed e-mail address, as D21
// asks before a contact is written.
func ValidEmail(text string) bool { return emailKey(text) != "" }

// emailKey folds the local part too: no mail host in use tells case apart, and
// most systems store addresses in lower case.
func emailKey(text string) string {
	text = strings.TrimSpace(text)
	at := strings.LastIndexByte(text, '@')
	if len(text) > maxEmail || at < 1 || at > maxLocal || !validLocal(text[:at]) {
		return ""
	}
	host := asciiHost(text[at+1:])
	if !strings.Contains(host, ".") || isNumeric(host) {
		return ""
	}
	return foldKey(text[:at]) + "@" + host
}

// isNumeric tells addresses of machines from names: no top level domain is made
// of digits.
func isNumeric(host string) bool {
	top := host[strings.LastIndexByte(host, '.')+1:]
	return digitsOf(top) == top
}

func validLocal(local string) bool {
	if local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return false
	}
	for _, r := range local {
		switch {
		case r >= 0x80:
			if !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) {
				return false
			}
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		case !strings.ContainsRune(".!#$%&'*+-/=?^_`{|}~", r):
			return false
		}
	}
	return true
}

// asciiHost returns a host name in lower case and ASCII, or nothing when it is
// none.
func asciiHost(host string) string {
	host = strings.TrimSuffix(host, ".")
	host, err := idna.Lookup.ToASCII(host)
	host = strings.TrimSuffix(host, ".")
	if err != nil || host == "" || len(host) > maxHost {
		return ""
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 {
			return ""
		}
	}
	return host
}

// webAddress is a web address in its parts.
type webAddress struct{ scheme, host, port, rest string }

func splitAddress(text string) (webAddress, bool) {
	var a webAddress
	text = strings.TrimSpace(text)
	if scheme, rest, ok := strings.Cut(text, "://"); ok && isScheme(scheme) {
		a.scheme, text = strings.ToLower(scheme), rest
	}
	text = strings.TrimPrefix(text, "//")
	authority := text
	if i := strings.IndexAny(text, "/?#"); i >= 0 {
		authority, a.rest = text[:i], text[i:]
	}
	authority = authority[strings.LastIndexByte(authority, '@')+1:]
	host, port, found := strings.Cut(authority, ":")
	if found && digitsOf(port) != port {
		return a, false
	}
	a.host, a.port = asciiHost(host), port
	return a, a.host != "" && !strings.ContainsFunc(a.rest, unicode.IsSpace)
}

func isScheme(text string) bool {
	for _, r := range text {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return text != ""
}

// urlKey tells paths apart by case, as servers may.
func urlKey(text string) string {
	a, ok := splitAddress(text)
	if !ok {
		return ""
	}
	web := a.scheme == "" || a.scheme == "http" || a.scheme == "https"
	key := a.host
	usual := web && (a.port == "80" || a.port == "443")
	if a.port != "" && !usual {
		key += ":" + a.port
	}
	if !web {
		key = a.scheme + "://" + key
	}
	path, tail := a.rest, ""
	if i := strings.IndexAny(a.rest, "?#"); i >= 0 {
		path, tail = a.rest[:i], a.rest[i:]
	}
	return key + strings.TrimRight(path, "/") + tail
}

// domainKey returns the domain of a web address or an e-mail without www. A
// public suffix alone (co.uk, com) is nobody's domain, nor is a number.
func domainKey(text string) string {
	a, ok := splitAddress(text)
	if !ok || isNumeric(a.host) || isSuffix(a.host) {
		return ""
	}
	host := a.host
	for {
		short, ok := strings.CutPrefix(host, "www.")
		if !ok || isSuffix(short) {
			return host
		}
		host = short
	}
}

// isSuffix also says yes to a host of one label.
func isSuffix(host string) bool {
	_, err := publicsuffix.EffectiveTLDPlusOne(host)
	return err != nil
}
