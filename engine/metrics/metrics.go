// Package metrics holds every figure Trotline shows at /metrics. The counters
// are made in one place, so that their names and labels are one language.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics are the figures of one engine. All methods are safe for concurrent use.
type Metrics struct {
	Registry *prometheus.Registry

	accepted   *prometheus.CounterVec
	duplicates *prometheus.CounterVec
	refused    *prometheus.CounterVec
	kept       *prometheus.CounterVec
	failed     *prometheus.CounterVec
	accept     *prometheus.HistogramVec

	handled  *prometheus.CounterVec
	filtered *prometheus.CounterVec
	unrouted *prometheus.CounterVec
	dropped  *prometheus.CounterVec

	remembered *prometheus.GaugeVec
	early      *prometheus.CounterVec
	held       *prometheus.GaugeVec

	delivered  *prometheus.CounterVec
	retried    *prometheus.CounterVec
	dead       *prometheus.CounterVec
	failedOver *prometheus.CounterVec
	attempt    *prometheus.HistogramVec
	journey    *prometheus.HistogramVec
	inFlight   *prometheus.GaugeVec
	breaker    *prometheus.GaugeVec
	opened     *prometheus.CounterVec

	generation   prometheus.Gauge
	reloadOK     prometheus.Gauge
	reloadTime   prometheus.Gauge
	reloads      *prometheus.CounterVec
	backlog      *prometheus.GaugeVec
	pending      *prometheus.GaugeVec
	oldest       *prometheus.GaugeVec
	streamBytes  *prometheus.GaugeVec
	streamMax    *prometheus.GaugeVec
	streamEvents *prometheus.GaugeVec

	ids func() (known, most, early float64)
}

// New makes the figures and the registry they stand in, beside those of Go and of the process.
func New() *Metrics {
	m := &Metrics{Registry: prometheus.NewRegistry(), ids: func() (known, most, early float64) { return 0, 0, 0 }}
	m.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	m.accepted = m.counter("accepted_total", "Events stored and answered with 2xx.", "source")
	m.duplicates = m.counter("duplicate_total", "Requests that brought an event already stored.", "source")
	m.refused = m.counter("refused_total", "Requests turned away, by the reason the sender was told.", "source", "reason")
	m.kept = m.counter("refused_kept_total", "Of the requests turned away, those that keep_refused has kept.", "source")
	m.failed = m.counter("store_failed_total", "Requests answered with 503 because the event could not be stored.", "source")
	m.accept = m.histogram("accept_seconds", "From the end of a request's header to its answer.", "source")

	m.handled = m.counter("handled_total", "Events a pipeline has handled to the end of its steps.", "pipeline")
	m.filtered = m.counter("filtered_total", "Events a step has taken out.", "pipeline", "step")
	m.unrouted = m.counter("unrouted_total", "Events no route has taken.", "pipeline")
	m.dropped = m.counter("step_failed_dropped_total", "Events dropped because a step failed and on_error says drop.", "pipeline", "step")

	m.remembered = m.gauge("remembered_keys", "Keys a stateful step remembers, or windows it has open.", "pipeline", "step")
	m.early = m.counter("keys_forgotten_early_total", "Keys that a stateful step had to forget before their time, because it remembered as many as it can.", "pipeline", "step")
	m.held = m.gauge("held", "Events that wait in the middle of a pipeline.", "pipeline")

	m.delivered = m.counter("delivered_total", "Deliveries a sink has confirmed.", "sink", "pipeline", "route")
	m.retried = m.counter("retried_total", "Attempts that failed and will be made again.", "sink", "pipeline", "route")
	m.dead = m.counter("dead_total", "Events and deliveries that became dead letters; at is the sink or the step, class whose fault it is.", "pipeline", "at", "reason", "class")
	m.failedOver = m.counter("failed_over_total", "Deliveries that failed for good and were handed to other sinks, as on_failure says.", "sink", "pipeline", "route", "reason")
	m.attempt = m.histogram("attempt_seconds", "One call of a sink.", "sink")
	m.journey = m.histogram("delivery_seconds", "From the acceptance of an event to the sink's confirmation.", "sink")
	m.inFlight = m.gauge("in_flight", "Deliveries a sink is attempting now.", "sink")

	m.breaker = m.gauge("breaker", "Whether a failing sink is left alone: 0 it is not, 1 one delivery tries whether it is back, 2 it is.", "sink")
	m.opened = m.counter("breaker_opened_total", "How often a sink was left alone because it failed.", "sink")

	m.generation = m.single("config_generation", "The generation of the configuration in force.")
	m.reloadOK = m.single("config_last_reload_successful", "1 if the last edit was applied, 0 if it was refused.")
	m.reloadTime = m.single("config_last_reload_timestamp_seconds", "When an edit was last applied or refused.")
	m.reloads = m.counter("config_reloads_total", "Edits, by their result.", "result")
	m.backlog = m.gauge("backlog", "Events waiting for a pipeline, deliveries waiting for a sink.", "stage", "name")
	m.pending = m.gauge("unacknowledged", "Events or deliveries handed to a stage and not finished, those waiting for a retry included.", "stage", "name")
	m.oldest = m.gauge("oldest_seconds", "Age of the oldest that waits; 0 when nothing does.", "stage", "name")
	m.streamBytes = m.gauge("stream_bytes", "Space a stream takes.", "stream")
	m.streamMax = m.gauge("stream_max_bytes", "Space a stream may take.", "stream")
	m.streamEvents = m.gauge("stream_messages", "Messages in a stream.", "stream")
	m.watched()
	return m
}

