package fakedata

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/brianvoe/gofakeit/v7"
)

// AddressForm says how a record holds its address.
type AddressForm uint8

// The address forms.
const (
	// NoAddress is no address at all.
	NoAddress AddressForm = iota
	// TextAddress is one line of text.
	TextAddress
	// ObjectAddress is an object with a key per part.
	ObjectAddress
	// FlatAddress is a flat additional field per part.
	FlatAddress
)

// An Address is a postal address. State is empty outside the United States and Canada.
type Address struct {
	Type                    string // BILLING, SHIPPING, or empty where nobody chose
	Street, Street2         string
	City, State, PostalCode string
	Country                 string
}

// Line is the address in one line, as a person types it.
func (a Address) Line() string {
	parts := make([]string, 0, 4)
	for _, p := range []string{a.Street, a.Street2, strings.Join(strings.Fields(a.City+" "+a.State+" "+a.PostalCode), " "), a.Country} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ", ")
}

// A Company is a customer, each value as somebody typed it.
type Company struct {
	Index       int
	Name        string // may be empty, or padded with spaces
	Domain      string // the bare domain, empty where there is no website
	Website     string
	Industry    string
	Description string
	// Employees is a number, a range such as "50-100", or empty. EmployeesText
	// tells that the system holds the number as text.
	Employees     string
	EmployeesText bool
	Phone, Fax    string
	Form          AddressForm
	Address       Address
	Comments      string
	Tags          []string
	AccountNo     string // the laboratory's own number; a few customers share one
	Created       time.Time
	CRM           Copy
}

// A Copy tells whether a CRM knew the company before any synchronization.
type Copy struct {
	// Accounts is 0, 1, or 2 where the CRM holds the company twice.
	Accounts int
	// Name and Website are the CRM's own spelling.
	Name, Website string
}

const (
	kindCompany = 1
	kindPerson  = 2
)

// Company returns the i-th company.
func (w *World) Company(i int) Company {
	f := w.faker(kindCompany, i)
	p := w.pools.places[f.IntN(len(w.pools.places))]
	c := Company{
		Index:       i,
		Name:        w.companyName(f, i),
		Industry:    pick(f, w.pools.industries),
		Description: f.HipsterSentence(),
		Phone:       phone(f, p),
		Form:        AddressForm(f.IntN(4)),
		Address:     address(f, p),
		AccountNo:   fmt.Sprintf("%06d", 100000+i),
		Created:     w.created(i, w.accounts),
	}
	c.Domain = w.domain(i)
	c.Website = website(f, c.Domain)
	c.Employees, c.EmployeesText = employees(f)
	if f.IntN(3) == 0 {
		c.Fax = phone(f, p)
	}
	if f.IntN(4) == 0 {
		c.Comments = "Call before delivery.\nGate code " + strconv.Itoa(1000+f.IntN(9000))
		c.Tags = []string{pick(f, w.pools.tags)}
	}
	c.CRM = w.crmCopy(c)
	w.spoil(&c)
	return c
}

// spoil does to c what careless hands do.
func (w *World) spoil(c *Company) {
	i := c.Index
	if w.has(quirk{1, 8}, i) {
		c.Name = "  " + c.Name + " "
	}
	if w.has(quirk{2, 60}, i) {
		c.Name = ""
	}
	if w.has(quirk{3, 10}, i) {
		c.Domain, c.Website = "", ""
	}
	if w.has(quirk{4, 15}, i) {
		c.Phone = ""
	}
	if w.has(quirk{5, 12}, i) {
		c.Address.Type = "SHIPPING"
	}
	if w.has(quirk{6, 12}, i) {
		c.Address.Type = ""
	}
	if i > 0 && w.has(quirk{7, 80}, i) {
		c.AccountNo = fmt.Sprintf("%06d", 100000+i-1)
	}
}

func (w *World) companyName(f *gofakeit.Faker, i int) string {
	var name string
	switch f.IntN(3) {
	case 0:
		name = pick(f, w.pools.stems) + " " + pick(f, w.pools.trades)
	case 1:
		name = f.LastName() + " " + pick(f, w.pools.trades)
	default:
		name = f.LastName() + " & " + f.LastName()
	}
	if w.has(quirk{8, 25}, i) {
		name = pick(f, w.pools.foreignCompanies)
	}
	return strings.TrimSpace(name + " " + pick(f, w.pools.forms))
}

