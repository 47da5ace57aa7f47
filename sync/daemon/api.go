package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"crmsyncd/fieldmap"
	"crmsyncd/providers"
	"crmsyncd/state"
	"crmsyncd/sync/engine"
	"crmsyncd/sync/ledger"
	"crmsyncd/sync/plan"
)

// API answers the commands. A running daemon serves it on its control socket;
// a command that finds no daemon opens the state and asks it in its own
// process. So each question has one answer.
type API struct {
	Version string
	Store   *state.Store
	Daemon  *Daemon      // nil in a command's own process
	Setup   func() Setup // what is in place now
	Logger  *slog.Logger
	// Warnings are shown as long as the process lives.
	Warnings []string
	// Verify checks the state. A damaged file can end the process that checks it,
	// so that must be another one.
	Verify func(context.Context, *state.Store, func(Progress)) (VerifyView, error)
}

func (a *API) engine() *engine.Engine { return a.Setup().Admin }

// op answers one question: items and progress go to s, the rest is returned.
type op func(ctx context.Context, a *API, args json.RawMessage, s *sender) (any, error)

// ops are the questions by name; each is at /v1/NAME.
func ops() map[string]op {
	return map[string]op{
		"ping":        opPing,
		"status":      opStatus,
		"runs":        opRuns,
		"run":         opRun,
		"changed":     opChanged,
		"changes":     opChanges,
		"request":     opRequest,
		"pass":        opPass,
		"resync":      opResync,
		"reload":      opReload,
		"held":        opHeld,
		"retry":       opRetry,
		"drop":        opDrop,
		"differences": opDifferences,
		"lookup":      opLookup,
		"columns":     opColumns,
		"export":      opExport,
		"link":        opLink,
		"unlink":      opUnlink,
		"moved":       opMoved,
		"plan":        opPlan,
		"audit":       opAudit,
		"accept":      opAccept,
		"verify":      opVerify,
		"copy":        opCopy,
		"trust":       opTrust,
		"check":       opCheck,
	}
}

// maxArgs bounds a question.
const maxArgs = 1 << 20

// Handler returns the questions as HTTP.
func (a *API) Handler() http.Handler {
	if a.Logger == nil {
		a.Logger = slog.New(slog.DiscardHandler)
	}
	all := ops()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := newSender(w)
		name := strings.TrimPrefix(r.URL.Path, "/v1/")
		defer func() {
			if p := recover(); p != nil {
				a.Logger.Error("question panicked", "op", name, "err", fmt.Sprintf("panic of type %T", p), "stack", string(debug.Stack()))
				s.end(nil, fmt.Errorf("internal error in %s", name))
			}
		}()
		fn, ok := all[name]
		if !ok {
			s.end(nil, usage("there is no question /v1/%s", name))
			return
		}
		args, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxArgs))
		if err != nil {
			s.end(nil, usage("the question cannot be read"))
			return
		}
		result, err := fn(r.Context(), a, args, s)
		s.end(result, err)
	})
}

