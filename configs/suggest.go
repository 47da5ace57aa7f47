package configs

import (
	"fmt"
	"strings"

	"crmsyncd/fieldmap"
)

// suggest names the valid key nearest to what was written, or all of them where
// none is near.
func suggest(got string, valid []string) string {
	if near := fieldmap.Nearest(got, valid); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "known here: " + strings.Join(valid, ", ")
}
