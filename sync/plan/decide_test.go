package plan_test

import (
	"testing"

	"crmsyncd/sync/plan"
)

// TestDecisionTable is the decision table, row by row: what changed on which
// side, and whether both mean the same. A change is a difference from what the
// link knows, never a later time, so a write of our own that comes back is none
// (F1).
func TestDecisionTable(t *testing.T) {
	t.Parallel()
	decideRows(t, []row{
		{"pull: no, no", "pull owned", "theirs:a seen:a ours:a told:a", "nothing seen:a told:a"},
		{"pull: no, no, and differ", "pull owned", "theirs:b seen:b ours:a told:a tolerated", "nothing seen:b told:a"},
		{"pull: yes, no, equal", "pull owned", "theirs:Good>a seen:OK ours:a told:a", "agree same seen:Good told:a"},
		{"pull: yes, yes, equal", "pull", "theirs:b seen:a ours:b told:a", "agree same seen:b told:b"},
		{"pull: yes, no, by the owner", "pull owned", "theirs:b seen:a ours:a told:a", "take source_changed b seen:b told:b"},
		{"pull: yes, no, by another", "pull", "theirs:b seen:a ours:a told:a", "tolerate drift seen:b told:a"},
		{"pull: no, yes", "pull owned", "theirs:a seen:a ours:b told:a", "tolerate not_owner seen:a told:b"},
		{"pull: no, yes, and now equal", "pull", "theirs:b seen:b ours:b told:a tolerated", "agree same seen:b told:b"},
		{"pull: yes, yes, by the owner", "pull owned", "theirs:b seen:a ours:c told:a", "take source_changed b seen:b told:b"},
		{"pull: yes, yes, by another", "pull", "theirs:b seen:a ours:c told:a", "tolerate drift seen:b told:c"},
		{"pull: yes, yes, a person decides", "pull wins=hold", "theirs:b seen:a ours:c told:a", "hold conflict seen:a told:a"},
		{"pull: yes, yes, newer without evidence", "pull owned wins=newer", "theirs:b seen:a ours:c told:a", "hold conflict seen:a told:a"},
		{"pull: yes, yes, nobody decides", "pull ownerless", "theirs:b seen:a ours:c told:a", "hold conflict seen:a told:a"},
		{"pull: not read, ours changed", "pull owned", "seen:a ours:b told:a", "nothing seen:a told:a"},

		{"push: no, no", "push", "theirs:a seen:a ours:a told:a", "nothing seen:a told:a"},
		{"push: not read, no", "push", "seen:a ours:a told:a", "nothing seen:a told:a"},
		{"push: no, no, and differ", "push", "theirs:b seen:b ours:a told:a tolerated", "nothing seen:b told:a"},
		{"push: yes, no, equal", "push compare=fold", "theirs:A seen:a ours:a told:a", "agree same seen:A told:a"},
		{"push: yes, yes, equal", "push", "theirs:b seen:a ours:b told:a", "agree same seen:b told:b"},
		{"push: yes, no", "push", "theirs:b seen:a ours:a told:a", "tolerate drift seen:b told:a"},
		{"push: yes, no, enforced", "push write=enforce", "theirs:b seen:a ours:a told:a", "push drift_enforced a seen:a told:a assumed overwrites"},
		{"push: no, yes", "push", "theirs:a seen:a ours:b told:a", "push source_changed b seen:b told:b assumed overwrites"},
		{"push: not read, yes", "push", "seen:a ours:b told:a", "push source_changed b seen:b told:b assumed overwrites"},
		{"push: not read, yes, into a blank", "push", "seen:- ours:b told:-", "push source_changed b seen:b told:b assumed"},
		{"push: no, yes, and they hold it already", "push", "seen:b ours:b told:a", "agree same seen:b told:b"},
		{"push: yes, yes", "push", "theirs:c seen:a ours:b told:a", "push overwritten b seen:b told:b assumed overwrites"},
	})
}

