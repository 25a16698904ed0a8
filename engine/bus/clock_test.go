package bus

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What waits for a retry does so across a restart, but not until a time that the
// clock showed before it was set back.
func TestWhatWaitsWhenTheClockWasSetBack(t *testing.T) {
	for name, c := range map[string]struct {
		written func() string // what the last run has written down; nil: left as it is
		waits   bool
	}{
		"it was not":                              {nil, true},
		"it was set ahead":                        {func() string { return time.Now().Add(-9 * time.Hour).Format(time.RFC3339Nano) }, true},
		"it was set back":                         {func() string { return time.Now().Add(9 * time.Hour).Format(time.RFC3339Nano) }, false},
		"a power cut has emptied that":            {func() string { return "" }, false},
		"a crash came before that was dealt with": {func() string { return time.Now().Format(time.RFC3339Nano) + "\n" + clockMark }, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b, err := tryOpen(t, dir)
			if err != nil {
				t.Fatal(err)
			}
			queued(t, b, 1)[0].Nak(time.Hour)
			eventually(t, "the time is written down", func() bool { return exists(b.clockPath()) })
			shut(t, b)
			if c.written != nil {
				if err := os.WriteFile(filepath.Join(dir, clockName), []byte(c.written()+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			queue := workQueue(t, open(t, dir))
			if c.waits {
				none(t, queue)
				return
			}
			take(t, queue, 1)[0].Ack()
			isGone(t, queue)
		})
	}
}

// That the clock was set back is written down at once, and for as long as the
// server may not know of it.
func TestASetBackIsWrittenDown(t *testing.T) {
	dir := t.TempDir()
	b := quiet(open(t, dir))
	queued(t, b, 1)
	marked := func(b *Bus) bool {
		text, err := os.ReadFile(b.clockPath())
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), clockMark)
	}
	b.setBack("the clock was set back")
	if !marked(b) {
		t.Error("it is not written down at once")
	}
	b.writeClock(time.Now(), true) // set ahead again
	b = quiet(open(t, killed(t, dir)))
	if !b.clock.back || !marked(b) {
		t.Error("after a crash it is forgotten")
	}
	b.clock.nextAt = time.Time{}
	b.watchClock(soon(t))
	if b.clock.back || marked(b) {
		t.Error("it is not over after the server was told")
	}
}

// When the clock is set back while it runs, what waits comes soon, what is in hand
// stays so, and what is done with does too.
func TestWaitFromNow(t *testing.T) {
	b := open(t, t.TempDir())
	messages := queued(t, b, 3)
	done, inHand, waiting := messages[0], messages[1], messages[2]
	waiting.Nak(time.Hour)
	done.Ack()
	queue := workQueue(t, b)
	none(t, queue)
	b.clock.told = make(map[string]bool)
	if fresh, err := b.waitFromNow(soon(t)); err != nil || !fresh {
		t.Fatalf("told %v, error %v", fresh, err)
	}
	again := take(t, queue, 1)[0]
	if again.Sequence() != waiting.Sequence() {
		t.Errorf("sequence %d was handed out again, want %d", again.Sequence(), waiting.Sequence())
	}
	none(t, queue)
	inHand.Ack()
	again.Ack()
	isGone(t, queue)
}

// workQueue is the consumer of a sink.
func workQueue(t *testing.T, b *Bus) *Consumer {
	t.Helper()
	c, err := b.WorkConsumer(soon(t), "crm", WorkConsumerOptions{AckWait: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// queued hands deliveries over to a sink and takes them in hand.
func queued(t *testing.T, b *Bus, n int) []*Message {
	t.Helper()
	queue := workQueue(t, b)
	for i := range n {
		if _, err := b.Hand(&Work{Event: order(i), Generation: 1, Sink: "crm", Pipeline: "orders", Route: "all"}).Wait(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	return take(t, queue, n)
}
