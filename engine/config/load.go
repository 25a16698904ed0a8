package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/trotline/trotline/event"
)

// Options are what a configuration is read with.
type Options struct {
	Kinds event.Kinds
	// Env finds an environment variable; nil is [os.LookupEnv].
	Env func(name string) (string, bool)
	// ReadFile reads a file; nil is [os.ReadFile]. A stored generation hands its
	// own texts; then every path is a file's.
	ReadFile func(path string) ([]byte, error)
	// RulesOnly reads no more than an old generation's rules need: the sources'
	// names and split, and the pipelines. Neither the server's nor the sinks'
	// settings are looked at, so a secret that is gone does not break them.
	RulesOnly bool
}

// Load reads files, or folders of *.yaml in the order of their names, as one
// configuration. It returns everything that is wrong. The configuration is nil if any of
// it is an error; warnings come along with a good one.
func Load(paths []string, o Options) (*Config, Problems) {
	l := newLoader(o)
	l.readAll(paths)
	unread := l.errors
	documents := l.parseAll()
	if unread == 0 && len(documents) == len(l.files) { // what stands in a file that is missing would be missed all over
		l.build(documents)
	}
	for i := range l.problems {
		p := &l.problems[i]
		p.Msg, p.Hint = l.withoutSecrets(p.Msg), l.withoutSecrets(p.Hint)
		for _, f := range l.files {
			if f.name == p.File {
				f.hide(p)
			}
		}
	}
	problems := l.problems.sorted(l.files)
	if problems.HasErrors() {
		return nil, problems
	}
	l.fingerprint.Sum(l.config.Fingerprint[:0])
	return l.config, problems
}

// loader is one reading of a configuration.
type loader struct {
	options     Options
	language    event.Language
	readFile    func(path string) ([]byte, error)
	config      *Config
	files       []*file
	fingerprint hash.Hash

	problems     Problems
	errors       int
	replacements []replacement
	tables       []tableUse
}

func newLoader(o Options) *loader {
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	l := &loader{options: o, readFile: o.ReadFile, config: &Config{}, fingerprint: sha256.New()}
	if l.readFile == nil {
		l.readFile = os.ReadFile
	}
	l.language = o.Kinds.Language(o.Env)
	return l
}

func (l *loader) add(p Problem) {
	l.problems = append(l.problems, p)
	if !p.Warning {
		l.errors++
	}
}

func (l *loader) addAt(f *file, n *yaml.Node, msg, hint string) {
	l.add(f.problem(f.span(n), msg, hint))
}

func (l *loader) warnAt(f *file, n *yaml.Node, msg, hint string) {
	p := f.problem(f.span(n), msg, hint)
	p.Warning = true
	l.add(p)
}

// note makes something that was read a part of the fingerprint.
func (l *loader) note(what string, data []byte) {
	fmt.Fprintf(l.fingerprint, "%q %x\n", what, sha256.Sum256(data))
}

func (l *loader) watch(path string) {
	if !slices.Contains(l.config.Watch, path) {
		l.config.Watch = append(l.config.Watch, path)
	}
}

// attach keeps a file that the configuration names.
func (l *loader) attach(path string, data []byte) {
	if !slices.ContainsFunc(l.config.Files, func(f File) bool { return f.Path == path }) {
		l.config.Files = append(l.config.Files, File{Path: path, Data: data})
		l.note("attached "+path, data)
	}
}

// readAll reads the texts of all paths.
func (l *loader) readAll(paths []string) {
	if len(paths) == 0 {
		l.add(Problem{Msg: "no configuration is named", Hint: "name a file, or a folder of *.yaml"})
	}
	for _, name := range paths {
		path, err := filepath.Abs(name)
		if err != nil {
			path = name
		}
		l.watch(path)
		if l.options.ReadFile != nil {
			l.read(name, path)
			continue
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			l.readFolder(name, path)
			continue
		}
		l.read(name, path)
	}
}

func (l *loader) readFolder(name, path string) {
	entries, err := os.ReadDir(path)
	if err != nil {
		l.add(Problem{Position: Position{File: name}, Msg: "cannot read the folder: " + plainError(err).Error()})
		return
	}
	found := false
	for _, e := range entries { // sorted by name
		// A ConfigMap's files are links into a hidden folder, so what an entry leads to counts.
		ext := filepath.Ext(e.Name())
		if ext != ".yaml" && ext != ".yml" || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if info, err := os.Stat(filepath.Join(path, e.Name())); err == nil && info.IsDir() {
			continue
		}
		found = true
		l.read(filepath.Join(name, e.Name()), filepath.Join(path, e.Name()))
	}
	if !found {
		l.add(Problem{Position: Position{File: name}, Msg: "the folder holds no *.yaml", Hint: "name a file, or put one there"})
	}
}

func (l *loader) read(name, path string) {
	if slices.ContainsFunc(l.files, func(f *file) bool { return f.path == path }) {
		return // named twice, or also in a folder that is named
	}
	data, err := l.readFile(path)
	if err != nil {
		hint := ""
		if errors.Is(err, fs.ErrNotExist) {
			hint = "name the configuration's file, or a folder of *.yaml"
		}
		l.add(Problem{Position: Position{File: name}, Msg: fmt.Sprintf("cannot read the file: %v", plainError(err)), Hint: hint})
		return
	}
	l.files = append(l.files, newFile(name, path, data))
	l.config.Files = append(l.config.Files, File{Path: path, Data: data, Config: true})
	l.note("config "+path, data)
}

// plainError is a file's error without the path, which the reader knows.
func plainError(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// document is a file's tree.
type document struct {
	file *file
	root *yaml.Node
}

func (l *loader) parseAll() []document {
	var documents []document
	for _, f := range l.files {
		root := l.parse(f)
		if root == nil {
			continue
		}
		if root.Kind != yaml.MappingNode {
			l.addAt(f, root, "the file must be made of settings", "name sources, sinks and pipelines")
			continue
		}
		documents = append(documents, document{f, root})
	}
	return documents
}