// TestFirstMeeting is the row for a new link, and for a field new to a link.
// The guard's count of overwrites (D22) rests on what is said here.
func TestFirstMeeting(t *testing.T) {
	t.Parallel()
	decideRows(t, []row{
		{"pull: same", "pull owned", "theirs:a ours:a", "agree same seen:a told:a"},
		{"pull: both blank", "pull owned", "theirs:- ours:-", "agree same seen:- told:-"},
		{"pull: hub is blank", "pull", "theirs:b ours:-", "take first_meeting b seen:b told:b"},
		{"pull: hub is blank, keep", "pull on_link=keep", "theirs:b ours:-", "take first_meeting b seen:b told:b"},
		{"pull: theirs is blank", "pull owned on_empty=clear", "theirs:- ours:a", "tolerate blank_ignored seen:- told:a"},
		{"pull: source, they own it", "pull owned", "theirs:b ours:a", "take first_meeting b seen:b told:b"},
		{"pull: source, the hub has the owner's", "pull", "theirs:b ours:a ours-owned", "tolerate not_owner seen:b told:a"},
		{"pull: source, nobody's is the owner's", "pull", "theirs:b ours:a", "take first_meeting b seen:b told:b"},
		{"pull: fill_blank", "pull owned on_link=fill_blank", "theirs:b ours:a", "tolerate kept_both seen:b told:a"},
		{"pull: keep", "pull owned on_link=keep", "theirs:b ours:a", "tolerate kept_both seen:b told:a"},
		{"pull: equal by form, the owner's spelling", "pull owned compare=fold", "theirs:A ours:a", "take equal_by_form A seen:A told:A"},
		{"pull: equal by form, keep", "pull owned compare=fold on_link=keep", "theirs:A ours:a", "agree equal_by_form seen:A told:a"},
		{"pull: equal by form, another's spelling", "pull compare=fold", "theirs:A ours:a", "agree equal_by_form seen:A told:a"},
		{"pull: not read", "pull owned", "ours:a", "nothing"},

		{"push: same", "push", "theirs:a ours:a", "agree same seen:a told:a"},
		{"push: both blank", "push", "theirs:- ours:-", "agree same seen:- told:-"},
		{"push: equal by form", "push compare=fold", "theirs:A ours:a", "agree same seen:A told:a"},
		{"push: source", "push", "theirs:b ours:a", "push first_meeting a seen:a told:a assumed overwrites"},
		{"push: source, theirs is blank", "push", "theirs:- ours:a", "push blank_filled a seen:a told:a assumed"},
		{"push: fill_blank, theirs is blank", "push on_link=fill_blank", "theirs:- ours:a", "push blank_filled a seen:a told:a assumed"},
		{"push: fill_blank", "push on_link=fill_blank", "theirs:b ours:a", "tolerate kept_both seen:b told:a"},
		{"push: keep, theirs is blank", "push on_link=keep", "theirs:- ours:a", "tolerate kept_both seen:- told:a"},
		{"push: keep", "push on_link=keep", "theirs:b ours:a", "tolerate kept_both seen:b told:a"},
		{"push: the hub is blank", "push on_empty=clear write=enforce", "theirs:b ours:-", "tolerate blank_ignored seen:b told:-"},
		{"push: not read", "push", "ours:a", "nothing"},
		{"push: met before, written now", "push", "seen:b ours:a", "push first_meeting a seen:a told:a assumed overwrites"},
		{"push: met blank, written now", "push", "seen:- ours:a", "push blank_filled a seen:a told:a assumed"},
		{"push: met, enforced drift, written now", "push write=enforce", "seen:b ours:a", "push drift_enforced a seen:a told:a assumed overwrites"},
		{"push: met, and the hub came round", "push", "seen:b ours:b", "agree same seen:b told:b"},
		{"push: met and found, only blanks", "push write=fill_blank", "theirs:b ours:a found", "tolerate not_empty seen:b told:a"},
	})
}

