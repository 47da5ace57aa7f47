package configs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	yamlnode "go.yaml.in/yaml/v3"

	"crmsyncd/fieldmap"
)

// MainFile is the name of the file that Load begins with.
const MainFile = "crmsyncd.yaml"

const (
	maxFileSize = 1 << 20
	maxRoutes   = 200
)

// Options are what the loader asks of its caller. The zero value is good for
// everything but schedules, which are then taken as they are.
type Options struct {
	// LookupEnv stands for os.LookupEnv where it is not nil.
	LookupEnv func(name string) (string, bool)
	// Dir is the folder on disk, where there is one. The files that systemd hands
	// over at the start lie in it.
	Dir string
	// Blind takes for set what an environment file says that may not be read. Such a
	// configuration names routes and opens no system.
	Blind bool
	// CheckSchedule says what is wrong with a cron line.
	CheckSchedule func(line string) error
}

// Load reads the folder dir. The Config is nil if any problem is more than a
// warning. File names in problems are relative to dir.
func Load(dir string, opt Options) (*Config, []fieldmap.Problem) {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, []fieldmap.Problem{{File: dir, Message: "it is no folder", Hint: "name the one that holds " + MainFile}}
	}
	opt.Dir = dir
	return LoadFS(os.DirFS(dir), opt)
}

// LoadFS is Load for files that need not lie on disk, such as Shipped.
func LoadFS(fsys fs.FS, opt Options) (*Config, []fieldmap.Problem) {
	if opt.LookupEnv == nil {
		opt.LookupEnv = os.LookupEnv
	}
	l := &loader{fsys: fsys, lines: lineIndex{}, cfg: &Config{dir: opt.Dir}}
	if opt.Dir != "" {
		var shut bool
		if opt.LookupEnv, shut, l.problems = surrounded(opt.Dir, opt.LookupEnv); shut && opt.Blind {
			opt.LookupEnv = blind(opt.LookupEnv, func() { l.cfg.Unread = filepath.Join(opt.Dir, environmentFile) })
		}
	}
	var main mainFile
	whole := l.read(MainFile, &main, "")
	var hub hubFile
	if main.Hub, main.Routes = l.names(); main.Hub != "" {
		l.rest(&main, &hub)
	}
	l.cfg.lines, l.cfg.hubFile = l.lines, main.Hub
	l.cfg.Hub = hub.spec()
	if whole {
		b := &builder{opt: opt, cfg: l.cfg, lines: l.lines, partial: len(l.problems) > 0}
		b.build(&main)
		l.problems = append(l.problems, b.problems...)
	}
	if l.cfg.Unread != "" {
		l.problems = append(l.problems, fieldmap.Problem{File: environmentFile, Message: "you may not read it, so what it sets is not looked at", Hint: "run this as root", Warning: true})
	}
	l.seal()
	sortProblems(l.problems)
	l.problems = presentable(l.problems)
	if fieldmap.Failed(l.problems) {
		return nil, l.problems
	}
	return l.cfg, l.problems
}

// loader reads the files and keeps their problems.
type loader struct {
	fsys     fs.FS
	cfg      *Config
	root     *yamlnode.Node // of crmsyncd.yaml
	lines    lineIndex
	problems []fieldmap.Problem
}

// add notes a problem of crmsyncd.yaml.
func (l *loader) add(where, message, hint string) {
	l.problems = append(l.problems, fieldmap.Problem{
		File: MainFile, Line: l.lines.find(MainFile, where), Path: where, Message: message, Hint: hint,
	})
}

// names returns the names of the other files, as far as crmsyncd.yaml can be
// read at all: a mistake elsewhere in it must not hide theirs.
func (l *loader) names() (hub, routes string) {
	if l.root == nil {
		return "", ""
	}
	hub, routes = "hub.yaml", "routes/*.yaml"
	for i := 0; i+1 < len(l.root.Content); i += 2 {
		switch v := l.root.Content[i+1]; {
		case v.Kind != yamlnode.ScalarNode || v.Value == "":
		case l.root.Content[i].Value == "hub":
			hub = v.Value
		case l.root.Content[i].Value == "routes":
			routes = v.Value
		}
	}
	return hub, routes
}

