package state

import (
	"context"
	"errors"
	"time"

	"crmsyncd/fieldmap/record"
)

var errTodo = errors.New("not built yet")

// Errors of this package.
var (
	ErrLocked      = errors.New("another crmsyncd has the state file open")
	ErrNewerFormat = errors.New("the state file was written by a newer crmsyncd")
	ErrUnsafePath  = errors.New("unsafe state path")
	ErrDamaged     = errors.New("damaged state")
	ErrStop        = errors.New("stop")
	ErrClaimed     = errors.New("claimed by another link")
)

// Options says how to open a store.
type Options struct {
	ReadOnly bool
	Timeout  time.Duration
	Now      func() time.Time
	MaxSize  int
}

type (
	Store struct{}
	Tx    struct{}
	Hub   struct{}
	Links struct{}
	Spool struct{}
)

func Open(path string, opt Options) (*Store, error)             { return nil, errTodo }
func (s *Store) Close() error                                   { return errTodo }
func (s *Store) Path() string                                   { return "" }
func (s *Store) Key() record.Key                                { return record.Key{} }
func (s *Store) InstallID() string                              { return "" }
func (s *Store) Suspect() string                                { return "" }
func (s *Store) Trust() error                                   { return errTodo }
func (s *Store) Nums(names ...string) ([]Num, error)            { return nil, errTodo }
func (s *Store) Name(n Num) string                              { return "" }
func (s *Store) View(fn func(*Tx) error) error                  { return errTodo }
func (s *Store) Update(fn func(*Tx) error) error                { return errTodo }
func (s *Store) Snapshot(path string) error                     { return errTodo }
func (s *Store) Size() (file, used int64)                       { return 0, 0 }
func (s *Store) Spool(name string) *Spool                       { return &Spool{} }
func (tx *Tx) Counter() uint64                                  { return 0 }
func (tx *Tx) Meta(key string) []byte                           { return nil }
func (tx *Tx) SetMeta(key string, val []byte) error             { return errTodo }
func (tx *Tx) Hub(object string) *Hub                           { return &Hub{} }
func (tx *Tx) Links(system, object string) *Links               { return &Links{} }
func (r *HubRecord) Get(f Num) record.Value                     { return record.Value{} }
func (h *Hub) NextID() (HubID, error)                           { return 0, errTodo }
func (h *Hub) Get(id HubID, into *HubRecord) (bool, error)      { return false, errTodo }
func (h *Hub) Put(rec *HubRecord, keys []IndexKey) error        { return errTodo }
func (h *Hub) Touch(id HubID) error                             { return errTodo }
func (h *Hub) Find(key IndexKey) ([]HubID, error)               { return nil, errTodo }
func (h *Hub) Each(from HubID, fn func(*HubRecord) error) error { return errTodo }
func (h *Hub) Count() int                                       { return 0 }
func (l *Link) Field(n Num) *LinkField                          { return nil }
func (l *Link) Set(f LinkField)                                 {}
func (l *Links) Get(hub HubID, into *Link) (bool, error)        { return false, errTodo }
func (l *Links) ByRemote(remote string) (HubID, bool)           { return 0, false }
func (l *Links) Put(link *Link) error                           { return errTodo }
func (l *Links) Delete(hub HubID) error                         { return errTodo }
func (l *Links) Each(from HubID, fn func(*Link) error) error    { return errTodo }
func (l *Links) Open() int                                      { return 0 }
func (l *Links) Count() int                                     { return 0 }
func (sp *Spool) Append(tx *Tx, entries []Entry) error          { return errTodo }
func (sp *Spool) Len(tx *Tx) int                                { return 0 }
func (sp *Spool) Drop(tx *Tx) error                             { return errTodo }

func (h *Hub) Changes(after, upTo uint64, fn func(number uint64, id HubID) error) error {
	return errTodo
}