// TestDigestsLost: a pull decides by the conflict policy, a push as on a first
// meeting, and what it would overwrite is counted (D22).
func TestDigestsLost(t *testing.T) {
	t.Parallel()
	decideRows(t, []row{
		{"pull: same", "pull wins=hold", "theirs:a ours:a lost seen:x told:x", "agree same seen:a told:a"},
		{"pull: by the owner", "pull owned", "theirs:b ours:a lost", "take source_changed b seen:b told:b"},
		{"pull: by another", "pull", "theirs:b ours:a lost", "tolerate drift seen:b told:a"},
		{"pull: newer", "pull owned wins=newer", "theirs:b ours:a lost seen:b told:c", "hold conflict"},
		{"pull: no policy", "pull ownerless", "theirs:b ours:a lost", "hold conflict"},
		{"pull: keep does not matter", "pull owned on_link=keep", "theirs:b ours:a lost", "take source_changed b seen:b told:b"},
		{"pull: equal by form is no conflict", "pull owned wins=hold compare=fold", "theirs:A ours:a lost", "take equal_by_form A seen:A told:A"},
		{"pull: the hub is blank", "pull", "theirs:b ours:- lost", "take first_meeting b seen:b told:b"},
		{"pull: the hub was cleared by the owner", "pull", "theirs:b ours:- lost ours-owned", "tolerate drift seen:b told:-"},
		{"push: differ", "push", "theirs:b ours:a lost seen:a told:a", "push first_meeting a seen:a told:a assumed overwrites"},
		{"push: keep", "push on_link=keep", "theirs:b ours:a lost seen:b told:c", "tolerate kept_both seen:b told:a"},
		{"push: not read", "push", "ours:b lost seen:a told:a", "nothing"},
		{"push: gone from their schema", "push", "theirs:! ours:b lost seen:a told:a", "nothing suspended"},
	})
}

// TestWriteModes: what each mode does on creation, on a change of ours, of
// theirs, and of both. D2, D12: an address or a phone, which is create-only, is
// written when its record is made and never after, also if it was blank then.
func TestWriteModes(t *testing.T) {
	t.Parallel()
	decideRows(t, []row{
		{"on_change: creation", "push", "ours:a creating", "push new_record a seen:a told:a assumed"},
		{"on_change: creation with a blank", "push", "ours:- creating", "agree same seen:- told:- assumed"},
		{"on_change: theirs turned blank", "push", "theirs:- seen:a ours:a told:a", "tolerate drift seen:- told:a"},

		{"enforce: theirs turned blank", "push write=enforce", "theirs:- seen:a ours:a told:a", "push drift_enforced a seen:a told:a assumed"},
		{"enforce: theirs is ours again", "push write=enforce", "theirs:a seen:b ours:a told:a", "agree same seen:a told:a"},
		{"enforce: another spelling is no drift", "push write=enforce compare=fold", "theirs:A seen:a ours:a told:a", "agree same seen:A told:a"},
		{"enforce: a blank of nobody's", "push write=enforce", "theirs:b seen:- ours:- told:-", "tolerate drift seen:b told:-"},
		{"enforce: a blank of the owner's", "push write=enforce", "theirs:b seen:- ours:- told:- ours-owned", "push drift_enforced - seen:- told:- assumed overwrites"},

		{"fill_blank: creation", "push write=fill_blank", "ours:a creating", "push new_record a seen:a told:a assumed"},
		{"fill_blank: theirs holds a value", "push write=fill_blank", "seen:a ours:b told:a", "tolerate not_empty seen:a told:b"},
		{"fill_blank: theirs is blank", "push write=fill_blank", "seen:- ours:b told:a", "push source_changed b seen:b told:b assumed"},
		{"fill_blank: theirs turned blank", "push write=fill_blank", "theirs:- seen:a ours:a told:a", "push blank_filled a seen:a told:a assumed"},
		{"fill_blank: theirs turned blank while ours changed", "push write=fill_blank", "theirs:- seen:a ours:b told:a", "push overwritten b seen:b told:b assumed"},
		{"fill_blank: theirs drifted", "push write=fill_blank", "theirs:c seen:a ours:a told:a", "tolerate drift seen:c told:a"},

		{"create_only: creation", "push write=create_only", "ours:a creating", "push new_record a seen:a told:a assumed"},
		{"create_only: creation with a blank", "push write=create_only", "ours:- creating", "agree same seen:- told:- assumed"},
		{"create_only: ours changed", "push write=create_only", "seen:a ours:b told:a", "tolerate create_only seen:a told:b"},
		{"create_only: filled later", "push write=create_only", "seen:- ours:b told:- assumed", "tolerate create_only seen:- told:b"},
		{"create_only: theirs drifted", "push write=create_only", "theirs:b seen:a ours:a told:a", "tolerate drift seen:b told:a"},
		{"create_only: both changed", "push write=create_only", "theirs:c seen:a ours:b told:a", "tolerate create_only seen:c told:b"},
		{"create_only: found blank", "push write=create_only", "theirs:- ours:a found", "tolerate create_only seen:- told:a"},
		{"create_only: found with another", "push write=create_only", "theirs:b ours:a found", "tolerate create_only seen:b told:a"},
		{"create_only: a changed rule", "push write=create_only", "theirs:a seen:a ours:b>B told:b rule-changed", "tolerate create_only seen:a told:b"},

		{"never: creation", "push write=never", "ours:a creating", "tolerate never_written told:a"},
		{"never: ours changed", "push write=never", "seen:a ours:b told:a", "tolerate never_written seen:a told:b"},
		{"never: first meeting", "push write=never", "theirs:- ours:a", "tolerate never_written seen:- told:a"},
	})
}