// domain is unique to company i, but for the few that share their elder sister's.
func (w *World) domain(i int) string {
	if i > 0 && w.has(quirk{9, 90}, i) {
		i--
	}
	name := w.companyName(w.domainFaker(i), i)
	return slug(name) + "-" + strconv.FormatInt(int64(i), 36) + ".example"
}

// domainFaker stands where Company's own faker stands when it draws the name.
func (w *World) domainFaker(i int) *gofakeit.Faker {
	f := w.faker(kindCompany, i)
	f.IntN(len(w.pools.places))
	return f
}

// crmCopy lets a CRM know about one company in seven, one of those in ten twice.
func (w *World) crmCopy(c Company) Copy {
	if !w.has(quirk{10, 7}, c.Index) {
		return Copy{}
	}
	n := Copy{Accounts: 1, Name: c.Name, Website: "https://www." + c.Domain}
	switch mix(w.seed, 11, uint64(c.Index)) % 3 {
	case 0:
		n.Name = strings.ToUpper(c.Name)
	case 1:
		n.Name, _, _ = strings.Cut(c.Name, " ")
	}
	if w.has(quirk{10, 7}, c.Index) && (c.Index/7)%10 == int(w.seed%10) {
		n.Accounts = 2
	}
	return n
}

func address(f *gofakeit.Faker, p place) Address {
	a := Address{
		Type:       "BILLING",
		Street:     strconv.Itoa(1+f.IntN(9999)) + " " + f.LastName() + " " + pick(f, []string{"St", "Street", "Ave", "Road", "Blvd."}),
		City:       p.city,
		State:      p.state,
		PostalCode: p.postal,
		Country:    p.country,
	}
	if f.IntN(4) == 0 {
		a.Street2 = "Suite " + strconv.Itoa(100+f.IntN(800))
	}
	return a
}

// phone writes the same kind of number in the ways people do. Subscriber
// numbers are from the ranges set aside for fiction where there is one.
func phone(f *gofakeit.Faker, p place) string {
	if strings.HasPrefix(p.dial, "+") {
		n := 100000 + f.IntN(899999)
		if f.IntN(2) == 0 {
			return fmt.Sprintf("%s %d", p.dial, n)
		}
		return fmt.Sprintf("00%s/%d", strings.ReplaceAll(p.dial[1:], " ", " (0)"), n)
	}
	n := 100 + f.IntN(100)
	switch f.IntN(6) {
	case 0:
		return fmt.Sprintf("(%s) 555-0%d", p.dial, n)
	case 1:
		return fmt.Sprintf("%s-555-0%d", p.dial, n)
	case 2:
		return fmt.Sprintf("+1 %s 555 0%d", p.dial, n)
	case 3:
		return fmt.Sprintf("%s5550%d", p.dial, n)
	case 4:
		return fmt.Sprintf("%s.555.0%d x%d", p.dial, n, 1+f.IntN(99))
	default:
		return fmt.Sprintf(" 1-%s-555-0%d", p.dial, n)
	}
}

func website(f *gofakeit.Faker, domain string) string {
	switch f.IntN(5) {
	case 0:
		return domain
	case 1:
		return "www." + domain
	case 2:
		return "http://" + domain + "/"
	case 3:
		return "HTTPS://WWW." + strings.ToUpper(domain[:1]) + domain[1:]
	default:
		return "https://" + domain
	}
}

func employees(f *gofakeit.Faker) (text string, quoted bool) {
	n := 1 + f.IntN(2000)
	switch f.IntN(6) {
	case 0:
		return "", false
	case 1:
		return pick(f, []string{"1-10", "10-50", "50-100", "500+"}), true
	case 2:
		return strconv.Itoa(n), true
	default:
		return strconv.Itoa(n), false
	}
}

// slug keeps the ASCII letters and digits of a name.
func slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(r)
		case r == ' ' && b.Len() > 0:
			b.WriteByte('-')
		}
	}
	s := strings.Trim(strings.ReplaceAll(b.String(), "--", "-"), "-")
	if s == "" {
		return "company"
	}
	return s
}
