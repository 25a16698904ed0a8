package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// stream is a stream's handle, made once.
func (b *Bus) stream(name string) (jetstream.Stream, error) {
	if s := b.streams[name]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("there is no stream %s", name)
}

// state is how a stream stands now.
func (b *Bus) state(ctx context.Context, name string) (*jetstream.StreamInfo, error) {
	s, err := b.js.Stream(ctx, name) // a handle of our own: Info would write into the shared one
	if err != nil {
		return nil, fmt.Errorf("cannot look at the stream %s: %w", name, err)
	}
	return s.CachedInfo(), nil
}

// subjects are the subjects a stream has messages of, with their number.
func (b *Bus) subjects(ctx context.Context, name, filter string) (map[string]uint64, error) {
	s, err := b.js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("cannot look at the stream %s: %w", name, err)
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, fmt.Errorf("cannot look at the stream %s: %w", name, err)
	}
	return info.State.Subjects, nil
}

func (b *Bus) purge(ctx context.Context, name string, o ...jetstream.StreamPurgeOpt) error {
	s, err := b.stream(name)
	if err != nil {
		return err
	}
	return s.Purge(ctx, o...)
}

func lastToken(subject string) string { return subject[strings.LastIndexByte(subject, '.')+1:] }

// query asks a stream for messages in the order they were stored in, by the
// direct get of JetStream (ADR-31), which needs no consumer. The client library
// has no call for it.
type query struct {
	Sequence  uint64     `json:"seq,omitempty"` // from here on
	Subject   string     `json:"next_by_subj,omitempty"`
	StartTime *time.Time `json:"start_time,omitempty"` // instead of Sequence: stored at this time or later
	Batch     int        `json:"batch,omitempty"`
	MaxBytes  int        `json:"max_bytes,omitempty"`
}

// found is a message of a stream.
type found struct {
	header   nats.Header
	data     []byte
	sequence uint64
	time     time.Time
}

// scanBatch and scanBytes bound what a scan has in memory at once. The pages
// are large because the server counts for each one what is behind it, for which
// it may read whole files.
const (
	scanBatch = 1024
	scanBytes = 2 << 20
)

// scan yields the messages a query finds, all of them, until yield says no.
func (b *Bus) scan(ctx context.Context, stream string, q query, yield func(*found) bool) error {
	if q.Batch == 0 {
		q.Batch, q.MaxBytes = scanBatch, scanBytes
	}
	for {
		page, err := b.patiently(ctx, stream, q)
		if err != nil {
			return fmt.Errorf("cannot read the stream %s: %w", stream, err)
		}
		for _, m := range page {
			if !yield(m) {
				return nil
			}
			q.Sequence, q.StartTime = m.sequence+1, nil
		}
		if len(page) == 0 { // how much is left, as the server counts it, is not asked: after a crash it may be wrong
			return nil
		}
	}
}

// first is the first message of a subject (wildcards allowed) from a sequence on; false if there is none.
func (b *Bus) first(ctx context.Context, stream string, from uint64, subject string) (*found, bool, error) {
	var first *found
	err := b.scan(ctx, stream, query{Sequence: max(from, 1), Subject: subject, Batch: 1}, func(m *found) bool {
		first = m
		return false
	})
	return first, first != nil, err
}

// pageTries is how often a page is asked for that does not come in time.
const pageTries = 2

// patiently asks again where there is no answer in time: who reads thousands of
// pages should not fail at the one for which the machine was busy, or asleep.
func (b *Bus) patiently(ctx context.Context, stream string, q query) (page []*found, err error) {
	for range pageTries {
		page, err = b.page(ctx, stream, q)
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			break
		}
	}
	return page, err
}

// page asks once. It is empty when there is nothing more.
func (b *Bus) page(ctx context.Context, stream string, q query) (page []*found, err error) {
	request, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	inbox := b.asking.NewInbox()
	sub, err := b.asking.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sub.Unsubscribe()) }()
	if err := b.asking.PublishRequest("$JS.API.DIRECT.GET."+stream, inbox, request); err != nil {
		return nil, err
	}
	for {
		m, err := next(ctx, sub)
		if err != nil {
			return nil, err
		}
		switch status := m.Header.Get("Status"); status {
		case "":
		case "204": // the end of the page
			return page, nil
		case "404":
			return page, nil
		default:
			return nil, fmt.Errorf("the server answered %s %s", status, m.Header.Get("Description"))
		}
		f, err := newFound(m)
		if err != nil {
			return nil, err
		}
		page = append(page, f)
	}
}

// next waits for one message of a page; a busy machine may take its time for the whole.
func next(ctx context.Context, sub *nats.Subscription) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	return sub.NextMsgWithContext(ctx)
}

func newFound(m *nats.Msg) (*found, error) {
	sequence, err := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the answer has no sequence: %w", err)
	}
	stored, err := time.Parse(time.RFC3339Nano, m.Header.Get(jetstream.TimeStampHeaer))
	if err != nil {
		return nil, fmt.Errorf("the answer has no time: %w", err)
	}
	return &found{header: m.Header, data: m.Data, sequence: sequence, time: stored.UTC()}, nil
}
