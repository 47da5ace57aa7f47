package fieldmap

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"

	"crmsyncd/fieldmap/record"
)

// fingerprint collects what decides how something is read or written. Each
// part is quoted, so that no two lists of parts give one text.
type fingerprint struct{ b strings.Builder }

func (f *fingerprint) add(parts ...string) {
	for _, part := range parts {
		f.b.WriteString(strconv.Quote(part))
		f.b.WriteByte(' ')
	}
	f.b.WriteByte('\n')
}

// sum is the same on every machine and in every version: fingerprints are
// stored.
func (f *fingerprint) sum() uint64 {
	sum := sha256.Sum256([]byte(f.b.String()))
	return binary.LittleEndian.Uint64(sum[:8])
}

func (c *compilation) ruleFingerprint(rule *Rule) uint64 {
	var f fingerprint
	f.add("rule", rule.Remote.Name, rule.Hub.Type.String(), strconv.Itoa(rule.Hub.Scale))
	f.add("compare", rule.Compare.String(), strconv.Itoa(int(rule.Compare.Version())))
	f.add("unmapped", rule.OnUnmapped.String(), rule.Default.Text(), rule.Repair)
	f.add(rule.Hub.Values...)
	if rule.Values != nil {
		for _, entry := range rule.Values.Entries() {
			f.add("value", entry[0], entry[1])
		}
	}
	if rule.RefKey != nil {
		f.add("key", rule.RefKey.Name)
	}
	if rule.Hub.Type == record.Date || rule.Hub.Type == record.Datetime {
		f.add("zone", c.opt.Zone.String())
	}
	return f.sum()
}

func (c *compilation) routeFingerprint(r *Route) uint64 {
	var f fingerprint
	f.add("route", r.System, r.Object, r.Hub.Name, r.Direction.String(), r.ExternalID, strconv.FormatBool(r.MatchOnly))
	f.add(append([]string{"link", r.OnLink.String(), r.OnMove.String()}, r.CreateFrom...)...)
	f.add("filter", r.Filter.Source())
	for _, key := range r.Match {
		f.add("match", key.Remote, key.Hub.Name, key.Compare.String(), strconv.Itoa(int(key.Compare.Version())))
	}
	for _, need := range r.CreateNeeds {
		f.add("needs", need.Name)
	}
	for _, rule := range r.Fields {
		f.add("field", rule.Hub.Name, rule.Write.String(), rule.OnEmpty.String(), strconv.FormatBool(rule.Editable),
			rule.Hub.Owner, rule.Hub.Policy, strconv.FormatUint(rule.Fingerprint, 16))
	}
	return f.sum()
}