// WatchIDs tells where the figures of the remembered ids come from: it is asked
// whenever they are. It is called before anybody asks.
func (m *Metrics) WatchIDs(ids func() (known, most, early float64)) { m.ids = ids }

func (m *Metrics) watched() {
	options := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "trotline", Name: name, Help: help}
	}
	m.Registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts(options("dedupe_ids", "Ids of events that are remembered.")),
			func() float64 { known, _, _ := m.ids(); return known }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts(options("dedupe_max_ids", "Ids that can be remembered; beyond it the oldest are forgotten early.")),
			func() float64 { _, most, _ := m.ids(); return most }),
		prometheus.NewCounterFunc(prometheus.CounterOpts(options("dedupe_forgotten_early_total", "Ids forgotten before their time, because there was no room for more.")),
			func() float64 { _, _, early := m.ids(); return early }),
	)
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "trotline", Name: name, Help: help}, labels)
	m.Registry.MustRegister(v)
	return v
}

func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "trotline", Name: name, Help: help}, labels)
	m.Registry.MustRegister(v)
	return v
}

func (m *Metrics) single(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "trotline", Name: name, Help: help})
	m.Registry.MustRegister(g)
	return g
}

func (m *Metrics) histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "trotline", Name: name, Help: help,
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60, 600, 3600},
	}, labels)
	m.Registry.MustRegister(v)
	return v
}

// Accepted counts an event stored within d of its request.
func (m *Metrics) Accepted(source string, d time.Duration) {
	m.accepted.WithLabelValues(source).Inc()
	m.accept.WithLabelValues(source).Observe(d.Seconds())
}

// Duplicate counts a request that brought a known event.
func (m *Metrics) Duplicate(source string) { m.duplicates.WithLabelValues(source).Inc() }

// Refused counts a request turned away; source is "" where the path leads nowhere.
func (m *Metrics) Refused(source, reason string, _ int) {
	m.refused.WithLabelValues(source, reason).Inc()
}

// RefusedKept counts a request that was turned away and is kept.
func (m *Metrics) RefusedKept(source string) { m.kept.WithLabelValues(source).Inc() }

// Failed counts a request whose event could not be stored.
func (m *Metrics) Failed(source string) { m.failed.WithLabelValues(source).Inc() }

// Handled counts an event that a pipeline has finished with.
func (m *Metrics) Handled(pipeline string) { m.handled.WithLabelValues(pipeline).Inc() }

// Filtered counts an event that a step has taken out.
func (m *Metrics) Filtered(pipeline, step string) { m.filtered.WithLabelValues(pipeline, step).Inc() }

// Unrouted counts an event that no route has taken.
func (m *Metrics) Unrouted(pipeline string) { m.unrouted.WithLabelValues(pipeline).Inc() }

// Dropped counts an event dropped because a step failed on it and on_error says so.
func (m *Metrics) Dropped(pipeline, step string) { m.dropped.WithLabelValues(pipeline, step).Inc() }