// TestF12_FourValues: not read, gone from the schema, blank and a value are four
// things. A blank of the owner's clears, a blank of anyone else is ignored, and
// the rule may say otherwise.
func TestF12_FourValues(t *testing.T) {
	t.Parallel()
	decideRows(t, []row{
		{"pull: not read", "pull owned on_empty=clear", "theirs:? seen:a ours:a told:a", "nothing seen:a told:a"},
		{"pull: gone from their schema", "pull owned on_empty=clear", "theirs:! seen:a ours:a told:a", "nothing suspended seen:a told:a"},
		{"push: gone from their schema", "push write=enforce", "theirs:! seen:a ours:b told:a assumed", "nothing suspended seen:a told:a"},
		{"pull: the owner clears", "pull owned", "theirs:- seen:a ours:a told:a", "take source_changed - seen:- told:-"},
		{"pull: another's blank", "pull", "theirs:- seen:a ours:a told:a", "tolerate blank_ignored seen:- told:a"},
		{"pull: another's blank where no owner decides", "pull wins=hold", "theirs:- seen:a ours:a told:a", "tolerate blank_ignored seen:- told:a"},
		{"pull: the owner's blank, ignored", "pull owned on_empty=ignore", "theirs:- seen:a ours:a told:a", "tolerate blank_ignored seen:- told:a"},
		{"pull: another's blank may clear, but not over the owner", "pull on_empty=clear", "theirs:- seen:a ours:a told:a", "tolerate drift seen:- told:a"},
		{"pull: another's blank clears where no owner decides", "pull wins=hold on_empty=clear", "theirs:- seen:a ours:a told:a", "take source_changed - seen:- told:-"},
		{"pull: both changed, the owner cleared", "pull owned", "theirs:- seen:a ours:c told:a", "take source_changed - seen:- told:-"},
		{"pull: both changed, an ignored blank is no conflict", "pull wins=hold on_empty=ignore", "theirs:- seen:a ours:c told:a", "tolerate blank_ignored seen:- told:c"},
		{"pull: a zero is a value", "pull owned", "theirs:0 seen:a ours:a told:a", "take source_changed 0 seen:0 told:0"},
		{"pull: required", "pull owned required", "theirs:- seen:a ours:a told:a", "hold missing_required seen:a told:a"},
		{"pull: key", "pull owned key", "theirs:- seen:a ours:a told:a", "hold missing_required seen:a told:a"},
		{"pull: identity", "pull owned identity on_empty=clear", "theirs:- seen:a ours:a told:a", "hold missing_required seen:a told:a"},
		{"pull: required, and both changed", "pull owned required", "theirs:- seen:a ours:c told:a", "hold missing_required seen:a told:a"},
		{"pull: a required field of another's is not even asked", "pull required", "theirs:- seen:a ours:a told:a", "tolerate blank_ignored seen:- told:a"},
		{"push: a clear goes out", "push", "seen:a ours:- told:a", "push source_changed - seen:- told:- assumed overwrites"},
		{"push: a clear is ignored", "push on_empty=ignore", "seen:a ours:- told:a", "tolerate blank_ignored seen:a told:-"},
		{"push: a clear of a blank", "push", "seen:- ours:- told:a", "agree same seen:- told:-"},
		{"push: a clear over their new value", "push", "theirs:b seen:a ours:- told:a", "push overwritten - seen:- told:- assumed overwrites"},
	})
}

