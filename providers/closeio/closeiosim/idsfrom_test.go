package closeiosim_test

import (
	"testing"

	"crmsyncd/providers/closeio/closeiosim"
)

// Records have the same ids in every organization that counts from the same
// number, whatever else took ids in one of them.
func TestCountIDsFrom(t *testing.T) {
	first := func(before int) string {
		s, err := closeiosim.New(closeiosim.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for range before {
			s.AddLead(closeiosim.Fields{"name": "Before"})
		}
		s.CountIDsFrom(1000)
		return s.AddLead(closeiosim.Fields{"name": "First"})
	}
	if a, b := first(0), first(3); a != b {
		t.Errorf("ids %s and %s", a, b)
	}
}
