package natssink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/trotline/trotline/event"
)

// store publishes to streams, all at once, and waits until each has said that
// it has stored its message. A nil message has its verdict already.
func (s *sink) store(ctx context.Context, messages []*nats.Msg, verdicts []event.Verdict) {
	acks := make([]jetstream.PubAckFuture, len(messages))
	for i, m := range messages {
		if m == nil {
			continue
		}
		var err error
		if acks[i], err = s.stream.PublishMsgAsync(m); err != nil {
			verdicts[i].Err = s.failed(ctx, m, err)
		}
	}
	for i, ack := range acks {
		if ack == nil || messages[i] == nil {
			continue
		}
		select {
		case <-ack.Ok(): // a duplicate is stored too
		case err := <-ack.Err():
			verdicts[i].Err = s.failed(ctx, messages[i], err)
		case <-ctx.Done():
			verdicts[i].Err = s.failed(ctx, messages[i], ctx.Err())
		}
	}
}

// pass publishes without a stream. The server has the messages when it answers
// the ping behind them. A nil message has its verdict already.
func (s *sink) pass(ctx context.Context, messages []*nats.Msg, verdicts []event.Verdict) {
	s.core.Lock()
	defer s.core.Unlock()
	ctx, cancel := context.WithTimeout(ctx, ackTimeout) // the flush insists on a deadline
	defer cancel()
	err := s.passAll(ctx, messages, verdicts)
	if err == nil {
		return
	}
	refused := errors.Is(err, nats.ErrPermissionViolation)
	for i, m := range messages {
		if m == nil || verdicts[i].Err != nil {
			continue
		}
		if refused {
			// Some subject is not allowed. Which one shows only when each goes
			// alone; that sends the others a second time.
			err = s.passAll(ctx, messages[i:i+1], verdicts[i:i+1])
		}
		if err != nil {
			verdicts[i].Err = s.failed(ctx, m, err)
		}
	}
}

// passAll publishes and waits for the server. Its error is that of all messages without a verdict.
func (s *sink) passAll(ctx context.Context, messages []*nats.Msg, verdicts []event.Verdict) error {
	before := s.conn.LastError()
	for i, m := range messages {
		if m == nil {
			continue
		}
		if err := s.conn.PublishMsg(m); err != nil {
			verdicts[i].Err = s.failed(ctx, m, err)
		}
	}
	if err := s.conn.FlushWithContext(ctx); err != nil {
		return err
	}
	// The server refuses by an error of the connection, ahead of its answer to the ping.
	// A new one is another value, even where it says the same.
	if after := s.conn.LastError(); after != before && errors.Is(after, nats.ErrPermissionViolation) { //nolint:errorlint // identity is meant
		return after
	}
	return nil
}

// message is the delivery as a CloudEvent in the binary mode of the NATS
// protocol binding 1.0.2, section 3.1. Its errors are the event's, for good.
func (s *sink) message(d *event.Delivery) (*nats.Msg, error) {
	e := d.Event
	subject, err := s.subject.Render(e, d.Results)
	if err != nil {
		return nil, fmt.Errorf("subject: %w", err)
	}
	if err := checkSubject(subject); err != nil {
		return nil, err
	}
	body, err := e.Body.Raw()
	if err != nil {
		return nil, fmt.Errorf("the event's body: %w", err)
	}
	m := &nats.Msg{Subject: subject, Data: body, Header: nats.Header{
		jetstream.MsgIDHeader: {d.ID},
		"ce-specversion":      {"1.0"},
		"ce-id":               {event.HeaderValue(e.ID)},
		"ce-source":           {event.HeaderValue(e.Source)},
		"ce-type":             {event.HeaderValue(eventType(e))},
		"ce-time":             {e.Time.UTC().Format(time.RFC3339Nano)},
		"content-type":        {e.ContentType()},
	}}
	if e.Replay != "" {
		m.Header["Trotline-Replay"] = []string{event.HeaderValue(e.Replay)}
	}
	for name, value := range s.headers {
		text, err := value.Render(e, d.Results)
		if err != nil {
			return nil, fmt.Errorf("the header %s: %w", name, err)
		}
		if !event.ValidHeaderValue(text) {
			return nil, fmt.Errorf("the header %s: %w", name, errControl)
		}
		m.Header[name] = []string{text}
	}
	return m, nil
}

// eventType is the event's type, or a word where its sender has none: a
// CloudEvent must have one.
func eventType(e *event.Event) string {
	if e.Type == "" {
		return "webhook"
	}
	return e.Type
}