// TestOwners: the owner of a field and the taker rule.
func TestOwners(t *testing.T) {
	t.Parallel()
	decideRows(t, []row{
		{"another fills what the owner never gave", "pull", "theirs:b seen:a ours:- told:-", "take source_changed b seen:b told:b"},
		{"another does not fill what the owner cleared", "pull", "theirs:b seen:a ours:- told:- ours-owned", "tolerate drift seen:b told:-"},
		{"under wins: hold a lone change is taken from anyone", "pull wins=hold", "theirs:b seen:a ours:a told:a", "take source_changed b seen:b told:b"},
		{"under wins: newer a lone change is taken from anyone", "pull wins=newer", "theirs:b seen:a ours:a told:a", "take source_changed b seen:b told:b"},
		{"equal by form flows from the owner", "pull owned compare=fold", "theirs:A seen:a ours:a told:a", "take equal_by_form A seen:A told:A"},
		{"equal by form stays with another", "pull compare=fold", "theirs:A seen:a ours:a told:a", "agree equal_by_form seen:A told:a"},
		{"equal by form is no conflict", "pull owned compare=fold wins=hold", "theirs:Xa seen:a ours:xA told:a", "take equal_by_form Xa seen:Xa told:Xa"},
		{"equal by form is no conflict with another", "pull compare=fold wins=hold", "theirs:Xa seen:a ours:xA told:a", "agree equal_by_form seen:Xa told:xA"},
		{"the owner did not speak", "pull owned compare=fold", "theirs:A seen:A ours:a told:x", "agree equal_by_form seen:A told:a"},
		{"money is equal at the field's scale", "pull money", "theirs:10.01 seen:9 ours:10.005 told:9", "agree equal_by_form seen:10.01 told:10.005"},
		{"money on a push", "push money write=enforce", "theirs:10.01 seen:10.005 ours:10.005 told:10.005", "agree same seen:10.01 told:10.005"},
	})
}

// TestChangedRule: a changed rule is not an edit.
func TestChangedRule(t *testing.T) {
	t.Parallel()
	decideRows(t, []row{
		{"pull: the map gives another value", "pull owned", "theirs:Good>green seen:Good ours:ok told:ok rule-changed", "take mapping_changed green seen:Good told:green"},
		{"pull: the same value", "pull owned", "theirs:Good>green seen:Good ours:green told:ok rule-changed", "agree same seen:Good told:green"},
		{"pull: nothing else", "pull owned", "theirs:a seen:a ours:a told:a rule-changed", "agree same seen:a told:a"},
		{"pull: not the owner's", "pull", "theirs:Good>green seen:Good ours:ok told:ok rule-changed", "tolerate drift seen:Good told:ok"},
		{"pull: ours changed, that stays", "pull owned", "theirs:Good>green seen:Good ours:red told:ok rule-changed", "tolerate not_owner seen:Good told:red"},
		{"pull: a difference that is settled stays so", "pull owned", "theirs:b seen:b ours:a told:a rule-changed tolerated", "nothing seen:b told:a"},
		{"pull: theirs changed as well", "pull owned", "theirs:b seen:a ours:a told:a rule-changed", "take source_changed b seen:b told:b"},
		{"push: the map gives another value", "push", "theirs:Good>green seen:Good ours:ok>OK told:ok rule-changed", "push mapping_changed OK seen:OK told:ok assumed overwrites"},
		{"push: the same value", "push", "theirs:a seen:a ours:a told:a rule-changed", "nothing seen:a told:a"},
		{"push: equal under the new rule", "push compare=fold", "theirs:A seen:A ours:a told:a rule-changed", "nothing seen:A told:a"},
		{"push: a difference that is settled stays so", "push", "theirs:b seen:b ours:a told:a rule-changed tolerated", "nothing seen:b told:a"},
		{"push: only blanks", "push write=fill_blank", "theirs:Good>green seen:Good ours:ok>OK told:ok rule-changed", "tolerate not_empty seen:Good told:ok"},
	})
}

