package closeiosim

func taskFields() []field {
	return []field{
		{name: "_type", set: taskType, on: onCreate},
		idField(),
		leadField(),
		ownerName(),
		{name: "contact_id", set: loose(contact), on: always},
		partnerName(),
		{name: "assigned_to", set: member, on: always},
		{name: "assigned_to_name", get: userName("assigned_to")},
		{name: "text", set: text(0), on: always},
		{name: "date", set: dateOrMoment, on: always},
		{name: "due_date", get: func(s *store, _ *record, v *version, b []byte) []byte { return append(b, s.stored(v, "date")...) }},
		{name: "is_dateless", get: func(s *store, _ *record, v *version, b []byte) []byte {
			if s.stored(v, "date") == "null" {
				return append(b, "true"...)
			}
			return append(b, "false"...)
		}},
		{name: "is_complete", blank: "false", set: truth, on: always},
		{name: "view", get: taskView},
		{name: "object_type"},
		{name: "object_id"},
		{name: "priority", set: oneOf("high", "medium"), on: always},
		{name: "resolution"},
		{name: "deduplication_key"},
	}
}

func (s *store) complete(v *version) bool { return s.stored(v, "is_complete") == "true" }

// taskView is the tab in which a task stands: complete ones in the archive,
// those of a later day in the future. The day is the organization's, UTC here.
func taskView(s *store, _ *record, v *version, b []byte) []byte {
	return quote(b, s.viewOf(v))
}

func (s *store) viewOf(v *version) string {
	if s.complete(v) {
		return "archive"
	}
	const day = 24 * 60 * 60 * 1000
	if ms, _, ok := parseMoment(plain(s.stored(v, "date"))); ok && ms/day > s.now()/day {
		return "future"
	}
	return "inbox"
}

// humanType tells whether people make tasks of the type; the system makes the
// others, and their ids begin with noti_.
func humanType(name string) bool { return name == "lead" || name == "outgoing_call" }

// systemTypes are the tasks that Close makes itself.
func systemTypes() []string {
	return []string{
		"incoming_email", "email_followup", "missed_call", "voicemail",
		"answered_detached_call", "incoming_sms", "opportunity_due",
	}
}

// objectOf is what a task of a type points to.
func objectOf(taskType string) string {
	switch taskType {
	case "incoming_email", "email_followup":
		return "emailthread"
	case "missed_call", "voicemail", "answered_detached_call":
		return "call"
	case "incoming_sms":
		return "sms"
	case "opportunity_due":
		return "opportunity"
	}
	return ""
}
