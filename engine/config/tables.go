package config

import (
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/trotline/trotline/event"
)

// tableUse is a step that looks rows up in a sink.
type tableUse struct {
	file   *file
	name   *yaml.Node // where it names the sink
	key    *yaml.Node // where it says the key
	sink   string
	values int // of the key
}

// readsTable notes that a step looks rows up in a sink.
func (r *pipelineReader) readsTable(step *yaml.Node, t event.TableReader) {
	u := tableUse{file: r.file}
	u.sink, u.values = t.ReadsTable()
	_, table := child(step, "table")
	_, u.name = child(table, "sink")
	u.key, _ = child(table, "key")
	if u.name == nil || u.key == nil || !r.checkSink(u.sink, u.name) {
		return
	}
	r.tables = append(r.tables, u)
	r.use.routes = append(r.use.routes, routeUse{sinks: []string{u.sink}}) // it is not unused
}

// checkTables compares what steps look up with the sinks, which are decoded after the pipelines.
func (l *loader) checkTables() {
	keys := make(map[string]func(settings any) []string) // of the kinds that have rows to look up
	for _, k := range l.options.Kinds.Sinks {
		if k.LookupKey != nil {
			keys[k.Name] = k.LookupKey
		}
	}
	for _, u := range l.tables {
		i := slices.IndexFunc(l.config.Sinks, func(s *Sink) bool { return s.Name == u.sink })
		if i < 0 {
			continue // there is a problem with it that was told before
		}
		s := l.config.Sinks[i]
		keyOf := keys[s.Kind]
		if keyOf == nil {
			l.addAt(u.file, u.name, "sink "+u.sink+" is of type "+s.Kind+", which has no rows to look up",
				"name one of type "+strings.Join(slices.Sorted(maps.Keys(keys)), " or "))
			continue
		}
		switch key := keyOf(s.Settings); {
		case len(key) == 0:
			l.addAt(u.file, u.name, "sink "+u.sink+" has no key to look a row up by", "add key: [column] to the sink")
		case len(key) != u.values:
			l.addAt(u.file, u.key, "the key of sink "+u.sink+" has other columns: "+strings.Join(key, ", "),
				"give an expression for each of them, in their order")
		}
	}
}
