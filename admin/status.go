package admin

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trotline/trotline/engine"
)

// Status is how a running engine is.
type Status struct {
	Version    string        `json:"version"`
	Started    time.Time     `json:"started"`
	Ready      bool          `json:"ready"`
	Reason     string        `json:"reason,omitempty"` // why it is not ready
	Generation uint64        `json:"generation"`       // of the configuration in force
	LastEdit   engine.Edit   `json:"last_edit"`        // or the start
	Files      []string      `json:"files"`            // the configuration's
	Listen     string        `json:"listen"`           // where webhooks arrive
	Admin      string        `json:"admin"`
	Data       string        `json:"data"` // the store's folder, or "nats" where it is a cluster
	Sources    []SourceState `json:"sources"`
	Pipelines  []StageState  `json:"pipelines"`
	Sinks      []StageState  `json:"sinks"`
	Dead       uint64        `json:"dead"` // dead letters, of all pipelines
	Streams    []StreamState `json:"streams"`
	DiskFree   *uint64       `json:"disk_free,omitempty"` // bytes, where the store's folder is; not of a cluster
}

// StreamState is how full a stream of the store is.
type StreamState struct {
	Name     string `json:"name"`
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
	MaxBytes uint64 `json:"max_bytes,omitempty"`
}

// SourceState is a source of the configuration in force.
type SourceState struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	Path string `json:"path"`
}

// StageState is what waits for a pipeline or a sink, as of a second ago.
type StageState struct {
	Name     string  `json:"name"`
	Kind     string  `json:"kind,omitempty"`    // of a sink
	Backlog  uint64  `json:"backlog"`           // not handed out yet
	InHand   uint64  `json:"in_hand"`           // handed out and not finished, those waiting for a retry included
	Held     uint64  `json:"held"`              // of a pipeline: events that wait in the middle of it
	InFlight uint64  `json:"in_flight"`         // of a sink: deliveries that are being attempted
	OldestIn float64 `json:"oldest_seconds"`    // age of the oldest that waits
	Breaker  string  `json:"breaker,omitempty"` // of a sink that has one: closed, probing or open
}

func (a *api) status(w http.ResponseWriter, r *http.Request) {
	c, last := a.engine.Config(), a.engine.Last()
	s := Status{
		Version: a.options.Version, Started: a.started, Ready: true, Generation: last.Generation, LastEdit: last,
		Listen: a.engine.Addr().String(), Admin: a.options.Listen, Data: "nats",
	}
	if err := a.engine.Ready(); err != nil {
		s.Ready, s.Reason = false, err.Error()
	}
	if c.NATS.URL == "" && c.NATS.Embedded != nil {
		s.Data = string(c.NATS.Embedded.Dir)
	}
	for _, f := range c.Files {
		if f.Config {
			s.Files = append(s.Files, f.Path)
		}
	}
	for _, source := range c.Sources {
		s.Sources = append(s.Sources, SourceState{Name: source.Name, Kind: source.Kind, Path: source.Path})
	}
	figures := readFigures(a.engine.Metrics().Registry)
	s.Dead = uint64(figures["trotline_stream_messages"][figure{name: "dead"}])
	s.Streams = figures.streams()
	if free, ok := a.engine.Bus().FreeDisk(); ok {
		s.DiskFree = &free
	}
	for _, p := range c.Pipelines {
		state := figures.stage("pipeline", p.Name)
		state.Held = uint64(figures["trotline_held"][figure{name: p.Name}])
		s.Pipelines = append(s.Pipelines, state)
	}
	for _, sink := range c.Sinks {
		state := figures.stage("sink", sink.Name)
		state.Kind = sink.Kind
		state.InFlight = uint64(figures["trotline_in_flight"][figure{name: sink.Name}])
		if sink.Breaker != nil {
			state.Breaker = breakerStates[int(figures["trotline_breaker"][figure{name: sink.Name}])]
		}
		s.Sinks = append(s.Sinks, state)
	}
	answer(w, http.StatusOK, s)
}

// breakerStates are the values of the gauge of a breaker, in words.
var breakerStates = [...]string{"closed", "probing", "open"}

// figure names a gauge among those of one name; stage is "" for a stream.
type figure struct{ stage, name string }

// figures are the values of gauges, by the gauge's name.
type figures map[string]map[figure]float64

// readFigures takes the engine's gauges from where /metrics has them, so that
// there is one truth, and asking for the status costs the store nothing.
func readFigures(from prometheus.Gatherer) figures {
	families, err := from.Gather()
	if err != nil {
		return nil // what cannot be told is shown as 0
	}
	all := make(figures)
	for _, family := range families {
		values := make(map[figure]float64)
		for _, m := range family.GetMetric() {
			if m.GetGauge() == nil {
				continue
			}
			var f figure
			for _, l := range m.GetLabel() {
				switch l.GetName() {
				case "stage":
					f.stage = l.GetValue()
				case "name", "stream", "sink", "pipeline":
					f.name = l.GetValue()
				}
			}
			values[f] = m.GetGauge().GetValue()
		}
		all[family.GetName()] = values
	}
	return all
}

// streams are all of them, by their names.
func (all figures) streams() []StreamState {
	streams := []StreamState{}
	for f, messages := range all["trotline_stream_messages"] {
		streams = append(streams, StreamState{
			Name: f.name, Messages: uint64(messages),
			Bytes: uint64(all["trotline_stream_bytes"][f]), MaxBytes: uint64(all["trotline_stream_max_bytes"][f]),
		})
	}
	slices.SortFunc(streams, func(a, b StreamState) int { return strings.Compare(a.Name, b.Name) })
	return streams
}

func (all figures) stage(stage, name string) StageState {
	f := figure{stage, name}
	return StageState{
		Name:     name,
		Backlog:  uint64(all["trotline_backlog"][f]),
		InHand:   uint64(all["trotline_unacknowledged"][f]),
		OldestIn: all["trotline_oldest_seconds"][f],
	}
}
