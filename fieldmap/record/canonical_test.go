package record_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"crmsyncd/fieldmap/record"
)

// TestCanonical proves the canonical form of plain text: F20 (a date stays a
// day), F21 (number forms), R9 and R10 (ids are text).
func TestCanonical(t *testing.T) {
	t.Parallel()
	type test struct {
		typ  record.Type
		in   string
		want string
		err  error
	}
	tests := map[string]test{
		"text is trimmed":              {record.Text, " \u00a0a b\t\n", "a b", nil},
		"text keeps tabs and lines":    {record.Text, "a\r\nb\tc\nd", "a\nb\tc\nd", nil},
		"text of blanks is null":       {record.Text, " \t ", "", nil},
		"text with NUL":                {record.Text, "a\x00", "", record.ErrControl},
		"text with unit separator":     {record.Text, "a\x1fb", "", record.ErrControl},
		"text with DEL":                {record.Text, "a\x7f", "", record.ErrControl},
		"text not UTF-8":               {record.Text, "a\xff", "", record.ErrUTF8},
		"control at the end":           {record.Text, "a\x0b", "", record.ErrControl},
		"id keeps zeros and case":      {record.ID, " 00aBc ", "00aBc", nil},
		"id text in decimal form":      {record.ID, "12345.0", "12345.0", nil},
		"int":                          {record.Int, "007", "7", nil},
		"int with idle fraction":       {record.Int, "12.0", "12", nil},
		"int in powers of ten":         {record.Int, "1.2e1", "12", nil},
		"int with fraction":            {record.Int, "12.5", "", record.ErrInt},
		"int with separator":           {record.Int, "1,000", "", record.ErrInt},
		"int minus zero":               {record.Int, "-0", "0", nil},
		"int least":                    {record.Int, "-9223372036854775808", "-9223372036854775808", nil},
		"int too large":                {record.Int, "9223372036854775808", "", record.ErrIntRange},
		"int far too large":            {record.Int, "1e999", "", record.ErrIntRange},
		"decimal drops idle zeros":     {record.Decimal, "1.50", "1.5", nil},
		"decimal power":                {record.Decimal, "1e3", "1000", nil},
		"decimal negative power":       {record.Decimal, "15E-4", "0.0015", nil},
		"decimal minus zero":           {record.Decimal, "-0.000", "0", nil},
		"decimal plus":                 {record.Decimal, "+.5", "0.5", nil},
		"decimal keeps all digits":     {record.Decimal, "9007199254740993.10", "9007199254740993.1", nil},
		"decimal bomb":                 {record.Decimal, "1e999999999", "", record.ErrTooLong},
		"decimal bomb below":           {record.Decimal, "1e-999999999", "", record.ErrTooLong},
		"decimal bomb past int":        {record.Decimal, "1e99999999999999999999", "", record.ErrDecimal},
		"decimal zero with power":      {record.Decimal, "0e900", "0", nil},
		"decimal too long":             {record.Decimal, strings.Repeat("9", 1001), "", record.ErrTooLong},
		"decimal with separator":       {record.Decimal, "1,000.5", "", record.ErrDecimal},
		"decimal point alone":          {record.Decimal, ".", "", record.ErrDecimal},
		"decimal point at end":         {record.Decimal, "5.", "", record.ErrDecimal},
		"decimal hex":                  {record.Decimal, "0x10", "", record.ErrDecimal},
		"decimal NaN":                  {record.Decimal, "NaN", "", record.ErrDecimal},
		"decimal underscore exponent":  {record.Decimal, "1e1_0", "", record.ErrDecimal},
		"bool yes":                     {record.Bool, "Yes", "true", nil},
		"bool 1":                       {record.Bool, "1", "true", nil},
		"bool False":                   {record.Bool, "FALSE", "false", nil},
		"bool no":                      {record.Bool, "no", "false", nil},
		"bool on":                      {record.Bool, "on", "", record.ErrBool},
		"date":                         {record.Date, "2024-02-29", "2024-02-29", nil},
		"date that is none":            {record.Date, "2023-02-29", "", record.ErrDate},
		"date short month":             {record.Date, "2024-2-29", "", record.ErrDate},
		"date with time":               {record.Date, "2024-02-29T00:00:00Z", "", record.ErrDate},
		"date slashes":                 {record.Date, "02/29/2024", "", record.ErrDate},
		"date year zero":               {record.Date, "0000-01-01", "", record.ErrDate},
		"datetime to UTC":              {record.Datetime, "2024-03-01T00:30:00+02:00", "2024-02-29T22:30:00Z", nil},
		"datetime keeps fraction":      {record.Datetime, "2024-03-01T00:30:00.120Z", "2024-03-01T00:30:00.12Z", nil},
		"datetime drops idle fraction": {record.Datetime, "2024-03-01T00:30:00.000+0000", "2024-03-01T00:30:00Z", nil},
		"datetime without zone":        {record.Datetime, "2024-03-01T00:30:00", "", record.ErrDatetime},
		"datetime out of range":        {record.Datetime, "9999-12-31T23:59:59-01:00", "", record.ErrDatetime},
		"date is no datetime":          {record.Datetime, "2024-03-01", "", record.ErrDatetime},
		"set is sorted, once each":     {record.MultiSet, "b; a;b;;", "a\x1fb", nil},
		"set of nothing":               {record.MultiSet, " ; ", "", nil},
		"unknown type":                 {record.Type(99), "a", "", record.ErrType},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := record.Canonical(tt.typ, tt.in)
			check(t, got, err, record.Of(tt.want), tt.err)
		})
	}
}

