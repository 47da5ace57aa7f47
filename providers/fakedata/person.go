package fakedata

import (
	"strconv"
	"strings"
	"time"

	"github.com/brianvoe/gofakeit/v7"
)

// A Person is a contact, each value as somebody typed it.
type Person struct {
	Index       int
	Companies   []int // indexes of companies; none, one or two
	First, Last string
	Email       string // may be empty, in mixed case, or another person's
	Phone       string
	Mobile, Fax string
	Title       string
	Form        AddressForm
	Address     Address
	Created     time.Time
	// InCRM tells that a CRM knew the person before any synchronization. Its
	// company then has an account there too.
	InCRM bool
}

// Person returns the j-th person, who works at company j / contacts per account.
func (w *World) Person(j int) Person {
	f := w.faker(kindPerson, j)
	p := w.pools.places[f.IntN(len(w.pools.places))]
	home := j / w.perEach
	n := Person{
		Index:     j,
		Companies: []int{home},
		First:     f.FirstName(),
		Last:      f.LastName(),
		Phone:     phone(f, p),
		Title:     f.JobTitle(),
		Form:      []AddressForm{NoAddress, NoAddress, TextAddress, FlatAddress}[f.IntN(4)],
		Address:   address(f, p),
		Created:   w.created(j, w.People()),
		InCRM:     w.crmCopy(Company{Index: home}).Accounts > 0 && j%2 == 0,
	}
	n.Address.Type = ""
	if f.IntN(3) == 0 {
		n.Mobile = phone(f, p)
	}
	w.foreign(f, &n)
	n.Email = w.email(j)
	w.mess(f, &n)
	return n
}

func (w *World) foreign(f *gofakeit.Faker, n *Person) {
	if !w.has(quirk{20, 20}, n.Index) {
		return
	}
	n.First, n.Last = pick(f, w.pools.foreignFirst), pick(f, w.pools.foreignLast)
}

// mess does to n what careless hands do.
func (w *World) mess(f *gofakeit.Faker, n *Person) {
	j := n.Index
	if w.has(quirk{21, 6}, j) {
		local, host, _ := strings.Cut(n.Email, "@")
		n.Email = pick(f, []string{
			strings.ToUpper(local) + "@" + host,
			" " + n.Email,
			strings.ToUpper(local[:1]) + local[1:] + "@" + strings.ToUpper(host[:1]) + host[1:] + " ",
		})
	}
	if w.has(quirk{22, 12}, j) {
		n.First = " " + n.First + "  "
	}
	w.lose(n)
	if j > 0 && w.has(quirk{28, 70}, j) {
		n.Email = w.email(j - 1)
	}
	w.move(n)
}

// lose blanks what is missing in one record or another.
func (w *World) lose(n *Person) {
	j := n.Index
	if w.has(quirk{23, 30}, j) {
		n.Email = ""
	}
	if w.has(quirk{24, 25}, j) {
		n.Phone = ""
	}
	if w.has(quirk{25, 50}, j) {
		n.Last = ""
	}
	if w.has(quirk{26, 120}, j) {
		n.First = ""
	}
	if w.has(quirk{27, 100}, j) {
		n.Email = strings.Replace(n.Email, "@", " at ", 1)
	}
}

// move gives n a second customer, or takes the only one away.
func (w *World) move(n *Person) {
	j := n.Index
	if other := n.Companies[0] + 1; other < w.accounts && w.has(quirk{29, 40}, j) {
		n.Companies = append(n.Companies, other)
	}
	if w.has(quirk{30, 80}, j) {
		n.Companies = nil
	}
}

// email is the tidy address of person j, unlike anybody else's.
func (w *World) email(j int) string {
	f := w.faker(kindPerson, j)
	f.IntN(len(w.pools.places))
	first, last := f.FirstName(), f.LastName()
	return slug(first) + "." + slug(last) + strconv.FormatInt(int64(j), 36) + "@" + w.domain(j/w.perEach)
}