// rest reads the files that crmsyncd.yaml names.
func (l *loader) rest(m *mainFile, hub *hubFile) {
	if l.local("hub", m.Hub) && l.read(m.Hub, hub, "hub") {
		l.placeHub(m.Hub, hub.spec())
	}
	if !l.local("routes", m.Routes) {
		return
	}
	names, err := fs.Glob(l.fsys, m.Routes)
	switch {
	case err != nil:
		l.add("routes", "is no pattern of file names", "such as routes/*.yaml")
	case len(names) == 0 && errors.Is(l.listable(path.Dir(m.Routes)), fs.ErrPermission):
		l.add("routes", path.Dir(m.Routes)+" may not be listed: permission denied", "chmod a+rx the folder, or run this as root")
	case len(names) == 0:
		l.add("routes", "no file fits "+m.Routes, "add a route file, or correct the pattern")
	case len(names) > maxRoutes:
		l.add("routes", fmt.Sprintf("%d files fit; at most %d are taken", len(names), maxRoutes), "")
		return
	}
	slices.Sort(names)
	l.leftOut(m.Routes)
	for _, name := range names {
		var r fieldmap.RouteSpec
		if l.read(name, &r, "routes") {
			l.place(name, &r)
			l.cfg.Routes = append(l.cfg.Routes, r)
		}
	}
}

// listable says why a folder cannot be listed; glob takes such a one for empty.
func (l *loader) listable(dir string) error {
	_, err := fs.ReadDir(l.fsys, dir)
	return err
}

// leftOut finds files that would fit the pattern of routes but for the spelling
// of their ending. Whatever such a file says would be missed without a word.
func (l *loader) leftOut(pattern string) {
	ending := path.Ext(pattern)
	entries, err := fs.ReadDir(l.fsys, path.Dir(pattern))
	if err != nil || !yamlEnding(ending) {
		return
	}
	for _, e := range entries {
		name := path.Join(path.Dir(pattern), e.Name())
		if e.IsDir() || !yamlEnding(path.Ext(name)) || path.Ext(name) == ending {
			continue
		}
		named := strings.TrimSuffix(name, path.Ext(name)) + ending
		if fits, err := path.Match(pattern, named); err == nil && fits {
			l.add("routes", name+" is not read, for it does not fit "+pattern, "rename it to "+path.Base(named)+", or move it elsewhere")
		}
	}
}

func yamlEnding(ext string) bool {
	return strings.EqualFold(ext, ".yaml") || strings.EqualFold(ext, ".yml")
}

// local refuses a name that leads out of the folder.
func (l *loader) local(key, name string) bool {
	if fs.ValidPath(name) && path.Clean(name) == name && name != "." {
		return true
	}
	l.add(key, "must be a path inside the folder of "+MainFile, "such as hub.yaml or routes/*.yaml")
	return false
}

// place notes where each object and field of a route stands.
func (l *loader) place(name string, r *fieldmap.RouteSpec) {
	for i := range r.Objects {
		o := &r.Objects[i]
		at := fmt.Sprintf("objects[%d]", i)
		o.File, o.Line = name, l.lines.find(name, at)
		for j := range o.Fields {
			o.Fields[j].Line = l.lines.find(name, fmt.Sprintf("%s.fields[%d]", at, j))
		}
	}
}

// placeHub makes a field of the hub known by its name too, as in account.tier.
func (l *loader) placeHub(name string, h fieldmap.HubSpec) {
	for object, spec := range h.Objects {
		for i, f := range spec.Fields {
			l.lines.put(name, object+"."+f.Name, l.lines.find(name, fmt.Sprintf("%s.fields[%d]", object, i)))
		}
	}
}