// TestCanonicalJSON proves R9 and F21 on JSON: no float, ids as digits stand,
// and R11: an id in decimal form is refused, never repaired in silence.
func TestCanonicalJSON(t *testing.T) {
	t.Parallel()
	type test struct {
		typ  record.Type
		in   string
		want record.Value
		err  error
	}
	tests := map[string]test{
		"nothing sent":            {record.Text, "", record.Value{}, nil},
		"null":                    {record.Int, "null", record.NullValue(), nil},
		"blank string":            {record.Int, `"  "`, record.NullValue(), nil},
		"escapes":                 {record.Text, `"a\n\u00e9\ud83d\ude00"`, record.Of("a\né😀"), nil},
		"escaped control":         {record.Text, `"a\u0000"`, record.Value{}, record.ErrControl},
		"escaped separator":       {record.MultiSet, `["a\u001fb"]`, record.Value{}, record.ErrControl},
		"half a surrogate":        {record.Text, `"\ud83d"`, record.Value{}, record.ErrJSON},
		"number as text":          {record.Text, `1.50`, record.Of("1.50"), nil},
		"bool as text":            {record.Picklist, `true`, record.Of("true"), nil},
		"id digits stay":          {record.ID, `12345678901234567890`, record.Of("12345678901234567890"), nil},
		"R11 id with fraction":    {record.ID, `12345.0`, record.Value{}, record.ErrDecimalID},
		"R11 id with exponent":    {record.ID, `1e5`, record.Value{}, record.ErrDecimalID},
		"R11 reference":           {record.Reference, `1.0`, record.Value{}, record.ErrDecimalID},
		"R11 reference in array":  {record.Reference, `[1.0]`, record.Value{}, record.ErrDecimalID},
		"id of bool":              {record.ID, `true`, record.Value{}, record.ErrJSONKind},
		"int with idle fraction":  {record.Int, `12.0`, record.Of("12"), nil},
		"int with fraction":       {record.Int, `12.5`, record.Value{}, record.ErrInt},
		"int as string":           {record.Int, `"12"`, record.Of("12"), nil},
		"decimal beyond float":    {record.Decimal, `0.10000000000000000001`, record.Of("0.10000000000000000001"), nil},
		"decimal of bool":         {record.Decimal, `true`, record.Value{}, record.ErrJSONKind},
		"bool":                    {record.Bool, ` false `, record.Of("false"), nil},
		"bool of number":          {record.Bool, `1`, record.Of("true"), nil},
		"date of number":          {record.Date, `20240101`, record.Value{}, record.ErrJSONKind},
		"datetime":                {record.Datetime, `"2024-03-01T00:30:00Z"`, record.Of("2024-03-01T00:30:00Z"), nil},
		"set":                     {record.MultiSet, `["b", "a", null, 3, "b"]`, record.Multi("3", "a", "b"), nil},
		"set keeps semicolons":    {record.MultiSet, `["a;b"]`, record.Of("a;b"), nil},
		"set as string":           {record.MultiSet, `"b;a"`, record.Multi("a", "b"), nil},
		"empty set":               {record.MultiSet, `[]`, record.NullValue(), nil},
		"references":              {record.Reference, `[7, "3"]`, record.Multi("3", "7"), nil},
		"one reference":           {record.Reference, `["3"]`, record.Of("3"), nil},
		"array for text":          {record.Text, `["a"]`, record.Value{}, record.ErrJSONKind},
		"array in array":          {record.MultiSet, `[["a"]]`, record.Value{}, record.ErrJSONKind},
		"object":                  {record.Text, `{"a":1}`, record.Value{}, record.ErrJSONKind},
		"object in array":         {record.MultiSet, `[{"a":1}]`, record.Value{}, record.ErrJSONKind},
		"cut short":               {record.Text, `"a`, record.Value{}, record.ErrJSON},
		"cut array":               {record.MultiSet, `["a"`, record.Value{}, record.ErrJSON},
		"more than one":           {record.Int, `1 2`, record.Value{}, record.ErrJSON},
		"more than one array":     {record.MultiSet, `[] []`, record.Value{}, record.ErrJSON},
		"not JSON":                {record.Text, `<html>`, record.Value{}, record.ErrJSON},
		"number that is no JSON":  {record.Int, `012`, record.Value{}, record.ErrJSON},
		"invalid UTF-8 in string": {record.Text, "\"a\xff\"", record.Value{}, record.ErrJSON},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := record.CanonicalJSON(tt.typ, []byte(tt.in))
			check(t, got, err, tt.want, tt.err)
		})
	}
}

