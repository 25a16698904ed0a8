// Package natssink is the sink that publishes each event to a NATS subject, as
// a CloudEvent that any NATS client can read.
package natssink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/trotline/trotline/event"
)

const (
	connectTimeout = 2 * time.Second
	reconnectWait  = time.Second
	// ackTimeout is when the client forgets a publish that nobody answers. It
	// is beyond what a delivery usually waits and bounds what is kept for it.
	ackTimeout = 2 * time.Minute
	// maxPending is how many publishes may wait for their answers; the engine's
	// concurrency and batch size are the limits that count.
	maxPending = 1 << 20
)

type sink struct {
	hosts   string // the servers without what opens them, to be shown
	conn    *nats.Conn
	closed  <-chan struct{}
	stream  jetstream.JetStream // nil: publish without a stream
	subject event.Template
	headers map[string]event.Template
	secrets *strings.Replacer
	fault   atomic.Pointer[error] // why the last attempt to connect failed

	// core lets one batch at a time publish without a stream: a refusal for
	// want of permission comes without the name of the message it means.
	core sync.Mutex
}

func open(_ context.Context, settings any, o event.SinkOptions) (event.Sink, error) {
	set := event.SettingsOf[Settings](settings)
	hosts, err := servers(set.URL.Reveal())
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	closed := make(chan struct{})
	s := &sink{
		hosts: hosts, closed: closed, subject: set.Subject, headers: set.Headers,
		secrets: hide(set.URL.Reveal()),
	}
	options := []nats.Option{
		nats.Name("trotline sink " + o.Name),
		nats.Timeout(connectTimeout),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.IgnoreAuthErrorAbort(), // what is wrong there may be mended there
		// A publish while there is no connection is to fail, not to be kept in
		// memory: it is in our store, and tried again from there.
		nats.ReconnectBufSize(-1),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("the connection to NATS is lost; trying again", "servers", hosts, "error", s.safe(err))
			}
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { s.fault.Store(&err) }),
		nats.ReconnectHandler(func(*nats.Conn) {
			s.fault.Store(nil)
			log.Info("connected to NATS", "servers", hosts)
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Debug("NATS reports an error", "servers", hosts, "error", s.safe(err))
		}),
	}
	if set.CredentialsFile != "" {
		if err := checkCredentials(string(set.CredentialsFile)); err != nil {
			return nil, fmt.Errorf("credentials_file: %w", err)
		}
		options = append(options, nats.UserCredentials(string(set.CredentialsFile)))
	}
	if s.conn, err = nats.Connect(set.URL.Reveal(), options...); err != nil {
		return nil, fmt.Errorf("NATS at %s: %w", hosts, s.safe(err))
	}
	if set.JetStream {
		s.stream, err = jetstream.New(s.conn,
			jetstream.WithPublishAsyncMaxPending(maxPending), jetstream.WithPublishAsyncTimeout(ackTimeout))
		if err != nil {
			s.conn.Close()
			return nil, fmt.Errorf("NATS at %s: %w", hosts, s.safe(err))
		}
	}
	return s, nil
}

// Close sends what is on its way and ends the connection.
func (s *sink) Close(ctx context.Context) error {
	if err := s.conn.Drain(); err != nil {
		s.conn.Close() // it was not connected
	}
	select {
	case <-s.closed:
		return nil
	case <-ctx.Done():
		s.conn.Close()
		return fmt.Errorf("NATS at %s: %w", s.hosts, ctx.Err())
	}
}

// Deliver publishes the batch in its order and returns when all of it is
// answered for: by the streams that store it, or by the server that passed it on.
func (s *sink) Deliver(ctx context.Context, batch []*event.Delivery) []event.Verdict {
	verdicts := make([]event.Verdict, len(batch))
	messages := make([]*nats.Msg, len(batch))
	for i, d := range batch {
		m, err := s.message(d)
		if err != nil {
			verdicts[i].Err = event.Permanent(err)
			continue
		}
		messages[i] = m
	}
	if err := s.reachable(ctx); err != nil {
		for i := range verdicts {
			if messages[i] != nil {
				verdicts[i].Err = err
			}
		}
		return verdicts
	}
	if s.stream != nil {
		s.store(ctx, messages, verdicts)
	} else {
		s.pass(ctx, messages, verdicts)
	}
	return verdicts
}

func (s *sink) reachable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.conn.IsConnected() {
		return nil
	}
	if err := s.fault.Load(); err != nil {
		return fmt.Errorf("not connected to NATS at %s: %w", s.hosts, s.safe(*err))
	}
	return fmt.Errorf("not connected to NATS at %s", s.hosts)
}

// failed says what the error of a publish means for the delivery.
func (s *sink) failed(ctx context.Context, m *nats.Msg, err error) error {
	if errors.Is(err, nats.ErrReconnectBufExceeded) {
		return fmt.Errorf("not connected to NATS at %s", s.hosts) // lost since reachable looked
	}
	wrapped := fmt.Errorf("publish to %s on NATS at %s: %w", m.Subject, s.hosts, s.safe(err))
	var api *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, nats.ErrBadSubject):
		return event.Permanent(wrapped)
	case errors.As(err, &api) && api.ErrorCode == errMessageTooLarge:
		return event.Permanent(wrapped)
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		return fmt.Errorf("%w: make a stream that takes this subject, or write jetstream: false", wrapped)
	case ctx.Err() != nil:
		if refused := s.conn.LastError(); errors.Is(refused, nats.ErrPermissionViolation) {
			return fmt.Errorf("%w (the server said lately: %w)", wrapped, s.safe(refused))
		}
	}
	return wrapped
}

// errMessageTooLarge is JSStreamMessageExceedsMaximumErr: the message is larger
// than the stream's max_msg_size (nats-server, server/errors.json).
const errMessageTooLarge = 10054

// safe is an error that does not show what opens the servers. Where it would, its text alone is left.
func (s *sink) safe(err error) error {
	if text := err.Error(); s.secrets.Replace(text) != text {
		return errors.New(s.secrets.Replace(text))
	}
	return err
}
