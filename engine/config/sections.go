package config

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/trotline/trotline/event"
)

// top are the words at the top of a file.
type top struct {
	Version    int       `yaml:"version" min:"1" doc:"the language's version: 1"`
	Server     Server    `yaml:"server" doc:"where webhooks arrive"`
	NATS       NATS      `yaml:"nats" doc:"where events are stored; an embedded server when left out"`
	Durability string    `yaml:"durability" enum:"disk,os" doc:"disk: a 2xx means it is on the disk; os: it survives our crash, not a power cut (disk)"`
	Dedupe     Dedupe    `yaml:"dedupe" doc:"how long an event's id is remembered (72h), and how many are"`
	Retention  Retention `yaml:"retention" doc:"how long handled events and dead letters stay"`
}

// sections are the words at the top that hold named things, and may stand in several files.
var sections = []string{"sources", "sinks", "pipelines"}

const languageVersion = 1

func topDefaults() *top {
	return &top{
		Version:    languageVersion,
		Server:     Server{Listen: ":8080", Admin: Admin{Listen: "127.0.0.1:8081"}, Limits: Limits{MaxBody: 5 << 20}},
		NATS:       NATS{Replicas: 1, Prefix: "trotline"},
		Durability: "disk",
		Dedupe:     Dedupe{Window: event.Duration(72 * time.Hour)},
		Retention:  Retention{Events: event.Duration(7 * 24 * time.Hour), Dead: event.Duration(30 * 24 * time.Hour)},
	}
}

// entry is a named thing of a section.
type entry struct {
	file       *file
	key, value *yaml.Node
}

func (e entry) name() string { return e.key.Value }

func (e entry) pos() Position { return e.file.position(e.file.start(e.key)) }

// build makes the configuration of the documents.
func (l *loader) build(documents []document) {
	l.topSettings(documents)
	sources, sinks, pipelines := l.section(documents, "sources"), l.section(documents, "sinks"), l.section(documents, "pipelines")
	n := &names{sources: index(sources), sinks: index(sinks)}
	// Pipelines come first: they tell which sinks' answers another sink can ask for.
	n.pipelines = l.pipelines(pipelines, n)
	l.sources(sources)
	if l.options.RulesOnly {
		return
	}
	l.sinks(sinks, n)
	l.checkTables()
	if l.errors == 0 { // a mistyped name is not a thing nobody uses
		l.unused(sources, sinks, n)
	}
}

// names is who is there, and who uses whom.
type names struct {
	sources, sinks map[string]entry
	pipelines      []*pipelineUse
}

func index(entries []entry) map[string]entry {
	m := make(map[string]entry, len(entries))
	for _, e := range entries {
		m[e.name()] = e
	}
	return m
}

// section is every entry of a section, in the order of the files, each name once.
func (l *loader) section(documents []document, word string) []entry {
	var entries []entry
	seen := make(map[string]entry)
	for _, d := range documents {
		key, value := child(d.root, word)
		switch {
		case key == nil:
			continue
		case value.Tag == brokenTag:
			continue
		case value.Kind != yaml.MappingNode:
			l.addAt(d.file, key, word+" wants names with settings", "write each name with a colon, and its settings below it, indented")
			continue
		}
		for k, v := range pairs(value) {
			e := entry{d.file, k, v}
			if !validName(k.Value) {
				l.addAt(d.file, k, strconv.Quote(k.Value)+" cannot be a name", offerName(k.Value))
				continue
			}
			if first, ok := seen[k.Value]; ok {
				l.addAt(d.file, k, strings.TrimSuffix(word, "s")+" "+k.Value+" stands here twice", "the first is at "+first.pos().String())
				continue
			}
			seen[k.Value] = e
			entries = append(entries, e)
		}
	}
	return entries
}