// read brings one file into out, a pointer to a struct with koanf tags. from is
// the key of crmsyncd.yaml that names the file.
func (l *loader) read(name string, out any, from string) bool {
	text, err := l.slurp(name)
	switch {
	case err != nil && from != "":
		l.add(from, name+": "+err.Error(), "")
		return false
	case err != nil:
		l.problems = append(l.problems, fieldmap.Problem{File: name, Message: err.Error()})
		return false
	}
	l.cfg.files = append(l.cfg.files, name)
	l.cfg.Text = append(l.cfg.Text, "# ---- "+name+" ----\n"...)
	l.cfg.Text = append(l.cfg.Text, text...)
	l.cfg.Text = append(bytes.TrimRight(l.cfg.Text, "\n"), '\n')
	root, problem := parse(name, text)
	if problem != nil {
		l.problems = append(l.problems, *problem)
		return false
	}
	if from == "" {
		l.root = root
	}
	problems := decode(name, text, root, out, l.lines)
	l.problems = append(l.problems, problems...)
	return len(problems) == 0
}

func (l *loader) slurp(name string) ([]byte, error) {
	f, err := l.fsys.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("there is no such file")
	case err != nil:
		return nil, fmt.Errorf("it cannot be opened: %w", withoutPath(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if len(text) > maxFileSize {
		return nil, fmt.Errorf("the file is larger than %d KiB", maxFileSize>>10)
	}
	return text, nil
}

// withoutPath is an error of a file whose name is told already.
func withoutPath(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// seal closes the Config's text with its fingerprint.
func (l *loader) seal() {
	sum := sha256.Sum256(l.cfg.Text)
	l.cfg.Fingerprint = binary.BigEndian.Uint64(sum[:])
}

// decode checks one file against the shape of out and then fills it.
func decode(name string, text []byte, root *yamlnode.Node, out any, lines lineIndex) []fieldmap.Problem {
	w := &walker{file: name, lines: lines}
	w.walk(root, shapeOf(reflect.TypeOf(out)), "", 0)
	if len(w.problems) > 0 {
		return w.problems
	}
	// No key can hold a NUL, so no key can be cut in two.
	k := koanf.New("\x00")
	err := k.Load(rawbytes.Provider(text), yaml.Parser())
	if err == nil {
		err = k.UnmarshalWithConf("", out, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
			TagName: "koanf", ErrorUnused: true, DecodeHook: mapstructure.DecodeHookFuncType(decodeHook),
		}})
	}
	if err != nil {
		return []fieldmap.Problem{{File: name, Message: "cannot be read as configuration", Hint: "please report this file: the check before should have said more"}}
	}
	return nil
}

// parse returns the root node of the only document of text.
func parse(name string, text []byte) (*yamlnode.Node, *fieldmap.Problem) {
	dec := yamlnode.NewDecoder(bytes.NewReader(text))
	var doc, second yamlnode.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		return nil, &fieldmap.Problem{File: name, Line: 1, Message: "the file is empty"}
	case err != nil:
		return nil, syntaxProblem(name, err)
	}
	if err := dec.Decode(&second); err == nil {
		return nil, &fieldmap.Problem{File: name, Line: second.Line, Message: "a second document begins here", Hint: "remove the line ---, or make it a file of its own"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxProblem(name, err)
	}
	return doc.Content[0], nil
}

// syntaxProblem takes the line out of the parser's words.
func syntaxProblem(name string, err error) *fieldmap.Problem {
	p := &fieldmap.Problem{File: name, Message: err.Error(), Hint: "check indentation, quotes and colons there"}
	if strings.Contains(p.Message, "cannot start any token") {
		p.Hint = "indent with spaces, not with tabs; put a text that begins with @ or ` in quotes"
	}
	if m := regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)`).FindStringSubmatch(p.Message); m != nil {
		p.Line, _ = strconv.Atoi(m[1]) // no line gives 0
		p.Message = "is not YAML: " + m[2]
	}
	return p
}
