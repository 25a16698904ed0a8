// Package admin is the HTTP API beside a running engine: health, metrics, the
// events and the dead letters, and the taking of edits. The command line talks
// to it, with the types of this package.
package admin

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/trotline/trotline/engine"
	"github.com/trotline/trotline/event"
)

// Options are what the API is told from outside.
type Options struct {
	// Token is what clients must show as a bearer token (RFC 6750). Without one,
	// requests are taken only if they are addressed to a loopback name, so that
	// the listener must be on loopback too.
	Token   event.Secret
	Version string       // shown in the status
	Listen  string       // where the API listens, shown in the status
	Log     *slog.Logger // nil: nothing is logged
}

// maxRequestBody is how many bytes of a request's body are read. No request
// needs one, but that which edits a dead letter.
const maxRequestBody = 64 << 10

// maxEdit is the largest body an edited dead letter may have: no message of the store holds more.
const maxEdit = 32 << 20

// api answers for one engine.
type api struct {
	engine  *engine.Engine
	options Options
	log     *slog.Logger
	started time.Time
	tails   atomic.Int64 // how many are open
}

// New is the API of an engine. /healthz and /readyz answer everyone; the rest
// is guarded as [Options.Token] says. A tail goes on until its request's
// context ends, so the server's base context must end when the server is to stop.
func New(e *engine.Engine, o Options) http.Handler {
	a := &api{engine: e, options: o, log: o.Log, started: time.Now().UTC()}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	guarded := http.NewServeMux()
	guarded.Handle("GET /metrics", promhttp.HandlerFor(e.Metrics().Registry, promhttp.HandlerOpts{}))
	guarded.HandleFunc("GET /api/status", a.status)
	guarded.HandleFunc("POST /api/reload", a.reload)
	guarded.HandleFunc("GET /api/events", a.listEvents)
	guarded.HandleFunc("GET /api/events/tail", a.tailEvents)
	guarded.HandleFunc("GET /api/events/{ref...}", a.showEvent)
	guarded.HandleFunc("GET /api/dead", a.listDead)
	guarded.HandleFunc("GET /api/dead/export", a.exportDead)
	guarded.HandleFunc("GET /api/dead/{number}", a.showDead)
	guarded.HandleFunc("DELETE /api/dead/{number}", a.dropOne)
	guarded.HandleFunc("POST /api/dead/{number}/replay", a.replayOne)
	guarded.HandleFunc("POST /api/dead/{number}/restore", a.restoreOne)
	guarded.HandleFunc("POST /api/dead/replay", a.replayMany)
	guarded.HandleFunc("POST /api/dead/drop", a.dropMany)
	guarded.HandleFunc("POST /api/events/replay", a.replayEvents)
	guarded.HandleFunc("/", notFound)

	open := http.NewServeMux()
	open.HandleFunc("GET /healthz", healthy)
	open.HandleFunc("GET /readyz", a.ready)
	open.Handle("/", guard(o.Token, guarded))

	sized := http.NewServeMux()
	sized.Handle("/", http.MaxBytesHandler(open, maxRequestBody))
	sized.Handle("PUT /api/dead/{number}/body", http.MaxBytesHandler(guard(o.Token, http.HandlerFunc(a.editOne)), maxEdit))
	return sized
}

func notFound(w http.ResponseWriter, r *http.Request) {
	refuse(w, http.StatusNotFound, "there is nothing at %s %s", r.Method, r.URL.Path)
}