func check(t *testing.T, got record.Value, err error, want record.Value, wantErr error) {
	t.Helper()
	if !errors.Is(err, wantErr) {
		t.Fatalf("error %v, want %v", err, wantErr)
	}
	if err != nil {
		want = record.Value{}
	}
	if got != want {
		t.Errorf("got %v %q, want %v %q", got.State(), got.Text(), want.State(), want.Text())
	}
}

// TestR11_WholeNumberID: the repair is explicit, and repairs nothing that is
// not plainly a whole number.
func TestR11_WholeNumberID(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]record.Value{
		`12345.0`: record.Of("12345"), `"12345.00"`: record.Of("12345"), `1e3`: record.Of("1000"),
		`12345`: record.Of("12345"), `"00123"`: record.Of("00123"), `"A.1"`: record.Of("A.1"),
		`"1E5"`: record.Of("1E5"), `null`: record.NullValue(), ``: {},
	} {
		got, err := record.WholeNumberID([]byte(in))
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", in, got.Text(), err, want.Text())
		}
	}
	for _, in := range []string{`12.5`, `"12.5"`, `1e-3`, `1e99999`} {
		if v, err := record.WholeNumberID([]byte(in)); !errors.Is(err, record.ErrDecimalID) {
			t.Errorf("%s: got %q, %v; want ErrDecimalID", in, v.Text(), err)
		}
	}
}

