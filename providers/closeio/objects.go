package closeio

import "crmsyncd/fieldmap/record"

// apiField is a field that every organization has. Close describes its custom
// fields and no others.
type apiField struct {
	name     string
	kind     string // Close's own word
	types    []record.Type
	readonly string // why it can never be written; empty if it can
}

// Why a field cannot be written.
const (
	ofClose = "kept by Close itself"
	ofList  = "one of a list that Close replaces whole"
	ofParts = "made of other fields"
	ofUser  = "users are never written"
	ofMoney = "amounts are never written"
)

func textual() []record.Type {
	return []record.Type{record.Text, record.ID, record.Picklist}
}

func references() []record.Type {
	return []record.Type{record.Reference, record.ID, record.Text}
}

// always are the fields that all objects have.
func always() []apiField {
	instant := []record.Type{record.Datetime, record.Date}
	return []apiField{
		{"id", "id", references(), ofClose},
		{"organization_id", "id", references(), ofClose},
		{byCreation, "datetime", instant, ofClose},
		{byUpdate, "datetime", instant, ofClose},
		{"created_by", "user", references(), ofClose},
		{"created_by_name", "text", textual(), ofClose},
		{updatedBy, "user", references(), ofClose},
		{"updated_by_name", "text", textual(), ofClose},
	}
}

// apiFields are the fields of an object beside its custom ones.
//
// https://developer.close.com/resources/leads, /contacts, /opportunities, /tasks
// and /users, last checked 2026-11-22.
func apiFields(object string) []apiField {
	switch object {
	case Lead:
		return append(always(), leadFields()...)
	case Contact:
		return append(always(), contactFields()...)
	case Opportunity:
		return append(always(), opportunityFields()...)
	case Task:
		return append(always(), taskFields()...)
	case User:
		return userFields()
	}
	return nil
}

func leadFields() []apiField {
	return []apiField{
		{"name", "text", textual(), ""},
		{"display_name", "text", textual(), ofClose},
		{"description", "text", textual(), ""},
		{"url", "url", textual(), ""},
		{"html_url", "url", textual(), ofClose},
		{"status_id", "status", references(), ""},
		{"status_label", "text", textual(), ofClose},
		{"source", "text", textual(), ofClose},
		{"primary_address_summary", "text", textual(), ofClose},
	}
}

func contactFields() []apiField {
	return []apiField{
		{leadID, "lead", references(), ""},
		{"name", "text", textual(), ""},
		{"display_name", "text", textual(), ofClose},
		{"first_name", "text", textual(), ofParts},
		{"last_name", "text", textual(), ofParts},
		{"title", "text", textual(), ""},
		{"timezone", "text", textual(), ofClose},
		{"email", "email", textual(), ofList},
		{"phone", "phone", textual(), ofList},
		{"url", "url", textual(), ofList},
	}
}

func opportunityFields() []apiField {
	day := []record.Type{record.Date}
	return []apiField{
		{leadID, "lead", references(), ofClose},
		{"lead_name", "text", textual(), ofClose},
		{"contact_id", "contact", references(), ""},
		{"contact_name", "text", textual(), ofClose},
		{"user_id", "user", references(), ""},
		{"user_name", "text", textual(), ofClose},
		{"status_id", "status", references(), ""},
		{"status_label", "text", textual(), ofClose},
		{"status_display_name", "text", textual(), ofClose},
		{"status_type", "text", textual(), ofClose},
		{"pipeline_id", "pipeline", references(), ofClose},
		{"pipeline_name", "text", textual(), ofClose},
		{"value", "money", []record.Type{record.Decimal, record.Int}, ofMoney},
		{"value_currency", "text", textual(), ofMoney},
		{"value_formatted", "text", textual(), ofClose},
		{"value_period", "text", textual(), ""},
		{"confidence", "number", []record.Type{record.Int, record.Decimal}, ""},
		{"note", "text", textual(), ""},
		{"date_won", "date", day, ""},
		{"date_lost", "datetime", []record.Type{record.Datetime, record.Date}, ofClose},
		{"is_stalled", "bool", []record.Type{record.Bool}, ofClose},
	}
}

// taskFields: a task's date is a day or an instant, as it was entered, so it is
// safely asked for as a day alone.
func taskFields() []apiField {
	day := []record.Type{record.Date}
	return []apiField{
		{"_type", "text", textual(), ofClose},
		{"text", "text", textual(), ""},
		{"is_complete", "bool", []record.Type{record.Bool}, ""},
		{"is_dateless", "bool", []record.Type{record.Bool}, ofClose},
		{"date", "date", day, ""},
		{"due_date", "date", day, ofClose},
		{"assigned_to", "user", references(), ""},
		{"assigned_to_name", "text", textual(), ofClose},
		{leadID, "lead", references(), ofClose},
		{"lead_name", "text", textual(), ofClose},
		{"contact_id", "contact", references(), ofClose},
		{"contact_name", "text", textual(), ofClose},
		{"view", "text", textual(), ofClose},
		{"object_type", "text", textual(), ofClose},
		{"object_id", "id", references(), ofClose},
		{"priority", "text", textual(), ofClose},
		{"resolution", "text", textual(), ofClose},
	}
}

func userFields() []apiField {
	return []apiField{
		{"id", "id", references(), ofUser},
		{"email", "email", textual(), ofUser},
		{"name", "text", textual(), ofUser},
		{"first_name", "text", textual(), ofUser},
		{"last_name", "text", textual(), ofUser},
		{"is_active", "bool", []record.Type{record.Bool}, ofUser},
		{"image", "url", textual(), ofUser},
		{"last_used_timezone", "text", textual(), ofUser},
		{byCreation, "datetime", []record.Type{record.Datetime, record.Date}, ofUser},
		{byUpdate, "datetime", []record.Type{record.Datetime, record.Date}, ofUser},
	}
}

// labels are those that Close offers for the elements of a list; others that an
// organization brought in by its API work as well.
func labels(member string) []string {
	if member == "addresses" {
		return []string{anyLabel, "business", "mailing", "office", "other", "billing", "shipping"}
	}
	return []string{anyLabel, "office", "home", "direct", "mobile", "fax", "url", "other"}
}
