package state

import (
	"fmt"
	"strconv"
)

// HubID is the id of a hub record within its hub object; 0 is none.
type HubID uint64

// String returns the id in decimal.
func (id HubID) String() string { return strconv.FormatUint(uint64(id), 10) }

// ParseHubID reads what String wrote, and nothing else.
func ParseHubID(text string) (HubID, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 || HubID(n).String() != text {
		return 0, fmt.Errorf("%q is not a hub id", text)
	}
	return HubID(n), nil
}
