package config

import (
	"slices"

	"gopkg.in/yaml.v3"
)

// failureWords are what a hop of a route may say beside [hopWords].
type failureWords struct {
	OnFailure raw `yaml:"on_failure" doc:"what becomes of a delivery that failed for good: stop (a dead letter, and the chain ends), continue (a dead letter, and the chain goes on), or to: the sinks that are handed it instead (stop)"`
}

// failureTo is on_failure with sinks.
type failureTo struct {
	To []raw `yaml:"to" required:"true" doc:"the sinks that are handed what failed, side by side"`
}

// failureOptions are on_failure as a word.
var failureOptions = []string{"stop", "continue"}

// handed is a sink that is handed what fails at another one.
type handed struct {
	sink, from string
	at         *yaml.Node
}

// onFailure decodes the on_failure of a hop that stands behind those of use.
func (r *pipelineReader) onFailure(hop, n *yaml.Node, use routeUse, out *Hop) {
	key, _ := child(hop, "on_failure")
	switch {
	case n.Tag == brokenTag:
	case !use.chain:
		r.addAt(r.file, key, "on_failure is for a hop of a chain", "give the sink a route of its own with chain: in the place of to:")
	case n.Kind == yaml.MappingNode:
		r.failsTo(key, n, use, out)
	case n.Kind == yaml.SequenceNode:
		r.addAt(r.file, n, "on_failure wants stop, continue or sinks with the word to", "write on_failure: {to: [sink]}")
	case !slices.Contains(failureOptions, n.Value):
		hint := didYouMean(n.Value, failureOptions)
		if _, isSink := r.names.sinks[n.Value]; isSink {
			hint = "write on_failure: {to: [" + n.Value + "]}"
		}
		r.addAt(r.file, n, "on_failure cannot be "+r.shown(n.Value), hint)
	default:
		out.Continue = n.Value == "continue"
	}
}

// failsTo decodes the sinks that are handed what fails at a hop. They see what
// it was answered, and stand behind it.
func (r *pipelineReader) failsTo(key, n *yaml.Node, use routeUse, out *Hop) {
	w := &failureTo{}
	r.object(n, key, nil, w)
	results := append(slices.Clone(use.sinks), out.Sink)
	var sinks []string
	for _, h := range w.To {
		if h.node == nil {
			continue
		}
		if k, _ := child(h.node, "on_failure"); k != nil {
			r.addAt(r.file, k, "what fails at a sink of on_failure is a dead letter", "remove it here")
			continue
		}
		hop, at := r.hop(h.node, results)
		if hop.Sink == "" {
			continue
		}
		if slices.Contains(sinks, hop.Sink) {
			r.addAt(r.file, at, "sink "+hop.Sink+" stands here twice", "remove one")
		}
		sinks = append(sinks, hop.Sink)
		out.FailsTo = append(out.FailsTo, hop)
		r.handed = append(r.handed, handed{hop.Sink, out.Sink, at})
		r.use.routes = append(r.use.routes, routeUse{chain: true, sinks: append(slices.Clone(results), hop.Sink)})
	}
}

// loops refuses on_failure where it leads back into the chain: a receiver would
// be given a second delivery under the same id.
func (r *pipelineReader) loops(use routeUse) {
	for _, h := range r.handed {
		switch {
		case h.sink == h.from:
			r.addAt(r.file, h.at, "sink "+h.sink+" would be handed what it has just failed at", "its retry says how often it is tried; name another sink")
		case slices.Contains(use.sinks, h.sink):
			r.addAt(r.file, h.at, "sink "+h.sink+" stands in this chain itself", "on_failure: continue goes on with the chain; otherwise name a sink that is not in it")
		}
	}
}
