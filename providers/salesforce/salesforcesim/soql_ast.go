package salesforcesim

// soqlQuery is a parsed query.
type soqlQuery struct {
	text   string
	fields []selectItem
	count  bool // COUNT()
	object string
	objPos int
	alias  string
	where  *condition
	order  []orderItem
	limit  int // -1 if absent
	offset int
}

type selectItem struct {
	path string // Account.Name
	fn   string // FIELDS or COUNT, upper-case
	pos  int
}

type orderItem struct {
	path      string
	desc      bool
	nullsLast bool
	pos       int
}

// condition is a node of WHERE: a logical one with parts, or a comparison.
type condition struct {
	op    string // AND OR NOT, or = != < <= > >= LIKE IN NOT IN INCLUDES EXCLUDES
	parts []*condition
	path  string
	vals  []literal
	sub   *soqlQuery
	pos   int
}

type literal struct {
	token
	date *dateRange // of TODAY, LAST_N_DAYS:3 and the like
}