func TestF21_Round(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in    string
		scale int
		want  string
	}{
		{"1.005", 2, "1.01"},
		{"1.004", 2, "1"},
		{"-1.005", 2, "-1.01"},
		{"9.999", 2, "10"},
		{"0.004", 2, "0"},
		{"-0.004", 2, "0"},
		{"12", 2, "12"},
		{"1.5", 0, "2"},
		{"1.25", -1, "1.25"},
		{"99.5", 0, "100"},
		{"0.5", 0, "1"},
		{"1.2", 5, "1.2"},
	} {
		if got := record.Round(record.Of(tt.in), tt.scale); got.Text() != tt.want {
			t.Errorf("Round(%s, %d) = %s, want %s", tt.in, tt.scale, got.Text(), tt.want)
		}
	}
}

// TestErrorsHideValues: an error shows the fault and never a customer's data.
func TestErrorsHideValues(t *testing.T) {
	t.Parallel()
	for typ := record.Text; typ <= record.Reference; typ++ {
		for _, in := range []string{"secret-7x\x01", "secret-7x", "9e99999"} {
			if _, err := record.Canonical(typ, in); err != nil && strings.ContainsAny(err.Error(), "79x") {
				t.Errorf("%v: error shows the value: %v", typ, err)
			}
		}
	}
}

func types() *rapid.Generator[record.Type] {
	return rapid.Custom(func(t *rapid.T) record.Type {
		return record.Type(rapid.IntRange(int(record.Text), int(record.Reference)).Draw(t, "type"))
	})
}

func texts() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringMatching(`[-+]?[0-9]{0,4}(\.[0-9]{1,4})?([eE][-+]?[0-9]{1,3})?`),
		rapid.StringMatching(`[0-9]{4}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[-+][01][0-9]:?[0-5]0))?`),
		rapid.SampledFrom([]string{"true", "no", "1", " A ", "a;b;a"}),
	)
}

// TestCanonicalIsStable: the canonical form of a canonical form is itself, so
// a digest never moves by itself.
func TestCanonicalIsStable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		typ, in := types().Draw(t, "t"), texts().Draw(t, "in")
		stable(t, typ, in)
	})
}

type failer interface {
	Fatalf(format string, args ...any)
}

func stable(t failer, typ record.Type, in string) {
	v, err := record.Canonical(typ, in)
	if err != nil {
		if v != (record.Value{}) {
			t.Fatalf("%v %q: a value beside an error", typ, in)
		}
		return
	}
	if !v.Known() {
		t.Fatalf("%v %q: text that was read is missing", typ, in)
	}
	for _, elem := range v.Elems() {
		if typ == record.MultiSet && strings.Contains(elem, ";") {
			t.Fatalf("%v %q: element %q", typ, in, elem)
		}
		again, err := record.Canonical(typ, elem)
		if err != nil || again.Text() != elem {
			t.Fatalf("%v %q: %q, again %q, %v", typ, in, elem, again.Text(), err)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, in := range []string{"", " a ", "1e3", "-0.50", "2024-02-29", "2024-02-29T01:02:03.5+01:00", "a;b", "\xff", "yes"} {
		f.Add(uint8(record.Decimal), in)
	}
	f.Fuzz(func(t *testing.T, typ uint8, in string) {
		stable(t, record.Type(typ%12), in)
	})
}

func FuzzCanonicalJSON(f *testing.F) {
	for _, in := range []string{``, `null`, `"a\u00e9"`, `1.0`, `1e5`, `true`, `["a",1,null]`, `{"a":[]}`, `[`, "\"\xff\""} {
		f.Add(uint8(record.MultiSet), []byte(in))
	}
	f.Fuzz(func(t *testing.T, typ uint8, in []byte) {
		kind := record.Type(typ % 12)
		v, err := record.CanonicalJSON(kind, in)
		if err != nil && v != (record.Value{}) {
			t.Fatalf("a value beside an error")
		}
		if _, err := record.WholeNumberID(in); err != nil && record.ID == kind && strings.Contains(err.Error(), string(in)) && len(in) > 3 {
			t.Fatalf("error shows the value")
		}
		for _, elem := range v.Elems() {
			if strings.ContainsAny(elem, "\x00\x1f\x7f") || strings.TrimSpace(elem) != elem || elem == "" {
				t.Fatalf("element %q is not canonical", elem)
			}
		}
	})
}
