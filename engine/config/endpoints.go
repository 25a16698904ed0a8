package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/trotline/trotline/event"
)

// header are the words by which config itself knows what to do with an entry.
type header struct {
	Type     string `yaml:"type" doc:"the kind"`
	Disabled bool   `yaml:"disabled" doc:"checked, and then left out"`
}

// disabled tells whether an entry is switched off, before it is decoded. What is
// wrong with the word is told when it is.
func (l *loader) disabled(e entry) bool {
	_, value := child(e.value, "disabled")
	if value == nil {
		return false
	}
	quiet := *l
	quiet.problems = nil
	d, off := &decoder{loader: &quiet, file: e.file}, false
	d.boolean(value, reflect.ValueOf(&off).Elem(), field{word: "disabled"})
	return off
}

const defaultSource = "webhook"

func sourceDefaults() *Source {
	return &Source{Methods: []string{"POST"}}
}

func sinkDefaults() *Sink {
	return &Sink{
		Timeout: event.Duration(30 * time.Second),
		Retry: Retry{
			Initial: event.Duration(time.Second), Max: event.Duration(10 * time.Minute),
			Factor: 2, Jitter: 0.2, MaxAfter: event.Duration(time.Hour), For: event.Duration(24 * time.Hour),
		},
		Concurrency: 8,
	}
}

// kind finds the kind an entry names; false when there is a problem.
func (l *loader) kind(e entry, what, fallback string, known []string) (int, bool) {
	key, value := child(e.value, "type")
	name, at := fallback, e.key
	switch {
	case key != nil:
		name, at = value.Value, value
	case e.value.Tag == brokenTag:
		return 0, false
	case e.value.Kind != yaml.MappingNode:
		d := &decoder{loader: l, file: e.file}
		d.notSettings(e.value, e.key, fieldsOf(&header{}))
		return 0, false
	case fallback == "":
		l.addAt(e.file, e.key, "type is missing", "known here: "+strings.Join(known, ", "))
		return 0, false
	}
	i := slices.Index(known, name)
	if i < 0 {
		l.addAt(e.file, at, fmt.Sprintf("there is no %s of type %s", what, name), didYouMean(name, known))
	}
	return i, i >= 0
}

func kindNames[K any](kinds []K, name func(K) string) []string {
	list := make([]string, len(kinds))
	for i, k := range kinds {
		list[i] = name(k)
	}
	return list
}

// sources decodes the sources. For rules alone their split is enough.
func (l *loader) sources(entries []entry) {
	known := kindNames(l.options.Kinds.Sources, func(k event.SourceKind) string { return k.Name })
	paths := make(map[string]*Source)
	for _, e := range entries {
		if l.options.RulesOnly {
			l.sourceRules(e)
			continue
		}
		i, ok := l.kind(e, "source", defaultSource, known)
		if !ok {
			continue
		}
		k := l.options.Kinds.Sources[i]
		s, h := sourceDefaults(), &header{}
		s.Name, s.Kind, s.Pos, s.Settings = e.name(), k.Name, e.pos(), k.Settings()
		s.MaxBody = l.config.Server.Limits.MaxBody
		d := &decoder{loader: l, file: e.file, scope: event.Scope{Request: true}}
		ok = d.object(e.value, e.key, nil, h, s, s.Settings)
		if ok {
			d.validate(e, s.Settings)
			l.checkCertificate(e, s.Settings)
		}
		l.checkSource(e, s, paths)
		if s.CORS != nil {
			d.fieldErrors(e, s.CORS.check())
		}
		if !h.Disabled {
			l.config.Sources = append(l.config.Sources, s)
		}
	}
}

// sourceRules takes of a source what an old generation's rules need.
func (l *loader) sourceRules(e entry) {
	s := &Source{Name: e.name(), Pos: e.pos()}
	d := &decoder{loader: l, file: e.file}
	if key, value := child(e.value, "split"); key != nil {
		d.expression(value, reflect.ValueOf(&s.Split).Elem(), field{word: "split", tag: `want:"list"`, key: key})
	}
	l.config.Sources = append(l.config.Sources, s)
}

func (l *loader) checkSource(e entry, s *Source, paths map[string]*Source) {
	l.checkURL(s.PublicURL, e, "public_url")
	if len(s.Methods) == 0 {
		l.at(e, "methods is empty", "write [POST]", "methods")
	}
	if s.Path == "" {
		return
	}
	pattern, msg, hint := pathPattern(s.Path)
	if msg != "" {
		l.at(e, l.shown(msg), l.shown(hint), "path")
		return
	}
	if other := paths[pattern]; other != nil {
		l.at(e, fmt.Sprintf("source %s has this path already", other.Name), "that one is at "+other.Pos.String(), "path")
		return
	}
	paths[pattern] = s
}