// TestF2_FirstReadingAfterSent asks in the order of the questions: who changed
// the field, is it what was sent, who touched the record, may it still stand
// there, can it only be ours. C2.2, C2.3: an edit is drift and not their form.
// C2.4: a value that they accepted and did not keep is no form either.
func TestF2_FirstReadingAfterSent(t *testing.T) {
	t.Parallel()
	const sent = "seen:b ours:b told:b there:read.a,sent.b "
	decideRows(t, []row{
		{"the history names another", "push", sent + "theirs:c history:other", "tolerate drift seen:c told:b"},
		{"the history names another, and it may stand there", "push", sent + "theirs:a history:other by-id", "tolerate drift seen:a told:b"},
		{"kept as it was sent", "push", sent + "theirs:b", "nothing seen:b told:b"},
		{"kept in another form", "push compare=fold", sent + "theirs:B", "agree same seen:B told:b"},
		{"another touched the record", "push", sent + "theirs:c touched:other", "tolerate drift seen:c told:b"},
		{"another touched the record, enforced", "push write=enforce", sent + "theirs:c touched:other", "push drift_enforced b seen:b told:b assumed overwrites"},
		{"another touched the record, and it may stand there", "push", sent + "theirs:a touched:other by-id", "tolerate form_or_edit seen:a told:b"},
		{"ignored", "push", sent + "theirs:a by-id", "hold write_ignored seen:b told:b"},
		{"ignored, enforced: once more", "push write=enforce", sent + "theirs:a by-id", "push drift_enforced b seen:b told:b assumed overwrites"},
		{"ignored again, enforced", "push write=enforce", "seen:b ours:b told:b there:read.a,sent.b,read.a,sent.b theirs:a by-id", "hold write_ignored seen:b told:b"},
		{"ignored, and read again", "push", "seen:b ours:b told:b there:read.a,sent.b,read.a theirs:a by-id", "hold write_ignored seen:b told:b"},
		{"made, and dropped", "push", "theirs:- seen:b ours:b told:b assumed own by-id", "hold write_ignored seen:b told:b"},
		{"made, and dropped, by the history", "push", "theirs:- seen:b ours:b told:b assumed history:ours", "hold write_ignored seen:b told:b"},
		{"made, and dropped, by a listing", "push", "theirs:- seen:b ours:b told:b assumed", "hold write_ignored seen:b told:b"},
		{"made, and dropped, enforced: once more", "push write=enforce", "theirs:- seen:b ours:b told:b assumed own by-id", "push drift_enforced b seen:b told:b assumed"},
		{"made, and cleared by another", "push", "theirs:- seen:b ours:b told:b assumed touched:other", "tolerate drift seen:- told:b"},
		{"updated, and blank", "push", sent + "theirs:- own by-id", "hold write_ignored seen:b told:b"},
		{"updated twice, and blank", "push write=enforce", "seen:b ours:b told:b there:read.a,sent.b,read.-,sent.b theirs:- by-id", "hold write_ignored seen:b told:b"},
		{"surely ours", "push", sent + "theirs:c own by-id", "tolerate remote_form seen:c told:b"},
		{"surely ours by the history", "push", sent + "theirs:c history:ours", "tolerate remote_form seen:c told:b"},
		{"nobody can tell", "push", sent + "theirs:c by-id", "tolerate form_or_edit seen:c told:b"},
		{"nobody can tell, enforced", "push write=enforce", sent + "theirs:c by-id", "push drift_enforced b seen:b told:b assumed overwrites"},
		{"the same answer again, enforced", "push write=enforce", "seen:b ours:b told:b there:read.a,sent.b,read.c,sent.b theirs:c by-id", "hold oscillating seen:b told:b"},
		{"the same answer again, in another spelling", "push write=enforce", "seen:b ours:b told:b there:read.a,sent.b,read.B,sent.b theirs:B by-id", "tolerate remote_form seen:B told:b"},
		{"a default that filled a blank", "push", "theirs:x seen:- ours:- told:- assumed", "tolerate vendor_default seen:x told:-"},
		{"a blank that somebody filled", "push", "theirs:x seen:- ours:- told:- assumed touched:other", "tolerate drift seen:x told:-"},
		{"ours has changed meanwhile", "push", "theirs:B seen:b ours:c told:b assumed", "push overwritten c seen:c told:c assumed overwrites"},
		{"ignored, and ours has changed meanwhile", "push", "seen:b ours:c told:b there:read.a,sent.b theirs:a by-id", "push overwritten c seen:c told:c assumed overwrites"},
		{"not read yet", "push", "seen:b ours:b told:b assumed", "nothing seen:b told:b"},
		{"settled as a form", "push write=enforce", "theirs:B seen:B ours:b told:b tolerated", "nothing seen:B told:b"},
		{"and then drift", "push write=enforce", "theirs:x seen:B ours:b told:b tolerated", "push drift_enforced b seen:b told:b assumed overwrites"},
	})
}

