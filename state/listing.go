package state

import (
	"encoding/binary"

	"crmsyncd/fieldmap/record"
)

// Listing remembers a complete listing of an object of a system in which every
// record was found settled: a digest of each page, 0 for one with a record that
// was not. As long as the links have the same revision, a page with the same
// digest needs no look at its records.
type Listing struct {
	Revision uint64
	Pages    []record.Digest
}

func (tx *Tx) listings() *table { return tx.table("listing") }

// Listing returns the listing remembered of an object, an empty one where there
// is none or it is damaged.
func (tx *Tx) Listing(system, object string) Listing {
	payload, ok, err := tx.listings().get([]byte(bucketName("of", system, object)))
	if !ok || err != nil {
		return Listing{}
	}
	l, err := unpackListing(payload)
	if err != nil {
		return Listing{}
	}
	return l
}

// SetListing remembers a listing.
func (tx *Tx) SetListing(system, object string, l Listing) error {
	return tx.listings().put([]byte(bucketName("of", system, object)), packListing(l))
}

func packListing(l Listing) []byte {
	b := make([]byte, 0, 1+2*binary.MaxVarintLen64+8*len(l.Pages))
	b = binary.AppendUvarint(append(b, packedVersion), l.Revision)
	b = binary.AppendUvarint(b, uint64(len(l.Pages)))
	for _, d := range l.Pages {
		b = binary.LittleEndian.AppendUint64(b, uint64(d))
	}
	return b
}

func unpackListing(b []byte) (Listing, error) {
	in := newReader(b)
	l := Listing{Revision: in.uvarint(), Pages: make([]record.Digest, in.count())}
	for i := range l.Pages {
		l.Pages[i] = record.Digest(in.fixed())
	}
	return l, in.end()
}

// Revision moves on with each transaction that changes what the index says of
// any remote record: a link made, moved or gone, its state, or the digest of
// its raw fields.
func (l *Links) Revision() uint64 { return l.revised().n }

func (l *Links) revised() *counter {
	return l.tx.counter("revision"+l.name, func() uint64 {
		// Where the number is lost, no listing may fit it.
		if was := l.tx.Listing(l.of.system, l.of.object).Revision; was != 0 {
			return was + 1
		}
		return 0
	})
}
