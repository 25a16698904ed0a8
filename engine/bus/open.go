package bus

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/internal/planted"
)

// Open starts the embedded server, or connects to the one elsewhere, and makes
// the streams ready. The data folder is taken for this process: a second
// engine on it is refused, and so is a folder a later release has written.
func Open(ctx context.Context, o Options) (_ *Bus, err error) {
	o = o.withDefaults()
	n, err := newNames(o.Prefix)
	if err != nil {
		return nil, err
	}
	if o.MaxPayload+(64<<10) > largestMessage {
		return nil, fmt.Errorf("max_body is %s; JetStream keeps no message of more than %s", event.Size(o.MaxPayload), event.Size(largestMessage))
	}
	b := &Bus{options: o, names: n, log: o.Log, space: diskSpace, wake: make(chan struct{}, 1), lookNow: make(chan struct{}, 1), idsDue: make(chan struct{}, 1)}
	b.running, b.stop = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close(context.WithoutCancel(ctx)))
		}
	}()
	if o.Dir != "" {
		err = b.openEmbedded()
	} else {
		b.maxDisk = int64(o.MaxDisk)
	}
	if err != nil {
		return nil, err
	}
	b.ids = newIDs(b.options.Dedupe, b.mostIDs(), b.lookAfterIDs, b.unsure)
	if err = b.connect(); err != nil {
		return nil, err
	}
	if err = b.makeStreams(ctx, b.maxDisk); err != nil {
		return nil, err
	}
	if err = b.startPublishing(); err != nil {
		return nil, err
	}
	if b.server == nil {
		if err = b.takeLease(ctx); err != nil {
			return nil, err
		}
	}
	firsts, err := b.savedFirsts(ctx)
	if err != nil {
		return nil, err
	}
	if err = b.recallHandOvers(ctx, firsts); err != nil {
		return nil, err
	}
	if err = b.removeAgain(ctx, firsts); err != nil {
		return nil, err
	}
	if err = b.recall(ctx); err != nil {
		return nil, err
	}
	if err = b.recallSegments(ctx); err != nil {
		return nil, err
	}
	if b.journal != nil {
		if err = b.restore(ctx); err != nil {
			return nil, err
		}
	}
	if b.folder != nil {
		if err = b.compareInventory(ctx); err != nil {
			return nil, err
		}
		b.recallClock(ctx)
	}
	if err = b.settleCut(ctx); err != nil {
		return nil, err
	}
	if err = b.recallIDs(ctx); err != nil {
		return nil, err
	}
	if err = b.recallKeys(ctx); err != nil {
		return nil, err
	}
	if err = b.settleEdits(ctx); err != nil {
		return nil, err
	}
	if err = b.rememberHandOvers(ctx); err != nil {
		return nil, err
	}
	b.startKeepers()
	return b, nil
}

// openEmbedded takes the data folder and starts the server.
func (b *Bus) openEmbedded() (err error) {
	if b.folder, err = openFolder(b.options.Dir); err != nil {
		return err
	}
	b.closers = append(b.closers, b.folder.close)
	if b.maxDisk, err = b.budget(); err != nil {
		return err
	}
	flush, closeIt, err := newFlusher(b.folder.dir)
	if err != nil {
		return err
	}
	b.flush = flush
	if closeIt != nil {
		b.closers = append(b.closers, closeIt)
	}
	if err := b.openJournal(); err != nil {
		return err
	}
	b.readInventory()
	b.makeHandOvers()
	if err := b.mendBlocks(); err != nil {
		return err
	}
	if b.server, err = newEmbedded(b.folder.dir, b.maxDisk, &b.options); err != nil {
		return err
	}
	b.closers = append(b.closers, b.settle)
	return nil
}

// openJournal opens the journal if it is wanted, or if an earlier run has left
// one. Where none can be made, on a disk that is nearly full above all, what is
// stored must still get out: then every event waits for the barrier.
func (b *Bus) openJournal() (err error) {
	path := journalPath(b.folder.dir)
	if !canFlush || !b.options.Durable && !exists(path) {
		return nil
	}
	if !exists(path) {
		if err := makeJournal(path, b.maxDisk); err != nil {
			b.log.Warn("no journal can be made; senders wait longer, until the whole store is flushed to the disk", "error", err)
			return nil
		}
	}
	if b.journal, err = openJournal(path); err != nil {
		return err
	}
	b.closers = append(b.closers, b.journal.close)
	return nil
}

// settle stops the server. What it writes then is flushed too, and nothing in
// the journal is needed any more; but of a start that failed it may be.
func (b *Bus) settle() error {
	b.server.stop()
	err := b.flush()
	if err == nil && b.restored && !b.barrier.broken() {
		err = b.journal.clear()
	}
	return err
}

// budget is what the streams may take on the disk.
func (b *Bus) budget() (int64, error) {
	asked := int64(b.options.MaxDisk)
	if asked > 0 && asked < minDisk {
		return 0, fmt.Errorf("nats.embedded.max_disk is %s; it must be %s at least", b.options.MaxDisk, event.Size(minDisk))
	}
	free, _, err := b.space(b.folder.dir)
	if err != nil {
		return 0, fmt.Errorf("cannot look at the disk of %s: %w", b.folder.dir, err)
	}
	// What the streams take already is theirs, or the budget would shrink at each start.
	room := int64(free) + b.folder.used()
	switch {
	case asked == 0:
		return max(min(room/2, defaultDisk), minDisk), nil
	case asked > room:
		b.log.Warn("the disk has less room than max_disk; events will be refused before it is reached",
			"max_disk", b.options.MaxDisk.String(), "room", event.Size(room).String())
	}
	return asked, nil
}

