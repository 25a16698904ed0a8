package bus

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// clock tells when the wall clock was set back. The embedded server notes by it
// when a message comes again that waits for a retry, or that a crash has left in
// hand: such a message would wait longer by as much. While the process runs the
// monotonic clock tells, between two runs the time that was written down last.
type clock struct {
	looked  time.Time // when it was looked at
	written time.Time // what is written down

	// While the clock was set back, until the lower time is written down:
	back   bool
	told   map[string]bool // the sinks whose waits the server was told of
	nextAt time.Time       // when it goes on
}

const (
	clockName = "clock"
	// clockMark stands in the file from when a set-back is seen until the disk has what
	// the server was told of it. Messages handed out under the lower clock bear times
	// that lie far back once the clock is right. By as much the server then puts off
	// all others that are due (nats-server 2.15.2, consumer.go: checkPending). Normally
	// those are handed out at once; after a crash they would wait it out.
	clockMark = "set back"
	// clockPeriod is how often the clock is looked at.
	clockPeriod = 100 * time.Millisecond
	// clockAge is how old what is written down may be.
	clockAge = time.Second
	// clockStep is what counts as setting the clock. For less than AckWait, a wait that is longer by as much is the lesser harm.
	clockStep = defaultAckWait
	// clockSettles is when the server has surely written down what it was told.
	clockSettles = 2 * time.Second
)

// step is how much the wall clock was set since it was looked at; negative is back.
func (c *clock) step(now time.Time) time.Duration {
	return now.Round(0).Sub(c.looked.Round(0)) - now.Sub(c.looked)
}

// recallClock compares the clock with what the last run has written down.
func (b *Bus) recallClock(ctx context.Context) {
	c := &b.clock
	c.looked = time.Now()
	text, err := os.ReadFile(b.clockPath())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	written, mark, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if err == nil {
		c.written, err = time.Parse(time.RFC3339Nano, written)
	}
	switch {
	case err != nil: // a power cut can leave an empty file
		b.setBack("the time when the store was used last cannot be read", "error", err)
	case c.looked.Before(c.written.Add(-clockStep)):
		b.setBack("the clock was set back", "by", c.written.Sub(c.looked).Round(time.Second))
	case mark == clockMark:
		b.setBack("the clock was set back, and the last run ended before that was dealt with")
	}
	b.watchClock(ctx)
}

// setBack says that the clock was set back, or may have been, and has that on the
// disk before the server is told.
func (b *Bus) setBack(why string, args ...any) {
	b.log.Warn(why+"; what waits for a retry is attempted within seconds", args...)
	c := &b.clock
	c.back, c.told, c.nextAt = true, make(map[string]bool), c.looked
	if c.written.IsZero() {
		c.written = c.looked.Round(0)
	}
	b.writeClock(c.written, true)
}

// watchClock writes the time down. When the clock was set back the server is told
// first, so that a crash in between forgets nothing.
func (b *Bus) watchClock(ctx context.Context) {
	c, now := &b.clock, time.Now()
	step := c.step(now)
	c.looked = now
	if step <= -clockStep {
		b.setBack("the clock was set back", "by", (-step).Round(time.Second))
	}
	if c.back && !now.Before(c.nextAt) {
		b.dealWithSetBack(ctx, now)
	}
	since, ahead := now.Round(0).Sub(c.written), step >= clockStep
	if ahead && since > 0 || !c.back && since >= clockAge {
		b.writeClock(now, ahead)
	}
}

// dealWithSetBack tells the server, and once that is on the disk writes the lower time down.
func (b *Bus) dealWithSetBack(ctx context.Context, now time.Time) {
	c := &b.clock
	fresh, err := b.waitFromNow(ctx)
	c.nextAt = now.Add(clockSettles)
	if err == nil && !fresh {
		if err = b.Barrier(ctx); err == nil {
			c.back = false
			b.writeClock(now, true)
		}
	}
	if err != nil && ctx.Err() == nil {
		b.log.Warn("what waits for a retry may wait longer by as much as the clock was set back; trying again", "error", err)
	}
}

// waitFromNow has what waits for a retry, or was left in hand, wait for no longer
// than AckWait, as if somebody had just begun to work on it. Each sink is told
// once, or its waits would never end. fresh says that any was told now.
func (b *Bus) waitFromNow(ctx context.Context) (fresh bool, err error) {
	sinks, err := b.consumerNames(ctx, b.names.work(), sinkConsumer)
	for sink := range sinks {
		if b.clock.told[sink] {
			continue
		}
		fault := b.queueWaitsFromNow(ctx, sinkConsumer+sink)
		if fault == nil {
			b.clock.told[sink], fresh = true, true
		}
		err = errors.Join(err, fault)
	}
	return fresh, err
}

// queueWaitsFromNow tells the server that everything it has handed out is in
// progress. It leaves alone what it does not wait for.
func (b *Bus) queueWaitsFromNow(ctx context.Context, consumer string) error {
	info, err := b.consumerInfo(ctx, b.names.work(), consumer)
	if err != nil || info.NumAckPending == 0 {
		return err
	}
	for _, subject := range filters(info.Config) {
		var fault error
		err = b.scan(ctx, b.names.work(), query{Sequence: info.AckFloor.Stream + 1, Subject: subject}, func(m *found) bool {
			if m.sequence > info.Delivered.Stream {
				return false
			}
			fault = b.asking.Publish(makeReply(b.names.work(), consumer, m.sequence), []byte(inProgress))
			return fault == nil
		})
		if err = errors.Join(err, fault); err != nil {
			return err
		}
	}
	// It takes what it is told one by one: an answer says that it has taken all.
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	_, err = b.asking.RequestWithContext(ctx, makeReply(b.names.work(), consumer, noSequence), []byte(inProgress))
	return err
}

// writeClock writes the time down, and has that on the disk at once when the clock was set.
func (b *Bus) writeClock(now time.Time, set bool) {
	text, write := now.UTC().Format(time.RFC3339Nano)+"\n", writeWhole
	if b.clock.back {
		text += clockMark + "\n"
	}
	if set {
		write = writeDurable
	}
	if err := write(b.clockPath(), []byte(text)); err != nil && !b.diskLow.Load() {
		b.log.Warn("the time cannot be written down; when the clock is or was set back, what waits for a retry may wait longer by as much after the next start", "error", err)
	}
	b.clock.written = now.Round(0)
}

func (b *Bus) clockPath() string { return filepath.Join(b.folder.dir, clockName) }