// TestToldWithoutSeen: what a rule told is known, what it saw is not. It is no
// first meeting: nothing is sent unless ours has changed since.
func TestToldWithoutSeen(t *testing.T) {
	t.Parallel()
	decideRows(t, []row{
		{"same", "push", "theirs:a ours:a told:a", "agree same seen:a told:a"},
		{"differs", "push write=enforce", "theirs:b ours:a told:a", "tolerate form_or_edit seen:b told:a"},
		{"ours has changed", "push", "theirs:b ours:c told:a", "push first_meeting c seen:c told:c assumed overwrites"},
		{"ours has changed, keep", "push on_link=keep", "theirs:b ours:c told:a", "tolerate kept_both seen:b told:c"},
		{"ours has changed, not read", "push", "ours:c told:a", "push source_changed c seen:c told:c assumed overwrites"},
		{"not read", "push", "ours:a told:a", "nothing told:a"},
	})
}

// TestC2_1_ChangedRuleIsNoEdit: where a line changed, or was away and is back,
// and what stands there is what this rule or another of the field left, nobody
// edited: the rule is applied. Anything else is somebody's.
func TestC2_1_ChangedRuleIsNoEdit(t *testing.T) {
	t.Parallel()
	decideRows(t, []row{
		{"push: what this rule left", "push", "theirs:a>z seen:a ours:a>A told:a rule-changed", "push mapping_changed A seen:A told:a assumed overwrites"},
		{"push: a new rule, what another left", "push", "theirs:x ours:a rule-changed other-seen", "push mapping_changed a seen:a told:a assumed overwrites"},
		{"push: back, what another left", "push", "theirs:x seen:a ours:a told:a rule-changed other-seen", "push mapping_changed a seen:a told:a assumed overwrites"},
		{"push: back, and somebody edited", "push", "theirs:x seen:a ours:a told:a rule-changed", "tolerate drift seen:x told:a"},
		{"push: back, it was sent by another", "push", "theirs:x seen:a ours:a told:a there:read.a,sent.x rule-changed other-seen", "push mapping_changed a seen:a told:a assumed overwrites"},
		{"push: back, and another value than the one that was settled", "push", "theirs:x seen:b ours:a told:a tolerated rule-changed other-seen", "push mapping_changed a seen:a told:a assumed overwrites"},
		{"push: back, create-only", "push write=create_only", "theirs:x seen:b ours:a told:a tolerated there:read.b,sent.x rule-changed other-seen", "tolerate create_only seen:x told:a"},
		{"push: back, a blank of nobody's", "push", "theirs:x seen:b ours:- told:- there:read.b,sent.x rule-changed other-seen", "tolerate blank_ignored seen:x told:-"},
		{"push: back, a blank of the owner's", "push", "theirs:x seen:b ours:- told:- there:read.b,sent.x rule-changed other-seen owners-blank", "push mapping_changed - seen:- told:- assumed overwrites"},
		{"push: a new rule, a blank of nobody's", "push", "theirs:x ours:- rule-changed other-seen", "tolerate blank_ignored seen:x told:-"},
		{"push: a new rule, a blank of the owner's", "push", "theirs:x ours:- rule-changed other-seen owners-blank", "push mapping_changed - seen:- told:- assumed overwrites"},
		{"push: tolerated stays tolerated", "push", "theirs:x seen:x ours:a told:a rule-changed tolerated", "nothing seen:x told:a"},
		{"push: freed", "push", "theirs:x seen:x ours:a told:a tolerated freed", "push mapping_changed a seen:a told:a assumed overwrites"},
		{"push: freed, a blank", "push", "theirs:x seen:x ours:- told:- tolerated freed", "push mapping_changed - seen:- told:- assumed overwrites"},
		{"push: freed, and blanks are still ignored", "push on_empty=ignore", "theirs:x seen:x ours:- told:- tolerated freed", "tolerate blank_ignored seen:x told:-"},
		{"push: freed for blanks alone", "push write=fill_blank", "theirs:x seen:x ours:a told:a tolerated freed", "tolerate not_empty seen:x told:a"},
		{"push: freed, and somebody edited", "push", "theirs:y seen:x ours:a told:a tolerated freed", "tolerate drift seen:y told:a"},
		{"push: freed, equal by now", "push", "theirs:a seen:x ours:a told:a tolerated freed", "agree same seen:a told:a"},
		{"push: freed, the last write not read yet", "push", "theirs:x seen:x ours:a told:a assumed tolerated freed", "push mapping_changed a seen:a told:a assumed overwrites"},
		{"push: freed, the last write in another form", "push", "theirs:X seen:x ours:a told:a assumed tolerated freed", "push mapping_changed a seen:a told:a assumed overwrites"},
		{"push: freed, somebody edited the last write", "push", "theirs:y seen:x ours:a told:a assumed tolerated freed touched:other", "tolerate drift seen:y told:a"},
		{"push: freed, never seen and blank", "push", "theirs:- ours:a told:a tolerated freed", "push blank_filled a seen:a told:a assumed"},
		{"push: freed, never seen and filled", "push", "theirs:x ours:a told:a tolerated freed", "tolerate form_or_edit seen:x told:a"},
		{"push: create_only", "push write=create_only", "theirs:x seen:a ours:a told:a rule-changed other-seen", "tolerate create_only seen:x told:a"},
		{"pull: what another left", "pull owned", "theirs:x seen:a ours:a told:a rule-changed other-seen", "take mapping_changed x seen:x told:x"},
		{"pull: what another left, ours moved", "pull owned", "theirs:x seen:a ours:b told:a rule-changed other-seen", "take mapping_changed x seen:x told:x"},
		{"pull: back, a gone line gave ours", "pull owned", "theirs:a seen:a ours:x told:a rule-changed by-gone", "take mapping_changed a seen:a told:a"},
		{"pull: back, a gone line cleared ours", "pull owned", "theirs:a seen:a ours:- told:a rule-changed by-gone", "take mapping_changed a seen:a told:a"},
		{"pull: back, both are other ones", "pull", "theirs:b seen:a ours:x told:a rule-changed by-gone ours-theirs", "take source_changed b seen:b told:b"},
		{"pull: back, it was tolerated once", "pull owned", "theirs:a seen:a ours:x told:b rule-changed by-gone tolerated", "take mapping_changed a seen:a told:a"},
		{"pull: back, another gave ours", "pull owned", "theirs:a seen:a ours:x told:a rule-changed", "tolerate not_owner seen:a told:x"},
		{"pull: a gone line gave ours, and the rule stands", "pull owned", "theirs:a seen:a ours:x told:a by-gone", "tolerate not_owner seen:a told:x"},
		{"pull: somebody edited", "pull owned", "theirs:x seen:a ours:a told:a rule-changed", "take source_changed x seen:x told:x"},
	})
}