// checkCertificate finds a source that waits for certificates nobody asks for.
func (l *loader) checkCertificate(e entry, settings any) {
	asker, ok := settings.(event.CertificateAsker)
	if !ok {
		return
	}
	path, asks := asker.AsksForCertificate()
	if tls := l.config.Server.TLS; asks && (tls == nil || tls.ClientCAFile == "") {
		word := path[strings.LastIndexByte(path, '.')+1:]
		l.addAt(e.file, deepest(e, path), word+" needs server.tls.client_ca_file", "it names the authorities that the senders' certificates come from")
	}
}

// pathPattern is a path without the names of its {name} parts: what two paths
// must not have in common.
func pathPattern(path string) (pattern, msg, hint string) {
	if path[0] != '/' {
		return "", "a path begins with /", "write /" + path
	}
	if i := strings.IndexAny(path, "?# \t\\"); i >= 0 {
		return "", fmt.Sprintf("a path holds no %q", path[i]), ""
	}
	var names []string
	parts := strings.Split(path[1:], "/")
	for i, part := range parts {
		if !strings.ContainsAny(part, "{}") {
			continue
		}
		name := strings.TrimSuffix(strings.TrimPrefix(part, "{"), "}")
		switch {
		case part != "{"+name+"}" || !variableName.MatchString(name):
			return "", part + " is not a {name} between two slashes", "write /hooks/{name}"
		case slices.Contains(names, name):
			return "", "the path holds {" + name + "} twice", ""
		}
		names = append(names, name)
		parts[i] = "{}"
	}
	return "/" + strings.Join(parts, "/"), "", ""
}

func (l *loader) sinks(entries []entry, n *names) {
	known := kindNames(l.options.Kinds.Sinks, func(k event.SinkKind) string { return k.Name })
	for _, e := range entries {
		i, ok := l.kind(e, "sink", "", known)
		if !ok {
			continue
		}
		k := l.options.Kinds.Sinks[i]
		s, h := sinkDefaults(), &header{}
		s.Name, s.Kind, s.Pos, s.Settings = e.name(), k.Name, e.pos(), k.Settings()
		d := &decoder{loader: l, file: e.file, scope: event.Scope{Results: n.before(s.Name)}}
		if !d.object(e.value, e.key, nil, h, s, s.Settings) {
			continue
		}
		d.validate(e, s.Settings)
		if s.Retry.Max < s.Retry.Initial {
			l.at(e, "the longest wait is shorter than the first", "make max at least "+s.Retry.Initial.String(), "retry", "max")
		}
		if s.Batch != nil && s.Batch.Size == 0 {
			s.Batch.Size = max(k.Batch, 1)
		}
		s.Checksum = l.checksum(k.Name, s.Settings)
		if !h.Disabled {
			l.config.Sinks = append(l.config.Sinks, s)
		}
	}
}

// validate asks the settings themselves what is wrong with them.
func (d *decoder) validate(e entry, settings any) {
	v, ok := settings.(event.Validator)
	if !ok {
		return
	}
	d.fieldErrors(e, v.Validate())
}

func (d *decoder) fieldErrors(e entry, list []*event.FieldError) {
	for _, err := range list {
		msg := err.Msg
		if word := err.Path[strings.LastIndexByte(err.Path, '.')+1:]; word != "" && !strings.Contains(msg, word) && !strings.Contains(word, "[") {
			msg = word + ": " + msg
		}
		d.addAt(e.file, deepest(e, err.Path), d.shown(msg), d.shown(err.Hint))
	}
}

// deepest is the node a path leads to (columns, hmac.header, key[0]), or as far
// along it as there is one.
func deepest(e entry, path string) *yaml.Node {
	at, n := e.key, e.value
	if n.Kind == yaml.ScalarNode {
		at = n
	}
	for word := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		if i, err := strconv.Atoi(word); err == nil && n.Kind == yaml.SequenceNode && i < len(n.Content) {
			at, n = n.Content[i], n.Content[i]
			continue
		}
		key, value := child(n, word)
		if key == nil && n.Kind == yaml.SequenceNode {
			continue // the list stands for the word
		}
		if key == nil {
			break
		}
		at, n = key, value
		if value.Kind == yaml.ScalarNode {
			at = value
		}
	}
	return at
}

// unused warns of what no pipeline uses.
func (l *loader) unused(sources, sinks []entry, n *names) {
	used := make(map[string]bool)
	for _, p := range n.pipelines {
		for _, s := range p.sources {
			used["source "+s] = true
		}
		for _, hops := range p.routes {
			for _, s := range hops.sinks {
				used["sink "+s] = true
			}
		}
	}
	warn := func(entries []entry, what, hint string) {
		for _, e := range entries {
			if !used[what+" "+e.name()] && !l.disabled(e) {
				l.warnAt(e.file, e.key, fmt.Sprintf("no pipeline uses the %s %s", what, e.name()), hint)
			}
		}
	}
	warn(sources, "source", "its events are stored and go nowhere; name it in a pipeline's from")
	warn(sinks, "sink", "name it in a pipeline's to or chain, or remove it")
}