func (r *HubRecord) Set(f Num, v record.Value, source Num, at int64, rule Num) bool { return false }

func (s *Store) Verify(ctx context.Context, progress func(done, total int)) ([]Damage, error) {
	return nil, errTodo
}

func (s *Store) PruneJournal(maxAge time.Duration, maxBytes int64, now time.Time) error {
	return errTodo
}

func (sp *Spool) Merge(ctx context.Context, chunk int, fn func(tx *Tx, e Entry) error) error {
	return errTodo
}
func AppendValue(b []byte, v record.Value) []byte                            { return b }
func ReadValue(b []byte) (record.Value, []byte, error)                       { return record.Value{}, nil, errTodo }
func AppendString(b []byte, s string) []byte                                 { return b }
func ReadString(b []byte) (string, []byte, error)                            { return "", nil, errTodo }
func AppendUvarint(b []byte, n uint64) []byte                                { return b }
func ReadUvarint(b []byte) (uint64, []byte, error)                           { return 0, nil, errTodo }
func (tx *Tx) PutIntents(system, object string, in []Intent) (uint64, error) { return 0, errTodo }
func (tx *Tx) CloseIntents(system, object string, batch uint64) error        { return errTodo }
func (tx *Tx) Intents(system, object string, fn func(batch uint64, in []Intent) error) error {
	return errTodo
}
func (h Hold) Key() string                                                    { return "" }
func (tx *Tx) PutHold(h Hold) error                                           { return errTodo }
func (tx *Tx) DeleteHold(key string) error                                    { return errTodo }
func (tx *Tx) Hold(key string) (Hold, bool)                                   { return Hold{}, false }
func (tx *Tx) HoldsOf(system, object string, hub HubID, remote string) []Hold { return nil }
func (tx *Tx) HoldsFor(event string) []Hold                                   { return nil }
func (tx *Tx) EachHold(system string, fn func(Hold) error) error              { return errTodo }
func (tx *Tx) CountHolds(system string) int                                   { return 0 }
func (tx *Tx) NewRun(r *Run) error                                            { return errTodo }
func (tx *Tx) PutRun(r Run) error                                             { return errTodo }
func (tx *Tx) Run(id uint64) (Run, bool)                                      { return Run{}, false }
func (tx *Tx) Runs(limit int) ([]Run, error)                                  { return nil, errTodo }
func (tx *Tx) Journal(entries []JournalEntry) error                           { return errTodo }
func (tx *Tx) EachJournal(object string, hub HubID, run uint64, fn func(JournalEntry) error) error {
	return errTodo
}
func (tx *Tx) Position(system, object string) (Position, bool, error) {
	return Position{}, false, errTodo
}
func (tx *Tx) SetPosition(system, object string, p Position) error        { return errTodo }
func (tx *Tx) Exclude(system, object, remote string, e Excluded) error    { return errTodo }
func (tx *Tx) ExcludedRow(system, object, remote string) (Excluded, bool) { return Excluded{}, false }
func (tx *Tx) Include(system, object, remote string) error                { return errTodo }
func (tx *Tx) CountExcluded(system, object string) int                    { return 0 }
func (tx *Tx) PutConfig(fp uint64, text []byte) error                     { return errTodo }
func (tx *Tx) Config(fp uint64) []byte                                    { return nil }
func (tx *Tx) PutPlan(p Plan) error                                       { return errTodo }
func (tx *Tx) Plan(id string) (Plan, bool)                                { return Plan{}, false }
func (tx *Tx) Plans() []Plan                                              { return nil }
func (tx *Tx) AddPlanRows(id string, rows []PlanRow) error                { return errTodo }
func (tx *Tx) PlanRow(id string, hub HubID) (PlanRow, bool)               { return PlanRow{}, false }
func (tx *Tx) EachPlanRow(id string, fn func(PlanRow) error) error        { return errTodo }
func (tx *Tx) DropPlan(id string) error                                   { return errTodo }
