package engine_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
)

// pageRows is how many records one page of the benchmarks holds.
const pageRows = 200

// edit says which customers differ from how they were first, and how.
type edit struct {
	Every int    // each Every-th customer, in the order of their ids
	All   bool   // every field but the id, else the name alone
	Mark  string // what the new values carry, so that each edit is another one
}

// edits were made one after the other: the last one of a customer and field
// shows.
type edits []edit

// marks returns what the name and what the other fields of a customer carry.
func (e edits) marks(n int) (name, others string) {
	for _, one := range e {
		if n%one.Every != 0 {
			continue
		}
		if name = one.Mark; one.All {
			others = one.Mark
		}
	}
	return name, others
}

// pageFile is one listing of customers as QBench would send it, page after page
// in one file.
type pageFile struct {
	Path    string
	Offsets []int64 // where each page begins, and the end
	Rows    int
}

// writePages writes a listing of so many customers, in random order, as CRMs
// hand them out: 16 members each, 12 of them mapped, about 560 bytes.
func writePages(tb testing.TB, path string, rows int, e edits) pageFile {
	tb.Helper()
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	order := rand.New(rand.NewPCG(1, 2)).Perm(rows)
	pages := pageFile{Path: path, Rows: rows}
	var at int64
	var b []byte
	for from := 0; from < rows; from += pageRows {
		pages.Offsets = append(pages.Offsets, at)
		b = fmt.Appendf(b[:0], `{"total_count":%d,"total_pages":%d,"data":[`, rows, (rows+pageRows-1)/pageRows)
		for i, n := range order[from:min(from+pageRows, rows)] {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendCustomer(b, n, e)
		}
		b = append(b, "]}"...)
		at += int64(len(b))
		if _, err := w.Write(b); err != nil {
			tb.Fatal(err)
		}
	}
	pages.Offsets = append(pages.Offsets, at)
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	return pages
}

// appendCustomer appends one customer of QBench.
func appendCustomer(b []byte, n int, e edits) []byte {
	name, x := e.marks(n)
	return fmt.Appendf(b, `{"id":%d,"customer_name":"Example Laboratories %d GmbH%s","description":"Contract testing for food, feed and `+
		`drinking water since 1987%s","industry":"Food & Beverage%s","website":"https://www%s.example-%d.test","number_of_employees":%d,`+
		`"phone":"+49 40 5%s5 %06d","fax":null,"comments":"Called twice, prefers e-mail to the phone","tags":["north","gold"],`+
		`"street":"Hafenstrasse %d%s","city":"Hamburg%s","state":"HH%s","postal_code":"20%s457","country":"Germany%s",`+
		`"last_updated":"1602800331","sales_rep":"Someone Else","billing_code":"B-%08d"}`,
		100000+n, n, name, x, x, x, n, n%900+len(x), x, n, n%200, x, x, x, x, x, n)
}

// pageServer answers QBench's lists from a file: what lies between it and the
// engine is the real provider.
type pageServer struct {
	pages pageFile
	file  *os.File
}

func servePages(tb testing.TB, p pageFile) *pageServer {
	tb.Helper()
	f, err := os.Open(p.Path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	return &pageServer{pages: p, file: f}
}

// RoundTrip answers one request.
func (s *pageServer) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := s.body(r.URL)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(body), Request: r}, nil
}

func (s *pageServer) body(u *url.URL) (io.Reader, error) {
	switch {
	case strings.HasSuffix(u.Path, "/token"):
		return strings.NewReader(`{"access_token":"t","expires_in":3600}`), nil
	case !strings.HasSuffix(u.Path, "/customer"):
		return strings.NewReader(`{"total_count":0,"total_pages":0,"data":[]}`), nil
	}
	n, err := strconv.Atoi(u.Query().Get("page_num"))
	if err != nil || n < 1 || n >= len(s.pages.Offsets) {
		return nil, fmt.Errorf("there is no page %q", u.Query().Get("page_num"))
	}
	return s.page(n - 1), nil
}

func (s *pageServer) page(i int) *io.SectionReader {
	return io.NewSectionReader(s.file, s.pages.Offsets[i], s.pages.Offsets[i+1]-s.pages.Offsets[i])
}

// save and loadPages carry the places of the pages to a child process.
func (p pageFile) save(tb testing.TB) string {
	tb.Helper()
	b, err := json.Marshal(p)
	if err != nil {
		tb.Fatal(err)
	}
	name := p.Path + ".json"
	if err := os.WriteFile(name, b, 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}

func loadPages(tb testing.TB, name string) (p pageFile) {
	tb.Helper()
	b, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return p
}
