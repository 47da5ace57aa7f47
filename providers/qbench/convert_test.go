package qbench_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"crmsyncd/fieldmap/record"
	"crmsyncd/providers"
	"crmsyncd/providers/qbench"
)

func converter(t testing.TB, zone string) *qbench.Client {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	c, err := qbench.New(qbench.Config{
		BaseURL: "https://x.qbench.net", ClientID: "a", Secret: func() (string, error) { return "b", nil }, Zone: loc,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const refused = "refused"

type conversion struct {
	typ       record.Type
	raw, want string
}

func conversions() []conversion {
	return []conversion{
		{record.Text, `"  Acme  GmbH "`, "Acme  GmbH"},
		{record.Text, `""`, "null"},
		{record.Text, `"   "`, "null"},
		{record.Text, `null`, "null"},
		{record.Text, `{"a":1}`, refused},
		{record.Text, `["a"]`, refused},
		// F21
		{record.ID, `12345`, "12345"},
		{record.ID, `"0012"`, "0012"},
		{record.ID, `12345.0`, refused},
		{record.ID, `"12345.0"`, refused},
		{record.ID, `" 12345.00 "`, refused},
		{record.ID, `1e5`, refused},
		{record.ID, `"1e5"`, "1e5"},
		{record.ID, `"v1.2"`, "v1.2"},
		{record.ID, `9007199254740993`, "9007199254740993"},
		{record.Int, `"250"`, "250"},
		{record.Int, `250`, "250"},
		{record.Int, `250.5`, refused},
		{record.Decimal, `0.1000`, "0.1"},
		{record.Decimal, `12345678901234567890.123456789`, "12345678901234567890.123456789"},
		{record.Bool, `true`, "true"},
		// B2 of the vendor's date forms, in New York
		{record.Date, `"10/16/2020"`, "2020-10-16"},
		{record.Date, `"10/16/2020 11:05 PM"`, "2020-10-16"},
		{record.Date, `"10/16/2020 12:00 am"`, "2020-10-16"},
		{record.Date, `"2020-10-16"`, "2020-10-16"},
		{record.Date, `"2020-10-16T00:00:00+0000"`, "2020-10-16"},
		{record.Date, `"2020-10-16T02:05:00+0000"`, "2020-10-15"},
		{record.Date, `"1602839100"`, "2020-10-16"},
		{record.Date, `1602839100`, "2020-10-16"},
		{record.Date, `""`, "null"},
		{record.Date, `"16/10/2020"`, refused},
		{record.Date, `"20201016"`, refused},
		{record.Date, `"02/30/2020"`, refused},
		{record.Date, `"soon"`, refused},
		{record.Date, `1602839100.5`, refused},
		{record.Date, `["10/16/2020"]`, refused},
		{record.Datetime, `"10/16/2020 09:05 AM"`, "2020-10-16T13:05:00Z"},
		{record.Datetime, `"1/2/2020 9:05 pm"`, "2020-01-03T02:05:00Z"},
		{record.Datetime, `"10/16/2020"`, "2020-10-16T04:00:00Z"},
		{record.Datetime, `"2020-10-16T09:05:00+0000"`, "2020-10-16T09:05:00Z"},
		{record.Datetime, `"2020-10-16T09:05:00.5+02:00"`, "2020-10-16T07:05:00.5Z"},
		{record.Datetime, `"2020-10-16T09:05:00Z"`, "2020-10-16T09:05:00Z"},
		{record.Datetime, `"1602839100"`, "2020-10-16T09:05:00Z"},
		{record.Datetime, `"9999999999999"`, refused},
		{record.MultiSet, `["b","a",""," a "]`, "a,b"},
		{record.MultiSet, `[]`, "null"},
		{record.Reference, `[12,3]`, "12,3"},
		{record.Reference, `["12"]`, "12"},
		{record.Reference, `[]`, "null"},
		{record.Reference, `[12.0]`, refused},
		{record.Reference, `5`, "5"},
	}
}

func TestConvert(t *testing.T) {
	c := converter(t, "America/New_York")
	for _, tt := range conversions() {
		t.Run(fmt.Sprintf("%v %s", tt.typ, tt.raw), func(t *testing.T) {
			v, err := c.Convert(qbench.Customer, record.Field{Name: "f", Type: tt.typ}, []byte(tt.raw))
			got := strings.Join(v.Elems(), ",")
			switch {
			case err != nil:
				got = refused
				if providers.KindOf(err) != providers.Rejected || !strings.Contains(err.Error(), "customer.f") {
					t.Errorf("got %v", err)
				}
			case v.IsNull():
				got = "null"
			}
			if got != tt.want {
				t.Errorf("got %s, want %s (%v)", got, tt.want, err)
			}
		})
	}
}

// F20: a day stays that day, in every zone and on both sides of every change of
// clocks.
func TestF20_DaysDoNotShift(t *testing.T) {
	zones := []string{
		"UTC", "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Beirut",
	}
	clients := map[string]*qbench.Client{}
	for _, z := range zones {
		clients[z] = converter(t, z)
	}
	rapid.Check(t, func(t *rapid.T) {
		day := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 5000).Draw(t, "day"))
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		minute := rapid.IntRange(0, 24*60-1).Draw(t, "minute")
		clock := day.Add(time.Duration(minute) * time.Minute)
		for _, text := range []string{
			day.Format("01/02/2006"), clock.Format("01/02/2006 03:04 PM"), day.Format(time.DateOnly), day.Format("2006-01-02T15:04:05-0700"),
		} {
			f := record.Field{Name: "f", Type: record.Date}
			v, err := clients[zone].Convert(qbench.Customer, f, []byte(`"`+text+`"`))
			if err != nil || v.Text() != day.Format(time.DateOnly) {
				t.Fatalf("%s in %s became %s, %v", text, zone, v.Text(), err)
			}
		}
		// The beginning of a day lies in that day.
		f := record.Field{Name: "f", Type: record.Datetime}
		v, err := clients[zone].Convert(qbench.Customer, f, []byte(day.Format(`"01/02/2006"`)))
		at, bad := time.Parse(time.RFC3339, v.Text())
		loc, _ := time.LoadLocation(zone)
		if err != nil || bad != nil || at.In(loc).Format(time.DateOnly) != day.Format(time.DateOnly) {
			t.Fatalf("the beginning of %s in %s became %s, %v", day.Format(time.DateOnly), zone, v.Text(), err)
		}
	})
}

// Where summer time begins at midnight, the day has no midnight to begin with.
func TestDayWithoutMidnight(t *testing.T) {
	for zone, want := range map[string]string{"America/Santiago": "2019-09-08T04:00:00Z", "America/Havana": "2020-03-08T05:00:00Z"} {
		day := map[string]string{"America/Santiago": `"09/08/2019"`, "America/Havana": `"03/08/2020"`}[zone]
		v, err := converter(t, zone).Convert(qbench.Customer, record.Field{Name: "f", Type: record.Datetime}, []byte(day))
		if err != nil || v.Text() != want {
			t.Errorf("%s in %s became %s, %v", day, zone, v.Text(), err)
		}
	}
}

func FuzzConvert(f *testing.F) {
	for _, s := range []string{`"10/16/2020 09:05 AM"`, `1602839100`, `"12345.0"`, `[1,"a",null]`, `null`, `{"a":[]}`} {
		for typ := record.Text; typ <= record.Reference; typ++ {
			f.Add(uint8(typ), []byte(s))
		}
	}
	c := converter(f, "America/Santiago")
	f.Fuzz(func(t *testing.T, typ uint8, raw []byte) {
		field := record.Field{Name: "f", Type: record.Type(typ)}
		v, err := c.Convert(qbench.Customer, field, raw)
		if err != nil {
			if providers.KindOf(err) != providers.Rejected || v.Known() {
				t.Errorf("got %v with %v", v, err)
			}
			return
		}
		// What was taken is canonical: read again, it is the same.
		if v.IsSet() && len(v.Elems()) == 1 && field.Type != record.MultiSet && field.Type != record.Reference {
			again, err := record.Canonical(field.Type, v.Text())
			if err != nil || again != v {
				t.Errorf("the canonical text is not canonical: %v", err)
			}
		}
	})
}
