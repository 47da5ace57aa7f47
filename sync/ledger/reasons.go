package ledger

// The reasons for a hold. Admins know them by these names.
const (
	HoldNoEmail        = "NoEmailForContactException"
	HoldManyCustomers  = "ContactWithMoreThanOneCustomerException"
	HoldRequired       = "missing_required"
	HoldParentWaits    = "waiting_for_parent"
	HoldParentUnknown  = "parent_not_found"
	HoldAmbiguous      = "ambiguous_match"
	HoldDuplicate      = "duplicate_claim"
	HoldIdentity       = "identity_changed"
	HoldMerged         = "merged_remotely"
	HoldDeleted        = "deleted_remotely"
	HoldConflict       = "conflict"
	HoldRejected       = "rejected_by_vendor"
	HoldUnknownOutcome = "unknown_outcome"
	HoldUnmapped       = "unmapped_value"
	HoldBadValue       = "bad_value"
	HoldWriteIgnored   = "write_ignored"
	HoldOscillating    = "oscillating"
	HoldNotVisible     = "not_visible"
	HoldUnlinked       = "unlinked_by_person"
)

// HoldReasons returns the reasons that a hold can have.
func HoldReasons() []string {
	return []string{
		HoldNoEmail, HoldManyCustomers, HoldRequired, HoldParentWaits, HoldParentUnknown, HoldAmbiguous, HoldDuplicate,
		HoldIdentity, HoldMerged, HoldDeleted, HoldConflict, HoldRejected, HoldUnknownOutcome, HoldUnmapped, HoldBadValue,
		HoldWriteIgnored, HoldOscillating, HoldNotVisible, HoldUnlinked,
	}
}
