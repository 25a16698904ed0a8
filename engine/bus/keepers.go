package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// How often the keepers look.
const (
	watchPeriod = time.Second
	trimPeriod  = time.Second
	// savePeriod bounds what a kill -9 has handled again: the server writes down
	// only ten times a second how far a consumer is, and what was handed over and
	// delivered since then would be handed over once more.
	savePeriod = 25 * time.Millisecond
)

// startKeepers starts what goes on in the background until the bus is closed.
func (b *Bus) startKeepers() {
	b.every(watchPeriod, b.lookNow, b.watch)
	b.every(trimPeriod, b.wake, b.trim)
	b.every(savePeriod, nil, b.save)
	b.every(idsPeriod, b.idsDue, b.keepIDs)
	b.every(firstsPeriod, nil, b.keepFirsts)
	if b.folder != nil {
		b.every(handOverLook, nil, b.keepHandOvers)
		b.every(inventoryPeriod, nil, b.takeInventory)
		b.every(clockPeriod, nil, b.watchClock)
	}
}

// keep runs a function in the background. Its ctx ends when the bus is closed.
func (b *Bus) keep(run func(ctx context.Context)) {
	b.keepers.Go(func() { run(b.running) })
}

// every runs a function each period, and at once when something comes from now.
func (b *Bus) every(period time.Duration, now <-chan struct{}, run func(ctx context.Context)) {
	b.keep(func(ctx context.Context) {
		tick := time.NewTicker(period)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-now:
			}
			run(ctx)
		}
	})
}

// watch gives up what was not answered and looks after the disk and the server.
func (b *Bus) watch(context.Context) {
	if b.server == nil {
		b.suspected.Store(false) // a cluster mends itself: try again
		b.publisher.expire(time.Now())
		return
	}
	b.publisher.expire(time.Now())
	b.checkDisk()
	if b.suspected.Load() && time.Since(b.mendedAt) >= mendPeriod {
		b.mendedAt = time.Now()
		b.mend()
	}
}

// mendPeriod is how often a server that does not answer is looked after.
const mendPeriod = 10 * time.Second

// mend looks at the streams after messages were not answered in time. A write
// that failed, because the disk was full, freezes a stream for good; so the
// server is started again once there is room. Nothing is lost by that: what was
// confirmed was written before.
func (b *Bus) mend() {
	err := b.server.health()
	if err != nil && !b.diskLow.Load() {
		b.report(causeFrozen, err)
		b.log.Warn("the embedded NATS server is started again", "reason", err)
		b.server.stop()
		if err = b.server.start(); err == nil {
			err = b.server.health()
		}
	}
	if err != nil {
		b.report(causeFrozen, err)
		return
	}
	b.suspected.Store(false)
	b.report(causeFrozen, nil)
}

// save stores the checkpoint.
func (b *Bus) save(ctx context.Context) {
	err := b.look(ctx)
	if err == nil {
		err = b.saveLedger(ctx)
	}
	if err != nil && ctx.Err() == nil {
		b.log.Warn("the checkpoint is not up to date; events may be handled again after a crash", "error", err)
	}
}

// makeRoom has the events stream trimmed now.
func (b *Bus) makeRoom() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// trim removes events that every pipeline has handled and that are older than
// they are kept; younger ones too when the stream is getting full. What a
// pipeline has not handled is never removed, however old it is.
func (b *Bus) trim(ctx context.Context) {
	if err := b.trimEvents(ctx); err != nil && ctx.Err() == nil {
		b.log.Warn("handled events could not be removed; trying again", "error", err)
	}
}

// A stream is trimmed when it is fuller than trimAbove, down to trimTo, in hundredths.
const (
	trimAbove = 80
	trimTo    = 70
)

