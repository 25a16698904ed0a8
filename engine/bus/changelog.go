package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The changelog of a pipeline is what its stateful steps have decided and noted,
// in order: a subject of the state stream. What stands in it replaces the
// memory of the process after a crash.

// Page is a part of a changelog that is written at once.
type Page struct {
	Sequence uint64
	Data     []byte
}

// maxPage is how many bytes a page may hold: every NATS server takes a megabyte.
const maxPage = 512 << 10

// WriteChanges appends to a pipeline's changelog and returns when it is durable. It is
// read back whole or not at all. number is to be another one at each call of an
// engine's life; writing again under the same number, after an error, writes once.
func (b *Bus) WriteChanges(ctx context.Context, pipeline, number string, data []byte) (Page, error) {
	count := max((len(data)+maxPage-1)/maxPage, 1)
	pending := make([]*Pending, count)
	for i := range count {
		chunk := data[min(i*maxPage, len(data)):min((i+1)*maxPage, len(data))]
		place := strings.Join([]string{number, strconv.Itoa(i), strconv.Itoa(count)}, "/")
		header := nats.Header{}
		header.Set(nats.MsgIdHdr, token(pipeline)+"/"+place)
		pending[i] = b.hand(b.names.state(), &nats.Msg{Subject: b.names.changesSubject(pipeline), Header: header, Data: chunk})
	}
	page := Page{Data: data}
	for i, p := range pending {
		ack, err := p.Wait(ctx)
		if err != nil {
			return Page{}, fmt.Errorf("cannot write what pipeline %s remembers: %w", pipeline, err)
		}
		if i == 0 {
			page.Sequence = ack.Sequence
		}
	}
	return page, nil
}

// Changes yields the pages of a pipeline's changelog in the order they were
// written in. One of which a part is missing was never finished and is left out.
func (b *Bus) Changes(ctx context.Context, pipeline string, yield func(Page) error) error {
	var fault error
	var p parts
	err := b.scan(ctx, b.names.state(), query{Subject: b.names.changesSubject(pipeline)}, func(m *found) bool {
		if fault = p.add(m); fault == nil && p.missing == 0 {
			page := Page{Sequence: p.first, Data: bytes.Join(p.data, nil)}
			p = parts{}
			fault = yield(page)
		}
		return fault == nil
	})
	return errors.Join(err, fault)
}

// parts are those of one page, as far as they are read. After an error they may
// have been stored in any order, but never beside those of another page.
type parts struct {
	page    string
	first   uint64 // where the first one stands
	data    [][]byte
	missing int
}

func (p *parts) add(m *found) error {
	page, place, count, err := partPlace(m.header.Get(nats.MsgIdHdr))
	if err != nil {
		return fmt.Errorf("message %d of the state stream: %w", m.sequence, err)
	}
	if page != p.page {
		*p = parts{page: page, first: m.sequence, data: make([][]byte, count), missing: count}
	}
	if place < len(p.data) && p.data[place] == nil {
		p.data[place] = m.data
		p.missing--
	}
	return nil
}

// partPlace reads the id of a message of a changelog: <pipeline>/<number>/<place>/<count>.
func partPlace(id string) (page string, place, count int, err error) {
	f := strings.Split(id, "/")
	if len(f) != 4 {
		return "", 0, 0, errNotOurs
	}
	place, err = strconv.Atoi(f[2])
	if err == nil {
		count, err = strconv.Atoi(f[3])
	}
	if err != nil || place < 0 || count < 1 || place >= count {
		return "", 0, 0, errNotOurs
	}
	return f[1], place, count, nil
}

// ForgetChanges removes the pages of a changelog before a sequence; 0 removes all.
func (b *Bus) ForgetChanges(ctx context.Context, pipeline string, before uint64) error {
	o := []jetstream.StreamPurgeOpt{jetstream.WithPurgeSubject(b.names.changesSubject(pipeline))}
	if before > 0 {
		o = append(o, jetstream.WithPurgeSequence(before))
	}
	return b.purge(ctx, b.names.state(), o...)
}

// Settled is the sequence up to which a pipeline's events are handled for good:
// none of them is ever handed out again, whatever happens.
func (b *Bus) Settled(pipeline string) uint64 { return b.ledger.settledAt(pipeline) }