// TestNames: what admins see, and what links store.
func TestNames(t *testing.T) {
	t.Parallel()
	for k, want := range map[plan.Kind]string{
		plan.Nothing: "nothing", plan.Agree: "agree", plan.Take: "take", plan.Push: "push", plan.Tolerate: "tolerate", plan.Hold: "hold",
	} {
		if k.String() != want {
			t.Errorf("kind %d is %q, want %q", k, k, want)
		}
	}
	// The numbers are stored: a name must never move to another one.
	for r, want := range map[plan.Reason]string{
		0: "", 1: "source_changed", 2: "new_record", 3: "first_meeting", 4: "mapping_changed", 5: "blank_filled", 6: "drift_enforced",
		7: "overwritten", 8: "drift", 9: "create_only", 10: "never_written", 11: "blank_ignored", 12: "kept_both", 13: "not_owner",
		14: "remote_form", 15: "equal_by_form", 16: "conflict", 17: "missing_required", 18: "suspended", 19: "same", 20: "not_empty", 23: "form_or_edit", 24: "write_ignored", 25: "oscillating", 26: "vendor_default", 27: "dropped",
		21: "skipped", 22: "external_id", 99: "unknown",
	} {
		if r.String() != want {
			t.Errorf("reason %d is %q, want %q", uint8(r), r, want)
		}
	}
}
