package bus

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// embedded is the NATS server of this process. It can be started again while
// its clients stay: they find the new one by themselves.
type embedded struct {
	options server.Options // a template: the server writes into the ones it is given
	log     *slog.Logger

	mu  sync.Mutex
	srv *server.Server
}

const (
	// syncInterval is how often JetStream flushes by itself. The barrier does
	// it for what must be durable; this is for the rest.
	syncInterval = 10 * time.Second
	// startTimeout bounds the recovery of the streams: a million events take two seconds.
	startTimeout = 10 * time.Minute
	// largestMessage is what JetStream's file store takes at the most (nats-server, filestore.go, rlBadThresh).
	largestMessage = 32<<20 - 128<<10
)

// newEmbedded starts a server that keeps its files in dir.
func newEmbedded(dir string, maxDisk int64, o *Options) (*embedded, error) {
	e := &embedded{log: o.Log, options: server.Options{
		// The server's identity in JetStream is a hash of its name.
		ServerName: o.Prefix + "-embedded",
		DontListen: true,
		JetStream:  true,
		StoreDir:   dir,
		NoSigs:     true,
		NoLog:      true,

		DisableJetStreamBanner: true,
		JetStreamMaxStore:      maxDisk,
		JetStreamMaxMemory:     16 << 20, // nothing is kept in memory streams
		MaxPayload:             int32(o.largest()),
		SyncInterval:           syncInterval,
		SyncAlways:             o.Durable && !canFlush,
		// One connection carries what several consumers pull at once.
		MaxPending:            1 << 30,
		WriteDeadline:         time.Minute,
		StreamMaxBufferedMsgs: 4 * maxOpen,
		StreamMaxBufferedSize: 4 * maxOpenBytes,
	}}
	if o.Listen != "" {
		host, port, err := net.SplitHostPort(o.Listen)
		number, bad := strconv.Atoi(port)
		if err = errors.Join(err, bad); err != nil {
			return nil, fmt.Errorf("nats.embedded.listen %q: write host:port", o.Listen)
		}
		e.options.DontListen, e.options.Host, e.options.Port = false, host, number
		if number == 0 {
			e.options.Port = server.RANDOM_PORT
		}
	}
	return e, e.start()
}

// largest is how large a message can become: the body as it stands, the body
// as it was received, what sinks answered, and headers.
func (o *Options) largest() int {
	return min(3*o.MaxPayload+1<<20, largestMessage)
}

func (e *embedded) start() error {
	options := e.options
	s, err := server.NewServer(&options)
	if err != nil {
		return fmt.Errorf("cannot start the embedded NATS server: %w", err)
	}
	// Before Start, or what goes wrong while the streams are recovered is not heard.
	s.SetLoggerV2(serverLog{e.log}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(startTimeout) || !s.JetStreamEnabled() {
		s.Shutdown()
		s.WaitForShutdown()
		return errors.New("the embedded NATS server did not start; the log says why")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.srv = s
	return nil
}

func (e *embedded) server() *server.Server {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.srv
}

// InProcessConn connects a client without a socket.
func (e *embedded) InProcessConn() (net.Conn, error) {
	c, err := e.server().InProcessConn()
	if err != nil {
		return nil, err
	}
	return newPipe(c), nil
}

// stop ends the server. LameDuckShutdown does nothing in a server that does
// not listen, so whoever uses it drains first.
func (e *embedded) stop() {
	s := e.server()
	s.Shutdown()
	s.WaitForShutdown()
}

// health is what the server says of its streams; an error of a write freezes a
// stream until the server is started again.
func (e *embedded) health() error {
	h := e.server().Healthz(&server.HealthzOptions{})
	if h.StatusCode != http.StatusOK {
		return fmt.Errorf("the streams do not work: %s", h.Error)
	}
	return nil
}

// serverLog hands the server's log to ours.
type serverLog struct{ log *slog.Logger }

func (l serverLog) write(level func(string, ...any), format string, v []any) {
	level("NATS server: " + fmt.Sprintf(format, v...))
}
func (l serverLog) Noticef(format string, v ...any) { l.write(l.log.Debug, format, v) }
func (l serverLog) Warnf(format string, v ...any) {
	if strings.HasPrefix(format, "Maximum payloads over") {
		return // it is meant so: a message holds a body three times at the most
	}
	l.write(l.log.Warn, format, v)
}
func (l serverLog) Errorf(format string, v ...any) { l.write(l.log.Error, format, v) }
func (l serverLog) Fatalf(format string, v ...any) { l.write(l.log.Error, format, v) }
func (l serverLog) Debugf(string, ...any)          {}
func (l serverLog) Tracef(string, ...any)          {}
