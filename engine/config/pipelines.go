package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/trotline/trotline/event"
)

// pipelineUse is whom a pipeline uses.
type pipelineUse struct {
	sources []string
	routes  []routeUse
}

// routeUse is whom a route uses.
type routeUse struct {
	chain bool
	sinks []string
}

// before are the sinks whose answers can be asked for in a sink's own
// settings: those that come before it in any chain.
func (n *names) before(sink string) []string {
	before := []string{}
	for _, p := range n.pipelines {
		for _, r := range p.routes {
			i := slices.Index(r.sinks, sink)
			if !r.chain || i < 0 {
				continue
			}
			for _, s := range r.sinks[:i] {
				if !slices.Contains(before, s) {
					before = append(before, s)
				}
			}
		}
	}
	return before
}

// pipelineWords are the words of a pipeline that are not simply written to a field.
type pipelineWords struct {
	Disabled bool   `yaml:"disabled" doc:"checked, and then left out"`
	Start    string `yaml:"start" doc:"where a new pipeline begins: now, all, or a duration back (now)"`
	Steps    []raw  `yaml:"steps" doc:"what is done with each event, in order"`
	OrderBy  raw    `yaml:"order_by" doc:"an expression on the event as it leaves the steps: events for which it gives the same are delivered in their order"`
	Routes   []raw  `yaml:"routes" doc:"the ways out, each with a name"`
	To       []raw  `yaml:"to" doc:"the sinks, side by side, where there is one route"`
	Chain    []raw  `yaml:"chain" doc:"the sinks, one after the other, where there is one route"`
}

// routeWords are the words of a route.
type routeWords struct {
	Name  string     `yaml:"name" required:"true" doc:"what queues, metrics and dead letters call the route"`
	When  event.Expr `yaml:"when" want:"bool" doc:"which events it takes; all when left out"`
	To    []raw      `yaml:"to" doc:"sinks, side by side"`
	Chain []raw      `yaml:"chain" doc:"sinks, one after the other"`
}

// hopWords are the words of a hop, but for on_failure.
type hopWords struct {
	Sink string         `yaml:"sink" short:"true" required:"true" doc:"the sink's name"`
	When event.Expr     `yaml:"when" want:"bool" doc:"which events it takes; all when left out"`
	Map  *event.Mapping `yaml:"map" doc:"the body as this sink gets it"`
}

// raw is what is decoded in its turn, because what an expression in it may say
// depends on what comes before it.
type raw struct{ node *yaml.Node }

// pipelineReader decodes one pipeline.
type pipelineReader struct {
	*decoder
	entry entry
	names *names
	shape *event.Shape // what is known of the body
	use   *pipelineUse
	out   *Pipeline
	// handed are the sinks that on_failure names on the route that is being decoded.
	handed []handed
}

func (l *loader) pipelines(entries []entry, n *names) []*pipelineUse {
	var uses []*pipelineUse
	for _, e := range entries {
		r := &pipelineReader{
			decoder: &decoder{loader: l, file: e.file}, entry: e, names: n, use: &pipelineUse{},
			out: &Pipeline{Name: e.name(), Pos: e.pos(), OnError: "dead", Match: "all", Unrouted: "drop"},
		}
		disabled := r.read()
		uses = append(uses, r.use)
		if !disabled {
			l.config.Pipelines = append(l.config.Pipelines, r.out)
		}
	}
	return uses
}

func (r *pipelineReader) read() (disabled bool) {
	w := &pipelineWords{}
	r.object(r.entry.value, r.entry.key, nil, w, r.out)
	if r.entry.value.Kind != yaml.MappingNode {
		return false
	}
	r.from()
	r.start(w.Start)
	for i, s := range w.Steps {
		if s.node != nil {
			r.step(i, s.node)
		}
	}
	r.scope = event.Scope{Body: r.shape}
	r.orderBy(w.OrderBy)
	r.routes(w)
	return w.Disabled
}

// orderBy compiles order_by by what is known of the event behind the steps.
func (r *pipelineReader) orderBy(given raw) {
	if given.node == nil {
		return
	}
	key, _ := child(r.entry.value, "order_by")
	r.expression(given.node, reflect.ValueOf(&r.out.OrderBy).Elem(), field{word: "order_by", key: key})
}