// Remembered shows how many keys a step remembers.
func (m *Metrics) Remembered(pipeline, step string, keys int) {
	m.remembered.WithLabelValues(pipeline, step).Set(float64(keys))
}

// ForgottenEarly counts a key that a step had to forget before its time.
func (m *Metrics) ForgottenEarly(pipeline, step string) {
	m.early.WithLabelValues(pipeline, step).Inc()
}

// Forgotten takes back what was shown of a step, or with "" of all steps of a pipeline.
func (m *Metrics) Forgotten(pipeline, step string) {
	if step != "" {
		m.remembered.DeleteLabelValues(pipeline, step)
		return
	}
	m.remembered.DeletePartialMatch(prometheus.Labels{"pipeline": pipeline})
	m.held.DeletePartialMatch(prometheus.Labels{"pipeline": pipeline})
}

// Held shows how many events wait in the middle of a pipeline.
func (m *Metrics) Held(pipeline string, events int) {
	m.held.WithLabelValues(pipeline).Set(float64(events))
}

// Delivered counts a delivery confirmed, age after its event was accepted.
func (m *Metrics) Delivered(sink, pipeline, route string, age time.Duration) {
	m.delivered.WithLabelValues(sink, pipeline, route).Inc()
	m.journey.WithLabelValues(sink).Observe(age.Seconds())
}

// Retried counts an attempt that will be made again.
func (m *Metrics) Retried(sink, pipeline, route string) {
	m.retried.WithLabelValues(sink, pipeline, route).Inc()
}

// Dead counts a dead letter; at is the sink or the step it died at, class at
// whose side the cause lies.
func (m *Metrics) Dead(pipeline, at, reason, class string) {
	m.dead.WithLabelValues(pipeline, at, reason, class).Inc()
}

// FailedOver counts a delivery that failed for good and was handed to other sinks.
func (m *Metrics) FailedOver(sink, pipeline, route, reason string) {
	m.failedOver.WithLabelValues(sink, pipeline, route, reason).Inc()
}

// Attempted records one call of a sink.
func (m *Metrics) Attempted(sink string, d time.Duration) {
	m.attempt.WithLabelValues(sink).Observe(d.Seconds())
}

// Breaker records the state of a sink's breaker: 0 closed, 1 probing, 2 open.
func (m *Metrics) Breaker(sink string, state int) {
	m.breaker.WithLabelValues(sink).Set(float64(state))
	if state == breakerOpen {
		m.opened.WithLabelValues(sink).Inc()
	}
}

const breakerOpen = 2

// InFlight adds n to the deliveries a sink is attempting.
func (m *Metrics) InFlight(sink string, n int) { m.inFlight.WithLabelValues(sink).Add(float64(n)) }

// Reloaded records an edit; generation is the one in force after it.
func (m *Metrics) Reloaded(applied bool, generation uint64, at time.Time) {
	ok, result := 0.0, "refused"
	if applied {
		ok, result = 1, "applied"
	}
	m.reloadOK.Set(ok)
	m.reloads.WithLabelValues(result).Inc()
	m.reloadTime.Set(float64(at.UnixMilli()) / 1000)
	m.generation.Set(float64(generation))
}

// Waiting records what waits for a stage ("pipeline" or "sink") of a name.
func (m *Metrics) Waiting(stage, name string, backlog, pending uint64, oldest time.Duration) {
	m.backlog.WithLabelValues(stage, name).Set(float64(backlog))
	m.pending.WithLabelValues(stage, name).Set(float64(pending))
	m.oldest.WithLabelValues(stage, name).Set(oldest.Seconds())
}

// Gone removes the gauges of a stage that an edit has removed.
func (m *Metrics) Gone(stage, name string) {
	for _, v := range []*prometheus.GaugeVec{m.backlog, m.pending, m.oldest} {
		v.DeleteLabelValues(stage, name)
	}
	if stage == "sink" {
		m.inFlight.DeleteLabelValues(name)
		m.breaker.DeleteLabelValues(name)
	}
}

// Stream records how full a stream is.
func (m *Metrics) Stream(name string, messages, bytes, maxBytes uint64) {
	m.streamEvents.WithLabelValues(name).Set(float64(messages))
	m.streamBytes.WithLabelValues(name).Set(float64(bytes))
	m.streamMax.WithLabelValues(name).Set(float64(maxBytes))
}
