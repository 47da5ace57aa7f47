package fakedata

import (
	"math/rand/v2"
	"time"

	"github.com/brianvoe/gofakeit/v7"
)

// A World is a set of companies and people that follows from its seed alone.
// Each record is computed when asked for, so a World of any size takes no
// memory and may be used from many goroutines.
type World struct {
	seed     uint64
	accounts int
	perEach  int
	pools    pools
}

// New describes a world of so many accounts with so many contacts each.
func New(seed uint64, accounts, contactsPerAccount int) *World {
	return &World{
		seed:     seed,
		accounts: max(accounts, 0),
		perEach:  max(contactsPerAccount, 0),
		pools:    newPools(),
	}
}

// Accounts is the number of companies.
func (w *World) Accounts() int { return w.accounts }

// People is the number of people.
func (w *World) People() int { return w.accounts * w.perEach }

// A quirk is one way in which a record is untidy. It befalls exactly one record
// in every whole run of its period, so that a small world has each of them too.
type quirk struct {
	salt   uint64
	period int
}

func (w *World) has(q quirk, i int) bool {
	block := uint64(i / q.period)
	return int(mix(w.seed, q.salt, block)%uint64(q.period)) == i%q.period
}

// faker returns a source of fake values that depends on the seed, the kind of
// record and its index, and on nothing else.
func (w *World) faker(kind uint64, i int) *gofakeit.Faker {
	return gofakeit.NewFaker(rand.NewPCG(mix(w.seed, kind, uint64(i)), kind), false)
}

// created spreads the records over the years before 2026, oldest first.
func (w *World) created(i, of int) time.Time {
	const years = 7 * 365 * 24 * time.Hour
	step := years / time.Duration(max(of, 1))
	return time.Date(2019, 1, 2, 8, 30, 0, 0, time.UTC).Add(time.Duration(i) * step).Truncate(time.Second)
}

// mix is the SplitMix64 finalizer over its arguments.
func mix(parts ...uint64) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, p := range parts {
		h ^= p + 0x9e3779b97f4a7c15 + h<<6 + h>>2
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}
