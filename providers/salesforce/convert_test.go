package salesforce_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/salesforce"
)

// R30: the forms of 15 and 18 characters are one id.
func TestR30_IDForms(t *testing.T) {
	tests := []struct {
		in, want string
		ok       bool
	}{
		{"001D000000IRFma", "001D000000IRFmaIAH", true},
		{"001D000000IRFmaIAH", "001D000000IRFmaIAH", true},
		{"001d000000irfmaiah", "001D000000IRFmaIAH", true},
		{"001D000000IRFMAIAH", "001D000000IRFmaIAH", true},
		{"001D000000IRFmaIA", "", false},
		{"001D000000IRFmaIA9", "", false},
		{"001D000000IRFm-", "", false},
		{"0010000000000009AA", "", false},
		{"", "", false},
	}
	for _, tt := range tests {
		got, ok := salesforce.ID18(tt.in)
		if got != tt.want || ok != tt.ok {
			t.Errorf("ID18(%q) = %q, %v; want %q, %v", tt.in, got, ok, tt.want, tt.ok)
		}
	}
}

func TestR30_LongFormSurvivesLostCase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		short := rapid.StringMatching(`[0-9A-Za-z]{15}`).Draw(t, "id")
		long, ok := salesforce.ID18(short)
		if !ok || long[:15] != short {
			t.Fatalf("%q became %q, %v", short, long, ok)
		}
		for _, damaged := range []string{long, strings.ToLower(long), strings.ToUpper(long)} {
			if got, ok := salesforce.ID18(damaged); !ok || got != long {
				t.Fatalf("%q became %q, %v; want %q", damaged, got, ok, long)
			}
		}
	})
}

func TestConvert(t *testing.T) {
	c := client(t, answers(reply{}))
	tests := []struct {
		name  string
		field string
		typ   record.Type
		raw   string
		want  record.Value
	}{
		{"F12 null", "Phone", record.Text, "null", record.NullValue()},
		{"blank", "Phone", record.Text, `"  "`, record.NullValue()},
		{"trimmed", "Name", record.Text, `" Acme "`, record.Of("Acme")},
		{"escapes", "Name", record.Text, `"A\u0026B\n"`, record.Of("A&B")},
		{"double as int", "Staff__c", record.Int, "12.0", record.Of("12")},
		{"int", "NumberOfEmployees", record.Int, "5000", record.Of("5000")},
		{"F21 exponent", "Amount", record.Decimal, "1e5", record.Of("100000")},
		{"F21 many digits", "Amount", record.Decimal, "12345678901234567.89", record.Of("12345678901234567.89")},
		{"bool", "IsDeleted", record.Bool, "false", record.Of("false")},
		{"F20 day stays its day", "CloseDate", record.Date, `"2026-03-29"`, record.Of("2026-03-29")},
		{"datetime", "CreatedDate", record.Datetime, `"2026-05-01T07:25:37.000+0000"`, record.Of("2026-05-01T07:25:37Z")},
		{"datetime of a zone", "CreatedDate", record.Datetime, `"2026-05-01T00:25:37.000-0700"`, record.Of("2026-05-01T07:25:37Z")},
		{"R30 reference", "AccountId", record.Reference, `"001D000000IRFma"`, record.Of("001D000000IRFmaIAH")},
		{"R30 id as text", "Id", record.Text, `"001D000000IRFma"`, record.Of("001D000000IRFmaIAH")},
		{"R30 related id", "Account.ParentId", record.ID, `"001D000000IRFma"`, record.Of("001D000000IRFmaIAH")},
		{"R6 external id that looks like one", "Ext__c", record.ID, `"001D000000IRFma"`, record.Of("001D000000IRFma")},
		{"R6 case", "Ext__c", record.ID, `"aBc"`, record.Of("aBc")},
		{"R9 long id", "Ext__c", record.ID, `"000123456789012345678901"`, record.Of("000123456789012345678901")},
		{"decimal text form is left alone", "Ext__c", record.ID, `"12345.0"`, record.Of("12345.0")},
		{"multi", "Tags__c", record.MultiSet, `"b;a"`, record.Multi("a", "b")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := c.Convert("Account", record.Field{Name: tt.field, Type: tt.typ}, []byte(tt.raw))
			if err != nil || got != tt.want {
				t.Errorf("got %q (%v), %v; want %q", got.Text(), got, err, tt.want.Text())
			}
		})
	}
	if v, err := c.Convert("Account", record.Field{Name: "Phone", Type: record.Text}, nil); err != nil || v.State() != record.Missing {
		t.Errorf("an absent field is %v, %v; want missing", v, err)
	}
}

func TestConvertRefuses(t *testing.T) {
	c := client(t, answers(reply{}))
	tests := map[string]struct {
		typ record.Type
		raw string
	}{
		"R11 decimal id":          {record.ID, "12345.0"},
		"R11 exponent id":         {record.ID, "1e5"},
		"F21 fraction as int":     {record.Int, "12.5"},
		"F20 instant as day":      {record.Date, `"2026-03-29T00:00:00.000+0000"`},
		"compound":                {record.Text, `{"secret":"Hamburg"}`},
		"text as bool":            {record.Bool, `"secret"`},
		"broken literal":          {record.Text, `"secret`},
		"control character":       {record.Text, `"secret\u0001"`},
		"day that does not exist": {record.Date, `"2026-02-30"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v, err := c.Convert("Account", record.Field{Name: "F__c", Type: tt.typ}, []byte(tt.raw))
			if err == nil {
				t.Fatalf("got %q", v.Text())
			}
			if providers.KindOf(err) != providers.Rejected || !strings.Contains(err.Error(), "F__c") || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v: %v", providers.KindOf(err), err)
			}
		})
	}
}

func FuzzConvert(f *testing.F) {
	for _, seed := range []string{`"2026-05-01T07:25:37.000+0000"`, "12.0", "null", `"a;b"`, `"001D000000IRFma"`, `{}`, `[`} {
		for t := record.Text; t <= record.Reference; t++ {
			f.Add(uint8(t), "AccountId", []byte(seed))
		}
	}
	c, err := salesforce.New(config(answers(reply{})))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, typ uint8, name string, raw []byte) {
		fld := record.Field{Name: name, Type: record.Type(typ)}
		v, err := c.Convert("Account", fld, raw)
		if err != nil {
			if v.Known() {
				t.Fatal("a value beside an error")
			}
			return
		}
		if v.IsSet() && v.Text() == "" {
			t.Fatal("an empty text that is not null")
		}
	})
}
