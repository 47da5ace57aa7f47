package fakedata

import "github.com/brianvoe/gofakeit/v7"

// pools are the lists from which names are put together.
type pools struct {
	stems, trades, forms      []string
	industries, tags          []string
	foreignFirst, foreignLast []string
	foreignCompanies          []string
	places                    []place
}

// place is a city whose parts agree with each other, so that a target which
// checks states and countries takes it.
type place struct{ city, state, postal, country, dial string }

func newPools() pools {
	return pools{
		stems: []string{
			"Bright", "North", "Silver", "Blue Ridge", "Harbor", "Summit", "Cedar", "Granite", "Prairie", "Lakeside",
			"Evergreen", "Iron", "Coastal", "Red Oak", "Clear", "Stone", "Aspen", "Golden", "River", "Union",
			"Pioneer", "Falcon", "Maple", "Desert", "Atlas", "Crescent", "Beacon", "Highland", "Copper", "Orchard",
		},
		trades: []string{
			"Analytical", "Water Testing", "Biosciences", "Farms", "Environmental", "Foods", "Genomics", "Extracts",
			"Diagnostics", "Materials", "Brewing", "Nutrition", "Soil Services", "Pharma", "Chemicals", "Botanicals",
		},
		forms: []string{"", "", "Inc.", "LLC", "Ltd", "GmbH", "Co.", "Corp.", "Group"},
		industries: []string{
			"Agriculture", "agriculture", "Biotechnology", "Biotech ", "Environmental", "Food & Beverage", "food and beverage",
			"Healthcare", "Chemicals", "Manufacturing", "Cannabis / Hemp", "Utilities", "Education", "Government", "Other", "n/a",
		},
		tags:             []string{"VIP", "net30", "on hold", "hemp", "stat", "billing-by-PO"},
		foreignFirst:     []string{"Zoë", "Łukasz", "Søren", "José", "Chloé", "Jürgen", "Иван", "秀英", "Ngọc", "Þóra"},
		foreignLast:      []string{"Müller", "Núñez", "Østergård", "Kowalczyk-Żak", "O’Brien", "D'Angelo", "Çelik", "Петров", "王", "Nguyễn"},
		foreignCompanies: []string{"Münchner Prüflabor", "Société Générale d’Analyze", "Laboratório São João", "Ångström Mätteknik", "東京分析センター"},
		places: []place{
			{"Denver", "CO", "80202", "US", "303"},
			{"Portland", "OR", "97204", "US", "503"},
			{"Boston", "MA", "02108", "US", "617"},
			{"Austin", "TX", "78701", "United States", "512"},
			{"Sacramento", "California", "95814", "USA", "916"},
			{"Toronto", "ON", "M5H 2N2", "Canada", "416"},
			{"München", "", "80331", "Germany", "+49 89"},
			{"Leeds", "", "LS1 4AP", "United Kingdom", "+44 113"},
			{"Aarhus", "", "8000", "Denmark", "+45 86"},
		},
	}
}

func pick(f *gofakeit.Faker, from []string) string { return from[f.IntN(len(from))] }
