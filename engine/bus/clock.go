package bus

import (
	"context"
	"errors"
	"fmt"
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
	untold  bool      // it was set back, and the server was not told yet
	told    time.Time // when it was; zero: its time is written down
}

const (
	clockName = "clock"
	// clockPeriod is how often the clock is looked at.
	clockPeriod = 100 * time.Millisecond
	// clockAge is how old what is written down may be.
	clockAge = time.Second
	// clockStep is what a clock is set by at least; it runs a little fast or slow at all times.
	clockStep = time.Second
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
	if err == nil {
		c.written, err = time.Parse(time.RFC3339Nano, strings.TrimSpace(string(text)))
	}
	switch {
	case err != nil: // a power cut can leave an empty file
		b.waitNoLonger("when the store was used last is not known")
	case c.looked.Before(c.written.Add(-clockStep)):
		b.waitNoLonger(clockSetBack)
	}
	b.watchClock(ctx)
}

const clockSetBack = "the clock was set back"

// waitNoLonger notes that the server is to be told.
func (b *Bus) waitNoLonger(why string) {
	b.log.Warn(why + "; what waits for a retry is attempted within seconds")
	b.clock.untold = true
}

// watchClock writes the time down. When the clock was set back the server is told
// first, so that a crash in between forgets nothing.
func (b *Bus) watchClock(ctx context.Context) {
	c, now := &b.clock, time.Now()
	step := c.step(now)
	c.looked = now
	if step < -clockStep {
		b.waitNoLonger(clockSetBack)
	}
	if c.untold {
		if err := b.waitFromNow(ctx); err != nil {
			if ctx.Err() == nil {
				b.log.Warn("what waits for a retry may wait longer, as the clock was set back; trying again", "error", err)
			}
			return
		}
		c.untold, c.told = false, now
	}
	settling, ahead := !c.told.IsZero(), step > clockStep
	switch {
	case settling && now.Sub(c.told) >= clockSettles:
		c.told = time.Time{}
		b.writeClock(now, true)
	case !settling && (ahead || now.Sub(c.written) >= clockAge):
		b.writeClock(now, ahead)
	}
}

// waitFromNow has what waits for a retry, or was left in hand, wait for no longer
// than AckWait, as if somebody had just begun to work on it.
func (b *Bus) waitFromNow(ctx context.Context) error {
	sinks, err := b.consumerNames(ctx, b.names.work(), sinkConsumer)
	for sink := range sinks {
		err = errors.Join(err, b.queueWaitsFromNow(ctx, sinkConsumer+sink))
	}
	return err
}

// queueWaitsFromNow tells the server that everything it has handed out is in
// progress. It leaves alone what it does not wait for.
func (b *Bus) queueWaitsFromNow(ctx context.Context, consumer string) error {
	info, err := b.consumerInfo(ctx, b.names.work(), consumer)
	if err != nil || info.NumAckPending == 0 {
		return err
	}
	subject := func(sequence uint64) string {
		return fmt.Sprintf("$JS.ACK.%s.%s.1.%d.1.0.0", b.names.work(), consumer, sequence)
	}
	for _, filter := range filters(info.Config) {
		var fault error
		err = b.scan(ctx, b.names.work(), query{Sequence: info.AckFloor.Stream + 1, Subject: filter}, func(m *found) bool {
			if m.sequence > info.Delivered.Stream {
				return false
			}
			fault = b.asking.Publish(subject(m.sequence), []byte(inProgress))
			return fault == nil
		})
		if err = errors.Join(err, fault); err != nil {
			return err
		}
	}
	// It takes what it is told one by one: an answer says that it has taken all.
	_, err = b.asking.RequestWithContext(ctx, subject(noSequence), []byte(inProgress))
	return err
}

// writeClock writes the time down, through a power cut too when the clock was set.
func (b *Bus) writeClock(now time.Time, set bool) {
	text, write := []byte(now.UTC().Format(time.RFC3339Nano)+"\n"), writeWhole
	if set {
		write = writeDurable
	}
	if err := write(b.clockPath(), text); err != nil && !b.diskLow.Load() {
		b.log.Warn("the time cannot be written down; should the clock be set back before the next start, what waits for a retry may wait longer by as much", "error", err)
	}
	b.clock.written = now
}

func (b *Bus) clockPath() string { return filepath.Join(b.folder.dir, clockName) }
