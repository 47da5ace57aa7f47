package engine

// HoldReasons returns the reasons that a hold can have.
func HoldReasons() []string {
	return []string{
		HoldNoEmail, HoldManyCustomers, HoldRequired, HoldParentWaits, HoldParentUnknown, HoldAmbiguous, HoldDuplicate,
		HoldIdentity, HoldMerged, HoldDeleted, HoldConflict, HoldRejected, HoldUnknownOutcome, HoldUnmapped, HoldBadValue,
		HoldWriteIgnored, HoldOscillating, HoldNotVisible, HoldUnlinked,
	}
}