// readArgs fills v from a question's body, strictly.
func readArgs(args json.RawMessage, v any) error {
	if len(args) == 0 {
		return nil
	}
	dec := json.NewDecoder(strings.NewReader(string(args)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return usage("the question cannot be understood")
	}
	return nil
}

// Pong is the answer to a ping.
type Pong struct {
	PID     int    `json:"pid"`
	Version string `json:"version"`
	State   string `json:"state"`
	Config  uint64 `json:"config,string"` // fingerprint of the configuration in place
	// AtRestart says what changed and is in force after a restart only.
	AtRestart []string `json:"at_restart,omitempty"`
}

func opPing(_ context.Context, a *API, _ json.RawMessage, _ *sender) (any, error) {
	setup := a.Setup()
	return Pong{PID: os.Getpid(), Version: a.Version, State: a.Store.Path(), Config: setup.Config, AtRestart: told(setup.AtRestart)}, nil
}

func opRequest(_ context.Context, a *API, args json.RawMessage, _ *sender) (any, error) {
	var w Wish
	if err := readArgs(args, &w); err != nil {
		return nil, err
	}
	if a.Daemon == nil {
		return nil, usage("no daemon is running")
	}
	if w.Trigger == "" {
		w.Trigger = "command"
	}
	return w, a.Daemon.Request(w)
}

// ResyncArgs asks for a part to be gone over again. Nothing set is everything.
type ResyncArgs struct {
	System string `json:"system,omitempty"`
	Object string `json:"object,omitempty"`
	ID     string `json:"id,omitempty"` // of one record, in the system
}

func opResync(_ context.Context, a *API, args json.RawMessage, _ *sender) (any, error) {
	var in ResyncArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	if a.Daemon == nil {
		return nil, usage("no daemon is running")
	}
	w := Wish{System: in.System, Full: in.ID == "", Trigger: "resync"}
	if in.Object != "" {
		w.Objects = []string{in.Object}
	}
	if in.ID != "" {
		if err := a.engine().Resync(in.System, in.Object, in.ID); err != nil {
			return nil, err
		}
	}
	return in, a.Daemon.Request(w)
}

func opReload(ctx context.Context, a *API, _ json.RawMessage, _ *sender) (any, error) {
	if a.Daemon == nil {
		return nil, usage("no daemon is running")
	}
	err := a.Daemon.Reload(ctx)
	return ReloadView{told(a.Setup().AtRestart)}, err
}

// ReloadView tells what of a new configuration is not in force yet.
type ReloadView struct {
	AtRestart []string `json:"at_restart,omitempty"`
}

// Count answers how many were changed.
type Count struct {
	Count int `json:"count"`
}

// HeldArgs asks for holds, or for something to be done with them.
type HeldArgs struct {
	engine.HoldFilter
	Recreate bool `json:"recreate,omitempty"`
	// All is to be said where everything is to be dropped.
	All bool `json:"all,omitempty"`
}

func opHeld(_ context.Context, a *API, args json.RawMessage, s *sender) (any, error) {
	var in HeldArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	n := 0
	err := a.engine().Holds(in.HoldFilter, func(h engine.HoldView) error {
		n++
		return s.item(h)
	})
	if err == nil && n == 0 {
		err = a.knowsFilter(in.HoldFilter)
	}
	if err != nil {
		return nil, err
	}
	rests, err := a.engine().Resting(in.System)
	return HeldView{n, rests}, err
}

// HeldView sums the holds up that were listed before it.
type HeldView struct {
	Count   int      `json:"count"`
	Resting []string `json:"resting,omitempty"` // system/object.field that rest with their remote field
}

// knowsFilter returns an error for a system, object or reason that nobody knows,
// with the nearest that there is. It is for a filter that nothing fits.
func (a *API) knowsFilter(f engine.HoldFilter) error {
	if err := a.knows(f.System); err != nil {
		return err
	}
	var objects []string
	for _, r := range a.engine().Mapping().Routes {
		if f.System == "" || f.System == r.System {
			objects = append(objects, r.Object)
		}
	}
	if err := known("object", f.Object, objects); err != nil {
		return err
	}
	if err := a.knowsHub(f.Hub); err != nil {
		return err
	}
	return known("reason", f.Reason, ledger.HoldReasons())
}

// known returns an error for a name that is not among those that there are.
func known(what, name string, names []string) error {
	if name == "" || slices.Contains(names, name) {
		return nil
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if near := fieldmap.Nearest(name, names); near != "" {
		return usage("there is no %s %q; did you mean %s?", what, name, near)
	}
	return usage("there is no %s %q; there are %s", what, name, strings.Join(names, ", "))
}

// knows returns an error for a system that is not configured, so that a slip in
// its name is not taken for good news.
func (a *API) knows(system string) error {
	systems := a.Setup().Systems
	if system == "" || hasSystem(systems, system) {
		return nil
	}
	var names []string
	for _, s := range systems {
		names = append(names, s.Name)
	}
	near := ""
	if n := fieldmap.Nearest(system, names); n != "" {
		near = "did you mean " + n + "? "
	}
	return fmt.Errorf("%w: %q; %sthere are %s", ErrUnknownSystem, system, near, strings.Join(names, ", "))
}

func opRetry(_ context.Context, a *API, args json.RawMessage, _ *sender) (any, error) {
	var in HeldArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	if err := a.knows(in.System); err != nil {
		return nil, err
	}
	if in.Recreate {
		if err := a.oneHub(in.HoldFilter); err != nil {
			return nil, err
		}
	}
	n, err := a.engine().RetryHolds(in.HoldFilter, in.Recreate)
	if err == nil && n == 0 {
		err = a.knowsFilter(in.HoldFilter)
	}
	if err == nil && n > 0 && a.Daemon != nil {
		err = a.Daemon.Request(Wish{System: in.System, Trigger: "held_retry"})
	}
	return Count{n}, err
}

func opDrop(_ context.Context, a *API, args json.RawMessage, _ *sender) (any, error) {
	var in HeldArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	if err := a.knows(in.System); err != nil {
		return nil, err
	}
	if in.HoldFilter == (engine.HoldFilter{}) && !in.All {
		return nil, usage("to drop everything that is held is to be said: --all")
	}
	n, err := a.engine().DropHolds(in.HoldFilter)
	if err == nil && n == 0 {
		err = a.knowsFilter(in.HoldFilter)
	}
	return Count{n}, err
}

func opDifferences(ctx context.Context, a *API, args json.RawMessage, s *sender) (any, error) {
	var in HeldArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	if err := a.knowsFilter(engine.HoldFilter{System: in.System, Object: in.Object, Hub: in.Hub}); err != nil {
		return nil, err
	}
	if err := known("reason", in.Reason, plan.MayStay()); err != nil {
		return nil, err
	}
	n := 0
	err := a.engine().Differences(ctx, engine.DifferFilter{System: in.System, Object: in.Object, Reason: in.Reason, Hub: in.Hub, Remote: in.Remote}, func(v engine.DifferView) error {
		n++
		return s.item(v)
	})
	return Count{n}, err
}

// RecordArgs names records of the hub.
type RecordArgs struct {
	Object string `json:"object"`
	Key    string `json:"key,omitempty"`
	// Without leaves out, from an export, what this system holds.
	Without string `json:"without,omitempty"`
}

func opLookup(_ context.Context, a *API, args json.RawMessage, s *sender) (any, error) {
	var in RecordArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	views, err := a.engine().Lookup(in.Object, in.Key)
	for _, v := range views {
		if err == nil {
			err = s.item(v)
		}
	}
	return Count{len(views)}, err
}

// Columns are the names of an object's ids and fields, which of the fields
// name other records, and the routes on which it may be linked.
type Columns struct {
	IDs    []string `json:"ids"`
	Fields []string `json:"fields"`
	Refs   []string `json:"refs,omitempty"`
	Links  []string `json:"links,omitempty"`
}

func opColumns(_ context.Context, a *API, args json.RawMessage, _ *sender) (any, error) {
	var in RecordArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	ids, fields, err := a.engine().Columns(in.Object)
	if err != nil {
		return nil, err
	}
	refs, links := a.engine().Ties(in.Object)
	return Columns{ids, fields, refs, links}, nil
}

func opExport(ctx context.Context, a *API, args json.RawMessage, s *sender) (any, error) {
	var in RecordArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	if err := a.knows(in.Without); err != nil {
		return nil, err
	}
	n := 0
	err := a.engine().ExportWithout(in.Object, in.Without, func(v engine.RecordView) error {
		n++
		if err := ctx.Err(); err != nil {
			return err
		}
		return s.item(v)
	})
	return Count{n}, err
}

// LinkArgs names the two sides of a link.
type LinkArgs struct {
	System string `json:"system"`
	Object string `json:"object"`
	Hub    string `json:"hub_id"`
	Remote string `json:"remote_id,omitempty"`
	Gone   bool   `json:"gone,omitempty"` // of unlink: the record is not visible, and a person says that it is gone
}

func (in *LinkArgs) hub() (state.HubID, error) {
	id, err := state.ParseHubID(in.Hub)
	if err != nil {
		return 0, usage("%q is no hub id: crmsyncd get shows them", in.Hub)
	}
	return id, nil
}

func opLink(ctx context.Context, a *API, args json.RawMessage, _ *sender) (any, error) {
	var in LinkArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	id, err := in.hub()
	if err == nil {
		err = a.engine().Link(ctx, in.System, in.Object, id, in.Remote)
	}
	return in, err
}

func opUnlink(ctx context.Context, a *API, args json.RawMessage, _ *sender) (any, error) {
	var in LinkArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	id, err := in.hub()
	switch {
	case err != nil:
	case in.Gone:
		err = a.engine().UnlinkGone(ctx, in.System, in.Object, id)
	default:
		err = a.engine().Unlink(in.System, in.Object, id)
	}
	return in, err
}

// MovedArgs names a system whose host was renamed.
type MovedArgs struct {
	System string `json:"system"`
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	Yes    bool   `json:"yes,omitempty"`
}

func opMoved(ctx context.Context, a *API, args json.RawMessage, _ *sender) (any, error) {
	var in MovedArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	if err := a.knows(in.System); err != nil {
		return nil, err
	}
	m, err := a.engine().Moved(ctx, in.System, in.From, in.To, in.Yes)
	if err == nil && m.Done && a.Daemon != nil {
		err = a.Daemon.Request(Wish{System: in.System, Trigger: "system_moved"})
	}
	return m, err
}

// DamageView is one damaged row of the state.
type DamageView struct {
	Bucket  string `json:"bucket"`
	Key     string `json:"key"`
	Problem string `json:"problem"`
}

// VerifyView is what a check of the state found.
type VerifyView struct {
	Damage []DamageView `json:"damage,omitempty"`
	Note   string       `json:"note,omitempty"` // what was not checked, and why
}

func opVerify(ctx context.Context, a *API, _ json.RawMessage, s *sender) (any, error) {
	if a.Verify == nil {
		return nil, usage("the state is checked by crmsyncd state verify")
	}
	return a.Verify(ctx, a.Store, s.progress)
}

// TrustArgs asks whether the state is doubted, and with Yes to end the doubt.
type TrustArgs struct {
	Yes bool `json:"yes,omitempty"`
}

// TrustView says whether the state is doubted, and why.
type TrustView struct {
	Suspect string `json:"suspect,omitempty"` // as it was when asked
	Trusted bool   `json:"trusted"`           // as it is now
}

func opTrust(_ context.Context, a *API, args json.RawMessage, _ *sender) (any, error) {
	var in TrustArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	v := TrustView{Suspect: a.Store.Suspect()}
	v.Trusted = v.Suspect == ""
	if v.Trusted || !in.Yes {
		return v, nil
	}
	if err := a.Store.Trust(); err != nil {
		return v, err
	}
	v.Trusted = true
	a.Logger.Warn("state trusted from now on", "was", v.Suspect)
	if a.Daemon == nil {
		return v, nil
	}
	return v, a.Daemon.Request(Wish{Trigger: "state_trust"})
}

// AcceptArgs names a plan.
type AcceptArgs struct {
	Plan string `json:"plan"`
}

func opAccept(_ context.Context, a *API, args json.RawMessage, _ *sender) (any, error) {
	var in AcceptArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	p, err := a.engine().Accept(in.Plan)
	if err == nil && a.Daemon != nil {
		err = a.Daemon.Request(Wish{System: p.System, Trigger: "accept"})
	}
	return viewPlanned(p), err
}

// CheckArgs names a system to check; none is all.
type CheckArgs struct {
	System string `json:"system,omitempty"`
	// Fix makes what is missing and may be made; without it that is only listed.
	Fix bool `json:"fix,omitempty"`
}

// FixView is something that a system lacks and that check --live --fix makes.
type FixView struct {
	What string `json:"what"`
	Done bool   `json:"done"`
}

// CheckView is what one system said when it was asked.
type CheckView struct {
	System       string        `json:"system"`
	Organization string        `json:"organization,omitempty"`
	Name         string        `json:"name,omitempty"`
	Sandbox      bool          `json:"sandbox,omitempty"`
	Error        string        `json:"error,omitempty"`
	Down         bool          `json:"down,omitempty"` // all that is wrong is that it does not answer
	Findings     []FindingView `json:"findings"`
	Fixes        []FixView     `json:"fixes,omitempty"`
}

// FindingView is one thing that a live check has to say.
type FindingView struct {
	Object  string `json:"object,omitempty"`
	Field   string `json:"field,omitempty"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
	Mend    string `json:"mend,omitempty"`
	Warning bool   `json:"warning,omitempty"`
	Filled  int    `json:"filled,omitempty"` // of a fill rate: so many
	Of      int    `json:"of,omitempty"`     // of the records that were read
}

func viewFinding(f engine.Finding) FindingView {
	return FindingView{f.Object, f.Field, f.File, f.Line, f.Message, f.Mend, f.Warning, f.Filled, f.Of}
}

func opCheck(ctx context.Context, a *API, args json.RawMessage, s *sender) (any, error) {
	var in CheckArgs
	if err := readArgs(args, &in); err != nil {
		return nil, err
	}
	n := 0
	for _, sys := range a.Setup().Systems {
		if in.System != "" && in.System != sys.Name {
			continue
		}
		n++
		s.progress(Progress{What: "check " + sys.Name, Done: n})
		fixes, ferr := a.fix(ctx, sys.Name, in.Fix)
		id, findings, err := a.engine().Check(ctx, sys.Name)
		v := CheckView{System: sys.Name, Organization: id.Org, Name: id.Name, Sandbox: id.Sandbox, Findings: []FindingView{}, Fixes: fixes}
		if both := errors.Join(err, ferr); both != nil {
			v.Error, v.Down = both.Error(), down(err) && (ferr == nil || down(ferr))
		}
		for _, f := range findings {
			v.Findings = append(v.Findings, viewFinding(f))
		}
		if err := s.item(v); err != nil {
			return nil, err
		}
	}
	return Count{n}, a.knows(in.System)
}

// down reports whether a failure is of the kind that passes by itself. A host
// that nobody knows is rather a slip in base_url.
func down(err error) bool {
	var dns *net.DNSError
	unknown := errors.As(err, &dns) && dns.IsNotFound
	return !unknown && providers.KindOf(err) == providers.Transient
}

// fix lists what a system lacks and may get, and makes it if that is asked for.
func (a *API) fix(ctx context.Context, system string, do bool) ([]FixView, error) {
	fixes, err := a.engine().Fixes(ctx, system)
	if err != nil {
		return nil, nil //nolint:nilerr // the check itself tells why the system cannot be asked
	}
	out := make([]FixView, 0, len(fixes))
	for _, f := range fixes {
		if do {
			if err := a.engine().Fix(ctx, f); err != nil {
				return out, fmt.Errorf("fix: %w", err)
			}
		}
		out = append(out, FixView{What: f.String(), Done: do})
	}
	return out, nil
}