// topSettings are the server's, the store's and their like. Each may stand in one file only.
func (l *loader) topSettings(documents []document) {
	settings := topDefaults()
	seen := make(map[string]entry)
	var merged yaml.Node // all of them, for what depends on several
	for _, doc := range documents {
		d := &decoder{loader: l, file: doc.file}
		fields := fieldsOf(settings)
		for key, value := range pairs(doc.root) {
			if slices.Contains(sections, key.Value) {
				continue
			}
			i := slices.IndexFunc(fields, func(f field) bool { return f.word == key.Value })
			if i < 0 {
				l.addAt(doc.file, key, "unknown setting "+key.Value, didYouMean(key.Value, append(words(fields), sections...)))
				continue
			}
			if first, ok := seen[key.Value]; ok && key.Value != "version" {
				l.addAt(doc.file, key, key.Value+" stands here twice", "the first is at "+first.pos().String())
				continue
			}
			seen[key.Value] = entry{doc.file, key, value}
			merged.Content = append(merged.Content, key, value)
			switch {
			case l.options.RulesOnly:
			case isNull(value):
				l.addAt(doc.file, key, key.Value+" has no value", "give it one, or remove the line")
			default:
				fields[i].key = key
				d.value(value, fields[i].value, fields[i])
				if settings.Version != languageVersion {
					l.addAt(doc.file, value, "version "+value.Value+" is of a later Trotline", "this one reads version 1")
					settings.Version = languageVersion
				}
			}
		}
	}
	if l.options.RulesOnly {
		return
	}
	l.checkServer(&settings.Server, seen["server"])
	l.checkNATS(&settings.NATS, seen["nats"])
	l.checkTLS(settings.Server.TLS, settings.NATS.Embedded, seen["server"])
	l.config.Places = places(seen)
	c := l.config
	c.Server, c.NATS, c.Durability, c.Dedupe, c.Retention = settings.Server, settings.NATS, settings.Durability, settings.Dedupe, settings.Retention
}

// places are where settings, and those directly below them, stand.
func places(settings map[string]entry) map[string]Position {
	all := make(map[string]Position)
	for word, e := range settings {
		all[word] = e.pos()
		if e.value.Kind != yaml.MappingNode {
			continue
		}
		for key := range pairs(e.value) {
			all[word+"."+key.Value] = entry{file: e.file, key: key}.pos()
		}
	}
	return all
}

// at adds a problem at a word within an entry, or at the entry's own.
func (l *loader) at(e entry, msg, hint string, path ...string) {
	n := e.value
	for _, word := range path {
		_, inner := child(n, word)
		if inner == nil {
			n = nil
			break
		}
		n = inner
	}
	switch {
	case e.key == nil:
		l.add(Problem{Msg: msg, Hint: hint})
	case n == nil || n == e.value:
		l.addAt(e.file, e.key, msg, hint)
	default:
		l.addAt(e.file, n, msg, hint)
	}
}

func (l *loader) checkServer(s *Server, e entry) {
	if e.key == nil {
		return
	}
	l.checkListen(s.Listen, e, "listen")
	if l.checkListen(s.Admin.Listen, e, "admin", "listen") && !loopback(s.Admin.Listen) && s.Admin.Token == "" {
		l.at(e, "admin listens beyond loopback and has no token", `add token: "${TROTLINE_TOKEN}", or listen on 127.0.0.1`, "admin", "listen")
	}
	l.checkURL(s.PublicURL, e, "public_url")
	if s.ForwardedHeader != "" && len(s.TrustedProxies) == 0 {
		l.at(e, "forwarded_header is for trusted proxies, and there are none", "add trusted_proxies: [10.0.0.0/8], or remove it", "forwarded_header")
	}
}

// checkListen checks an address to listen at.
func (l *loader) checkListen(address string, e entry, path ...string) bool {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		l.at(e, path[len(path)-1]+" wants an address with a port", `write ":8080" or "127.0.0.1:8080"`, path...)
	}
	return err == nil
}

func loopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (l *loader) checkURL(text string, e entry, path ...string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" {
		l.at(e, path[len(path)-1]+" wants the beginning of a URL", "write https://hooks.example.com", path...)
	}
}

func (l *loader) checkNATS(s *NATS, e entry) {
	if s.URL != "" {
		if s.Embedded != nil {
			l.at(e, "nats has an embedded server or a url, not both", "remove one of them", "url")
		}
	} else {
		if s.CredentialsFile != "" {
			l.at(e, "credentials_file is for a cluster", "add url, or remove it", "credentials_file")
		}
		if s.Replicas > 1 {
			l.at(e, "the embedded server has one replica", "add url for a cluster, or remove it", "replicas")
		}
		if s.Embedded == nil {
			s.Embedded = &Embedded{}
		}
		if s.Embedded.Dir == "" && len(l.files) > 0 {
			s.Embedded.Dir = event.Path(filepath.Join(filepath.Dir(l.files[0].path), "data"))
		}
		if s.Embedded.Listen != "" {
			l.checkListen(s.Embedded.Listen, e, "embedded", "listen")
		}
	}
	if !validName(s.Prefix) {
		l.at(e, "the prefix cannot be a name of streams", offerName(s.Prefix), "prefix")
	}
}