func (r *pipelineReader) from() {
	_, list := child(r.entry.value, "from")
	for i, name := range r.out.From {
		at := itemAt(list, i)
		switch _, ok := r.names.sources[name]; {
		case !ok:
			r.addAt(r.file, at, "there is no source "+r.shown(name), didYouMean(name, slices.Sorted(maps.Keys(r.names.sources))))
		case slices.Contains(r.out.From[:i], name):
			r.addAt(r.file, at, "source "+name+" stands here twice", "remove one")
		default:
			r.use.sources = append(r.use.sources, name)
		}
	}
}

// itemAt is an item of a list, or the one value that stands for a list.
func itemAt(list *yaml.Node, i int) *yaml.Node {
	if list.Kind == yaml.SequenceNode {
		return list.Content[i]
	}
	return list
}

func (r *pipelineReader) start(text string) {
	switch text {
	case "", "now":
	case "all":
		r.out.Start.All = true
	default:
		back, err := event.ParseDuration(text)
		if err != nil {
			r.at(r.entry, "start wants now, all, or a duration back", "write 24h", "start")
		}
		r.out.Start.Back = back
	}
}

func (r *pipelineReader) step(i int, n *yaml.Node) {
	kinds := r.options.Kinds.Transforms
	known := kindNames(kinds, func(k event.TransformKind) string { return k.Name })
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		if n.Tag != brokenTag {
			r.addAt(r.file, n, "a step is a word with its settings", "write filter: body.ok; known here: "+strings.Join(known, ", "))
		}
		return
	}
	key, value := n.Content[0], n.Content[1]
	if len(n.Content) > 2 {
		r.addAt(r.file, n.Content[2], "a step is one word, and "+n.Content[2].Value+" is a second one", "begin it with - as a step of its own, or indent it below "+key.Value)
		return
	}
	at := slices.Index(known, key.Value)
	if at < 0 {
		r.addAt(r.file, key, "there is no step "+key.Value, didYouMean(key.Value, known))
		r.shape = nil
		return
	}
	k := kinds[at]
	settings := k.Settings()
	d := &decoder{loader: r.loader, file: r.file, scope: event.Scope{Body: r.shape}}
	if !d.object(value, key, k.Later, settings) {
		r.shape = nil
		return
	}
	before := r.errors
	d.validate(entry{r.file, key, value}, settings)
	r.out.Steps = append(r.out.Steps, Step{
		Name: fmt.Sprintf("%s_%d", k.Name, i+1), Kind: k.Name, Settings: settings, Pos: r.file.position(r.file.start(key)),
	})
	if t, ok := settings.(event.TableReader); ok {
		r.readsTable(value, t)
	}
	if k.Shape != nil && r.errors == before {
		r.shape = k.Shape(r.shape, settings)
	}
}

func (r *pipelineReader) routes(w *pipelineWords) {
	key, list := child(r.entry.value, "routes")
	if key == nil {
		route := Route{Name: "default", Pos: r.out.Pos}
		if r.hops(&route, r.entry.key, r.entry.value, w.To, w.Chain) {
			r.out.Routes = append(r.out.Routes, route)
		}
		return
	}
	for _, word := range []string{"to", "chain"} {
		if k, _ := child(r.entry.value, word); k != nil {
			r.addAt(r.file, k, word+" and routes cannot stand side by side", "move it into a route")
		}
	}
	if len(w.Routes) == 0 {
		r.addAt(r.file, list, "routes is empty", "write at least one, or to: [sink]")
	}
	seen := make(map[string]Position)
	var rest *Route // a route that leaves nothing to those behind it
	for _, item := range w.Routes {
		if item.node == nil {
			continue
		}
		route, ok := r.route(item.node, seen, len(w.Routes) == 1)
		if !ok {
			continue
		}
		if rest != nil {
			r.warnAt(r.file, item.node, fmt.Sprintf("route %s never gets an event", route.Name), fmt.Sprintf("match is first, and route %s takes every one", rest.Name))
		} else if r.out.Match == "first" && route.When == nil {
			rest = &route
		}
		r.out.Routes = append(r.out.Routes, route)
	}
}