func (b *Bus) trimEvents(ctx context.Context) error {
	before, err := b.state(ctx, b.names.events())
	if err != nil {
		return err
	}
	state := &before.State
	old := time.Now().Add(-b.options.EventsAge)
	aged := time.Since(b.agedAt) >= agePeriod && state.FirstTime.Before(old)
	tight := b.diskTight.Load()
	if state.Msgs == 0 || !aged && !tight && !full(before) {
		return nil
	}
	// The state was taken first: what a consumer has not waiting now, of what
	// there was then, is handled.
	handled, err := b.handled(ctx, state.LastSeq)
	if err != nil {
		return err
	}
	var below uint64
	if aged {
		b.agedAt = time.Now()
		if below, err = b.sequenceAt(ctx, old, handled+1); err != nil {
			return err
		}
	}
	if full(before) {
		below = max(below, crowded(before))
	}
	if tight { // whatever takes the room, what is handled goes before an event is refused
		below = max(below, state.FirstSeq+state.Msgs/tightShare+1)
	}
	if below = min(below, handled+1); below <= state.FirstSeq {
		return nil
	}
	if below, err = b.writtenBelow(ctx, below, state.LastSeq); err != nil || below <= state.FirstSeq {
		return err
	}
	b.willTrim(below)
	return b.purge(ctx, b.names.events(), jetstream.WithPurgeSequence(below))
}

// tightShare is the part of the events that goes in each round while the disk is tight.
const tightShare = 4

// agePeriod is how often the age of events is looked at.
const agePeriod = 10 * time.Second

func full(i *jetstream.StreamInfo) bool {
	limit := i.Config.MaxBytes
	return limit > 0 && i.State.Bytes > uint64(limit)/100*trimAbove
}

// crowded is the sequence below which events have to go to make room, by their average size.
func crowded(i *jetstream.StreamInfo) uint64 {
	excess := i.State.Bytes - uint64(i.Config.MaxBytes)/100*trimTo
	return i.State.FirstSeq + excess/max(i.State.Bytes/i.State.Msgs, 1) + 1
}

// handled is the sequence up to which every pipeline has handled the events,
// of those up to last. A pipeline whose consumer is not there, but in the
// checkpoint, counts as far as the checkpoint says.
func (b *Bus) handled(ctx context.Context, last uint64) (uint64, error) {
	names, err := b.consumerNames(ctx, b.names.events(), pipelineConsumer)
	if err != nil {
		return 0, err
	}
	handled := last
	for pipeline, floor := range b.ledger.all() {
		if !names[pipeline] {
			handled = min(handled, floor)
		}
	}
	for pipeline := range names {
		info, err := b.consumerInfo(ctx, b.names.events(), pipelineConsumer+pipeline)
		if err != nil {
			return 0, err
		}
		through, err := b.unread(ctx, info, reached(info, last))
		if err != nil {
			return 0, err
		}
		handled = min(handled, through)
	}
	return handled, nil
}

// unread lowers a sequence to before the first event that a consumer was not
// given. The server counts those by what comes and goes, and may count too few
// (nats-server, server/consumer.go: checkNumPending); what is removed is gone.
func (b *Bus) unread(ctx context.Context, i *jetstream.ConsumerInfo, through uint64) (uint64, error) {
	if through <= i.Delivered.Stream {
		return through, nil
	}
	for _, subject := range filters(i.Config) {
		m, ok, err := b.first(ctx, i.Stream, i.Delivered.Stream+1, subject)
		if err != nil {
			return 0, err
		}
		if ok {
			through = min(through, m.sequence-1)
		}
	}
	return through, nil
}

// reached is the sequence up to which a consumer is through. The server's own
// floor moves only with what the consumer is given: one whose sources are quiet
// would hold everything back.
func reached(i *jetstream.ConsumerInfo, last uint64) uint64 {
	switch {
	case i.NumAckPending > 0:
		return i.AckFloor.Stream
	case i.NumPending > 0:
		return max(i.AckFloor.Stream, i.Delivered.Stream)
	}
	return last
}

// sleep waits; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