// connect makes the connections.
func (b *Bus) connect() (err error) {
	for _, c := range []struct {
		conn **nats.Conn
		name string
		more []nats.Option
	}{
		// A message that cannot be sent is refused at once, not kept for later.
		{&b.publishing, "publish", []nats.Option{nats.ReconnectBufSize(-1), nats.DisconnectErrHandler(b.disconnected), nats.ReconnectHandler(b.reconnected)}},
		{&b.pulling, "consume", []nats.Option{nats.ReconnectHandler(func(*nats.Conn) { b.consumers.reconnected() })}},
		{&b.asking, "ask", nil},
	} {
		conn, err := b.dial(c.name, c.more)
		if err != nil {
			return err
		}
		*c.conn = conn
		b.closers = append(b.closers, func() error { conn.Close(); return nil })
	}
	if most := b.publishing.MaxPayload(); most < int64(b.options.MaxPayload)+64<<10 {
		return fmt.Errorf("max_body is %s, and the NATS server takes messages of %s; raise its max_payload (64 KiB above max_body at least) or lower max_body",
			event.Size(b.options.MaxPayload), event.Size(most))
	}
	b.js, err = jetstream.New(b.asking, jetstream.WithDefaultTimeout(apiTimeout))
	return err
}

// apiTimeout is how long a question to the server may take where the caller sets no limit.
const apiTimeout = 10 * time.Second

func (b *Bus) dial(name string, more []nats.Option) (*nats.Conn, error) {
	options := []nats.Option{
		nats.Name(b.options.Prefix + " " + name), nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond),
		nats.IgnoreAuthErrorAbort(), nats.ErrorHandler(b.asyncError),
	}
	address := b.options.URL.Reveal()
	if b.server != nil {
		address, options = "", append(options, nats.InProcessServer(b.server))
	} else if err := checkURL(address); err != nil {
		return nil, err
	}
	if b.options.CredentialsFile != "" && b.server == nil {
		options = append(options, nats.UserCredentials(b.options.CredentialsFile))
	}
	conn, err := nats.Connect(address, append(options, more...)...)
	if err != nil {
		return nil, fmt.Errorf("cannot connect to NATS (nats.url): %w", err)
	}
	return conn, nil
}

// checkURL finds what the client would name in its error, password included.
func checkURL(list string) error {
	if list == "" {
		return errors.New("neither a data folder nor nats.url is given")
	}
	for one := range strings.SplitSeq(list, ",") {
		if _, err := url.Parse(strings.TrimSpace(one)); err != nil {
			return errors.New("nats.url is not a URL; write nats://host:4222")
		}
	}
	return nil
}

func (b *Bus) asyncError(_ *nats.Conn, _ *nats.Subscription, err error) {
	b.log.Warn("NATS connection", "error", err)
}

func (b *Bus) disconnected(_ *nats.Conn, err error) {
	if b.publisher == nil || b.health.closing() {
		return
	}
	b.report(causeConnection, errors.New("the NATS server cannot be reached; trying again"))
	b.publisher.disconnected()
}

func (b *Bus) reconnected(*nats.Conn) { b.report(causeConnection, nil) }

// startPublishing starts the barrier and the publisher, and makes what was
// created so far durable: the streams themselves, above all.
func (b *Bus) startPublishing() (err error) {
	b.publisher, err = newPublisher(b.publishing, func() { b.suspected.Store(true) }, b.makeRoom)
	if err != nil {
		return err
	}
	b.publisher.once = b.server == nil
	if b.server != nil {
		b.publisher.convoy(b.names.prefix+".events.", b.names.cutSubject())
		b.publisher.convoy(b.names.prefix+".work.", b.names.prefix+".lane.")
	}
	if b.server == nil || !b.options.Durable || !canFlush || planted.NoBarrier {
		return nil
	}
	if err := b.flush(); err != nil {
		return fmt.Errorf("the disk of the data folder %s does not keep what is written: %w", b.folder.dir, err)
	}
	broken := func(err error) { b.report(causeBarrier, err) }
	b.barrier = newBarrier(b.flushStreams, b.publisher.waiting, broken)
	b.publisher.barrier = b.barrier
	if b.journal != nil {
		b.journal.barrier = func() error { return b.Barrier(context.Background()) }
		b.publisher.entries = newBarrier(b.journal.write, nil, broken) // a round is cheap, and somebody waits for it
		b.publisher.journal = b.journal
	}
	return nil
}

// flushStreams makes everything in the data folder durable.
func (b *Bus) flushStreams([]*Pending) error {
	if b.journal == nil {
		return b.flush()
	}
	stored := b.journal.stored.Load()
	if err := b.flush(); err != nil {
		return err
	}
	b.journal.durable.Store(stored)
	return nil
}