// route decodes one route of several. A single one may go without a name.
func (r *pipelineReader) route(n *yaml.Node, seen map[string]Position, alone bool) (Route, bool) {
	before := r.errors
	w := &routeWords{}
	if alone {
		w.Name = "default"
	}
	owner := r.owner(n, field{word: "route"})
	targets := []any{w}
	if alone { // the name is not asked for
		targets = []any{&nameless{Name: "default"}, w}
	}
	r.object(n, owner, nil, targets...)
	if u, ok := targets[0].(*nameless); ok {
		w.Name = u.Name
	}
	if n.Kind != yaml.MappingNode {
		return Route{}, false
	}
	route := Route{Name: w.Name, When: w.When, Pos: r.file.position(r.file.start(n))}
	_, name := child(n, "name")
	switch first, twice := seen[w.Name]; {
	case name == nil:
	case !validName(w.Name):
		r.addAt(r.file, name, fmt.Sprintf("%q cannot be a name", name.Value), r.shown(offerName(w.Name)))
	case twice:
		r.addAt(r.file, name, "route "+w.Name+" stands here twice", "the first is at "+first.String())
	}
	seen[w.Name] = route.Pos
	r.hops(&route, owner, n, w.To, w.Chain)
	return route, r.errors == before
}

// nameless is a route's name where it may be left out.
type nameless struct {
	Name string `yaml:"name" doc:"what queues, metrics and dead letters call the route"`
}

// hops decodes the sinks of a route; false when there are none to decode.
func (r *pipelineReader) hops(route *Route, owner, n *yaml.Node, to, chain []raw) bool {
	toKey, _ := child(n, "to")
	chainKey, _ := child(n, "chain")
	list, word := to, "to"
	switch {
	case toKey != nil && chainKey != nil:
		r.addAt(r.file, chainKey, "to and chain cannot stand side by side", "make two routes of it")
		return false
	case toKey == nil && chainKey == nil:
		r.addAt(r.file, owner, owner.Value+" leads nowhere", "add to: [sink], or chain: [sink, sink]")
		return false
	case chainKey != nil:
		list, word, route.Chain = chain, "chain", true
	}
	if len(list) == 0 {
		key, _ := child(n, word)
		r.addAt(r.file, key, word+" is empty", "name a sink")
	}
	use := routeUse{chain: route.Chain}
	r.handed = nil
	for _, h := range list {
		if h.node == nil {
			continue
		}
		hop, ok := r.routeHop(h.node, use)
		use.sinks = append(use.sinks, hop.Sink)
		if ok {
			route.Hops = append(route.Hops, hop)
		}
	}
	r.use.routes = append(r.use.routes, use)
	r.loops(use)
	return true
}

// routeHop decodes a hop of a route, which stands behind those of use.
func (r *pipelineReader) routeHop(n *yaml.Node, use routeUse) (Hop, bool) {
	before := r.errors
	w := &failureWords{}
	var results []string // nil: there are none to see
	if use.chain {
		results = append([]string{}, use.sinks...)
	}
	hop, at := r.hop(n, results, w)
	if slices.Contains(use.sinks, hop.Sink) {
		where := "here"
		if use.chain {
			where = "in this chain"
		}
		r.addAt(r.file, at, "sink "+hop.Sink+" stands "+where+" twice", "remove one")
	}
	if w.OnFailure.node != nil {
		r.onFailure(n, w.OnFailure.node, use, &hop)
	}
	return hop, r.errors == before
}

// hop decodes a hop, which sees the results of some sinks; more are further
// words it may have. at is where its sink stands.
func (r *pipelineReader) hop(n *yaml.Node, results []string, more ...any) (hop Hop, at *yaml.Node) {
	d := &decoder{loader: r.loader, file: r.file, scope: event.Scope{Body: r.shape, Results: results}}
	w := &hopWords{}
	d.object(n, r.owner(n, field{word: "hop"}), nil, append([]any{w}, more...)...)
	at = n
	if _, v := child(n, "sink"); v != nil {
		at = v
	}
	r.checkSink(w.Sink, at)
	return Hop{Sink: w.Sink, When: w.When, Map: w.Map, Pos: r.file.position(r.file.start(at))}, at
}

// checkSink tells whether there is a sink of that name; "" is a problem that was told before.
func (r *pipelineReader) checkSink(name string, at *yaml.Node) bool {
	e, known := r.names.sinks[name]
	switch {
	case name == "":
	case !known:
		r.addAt(r.file, at, "there is no sink "+r.shown(name), didYouMean(name, slices.Sorted(maps.Keys(r.names.sinks))))
	case r.disabled(e):
		r.addAt(r.file, at, "sink "+name+" is disabled", "enable it, or take it out here")
	default:
		return true
	}
	return false
}
