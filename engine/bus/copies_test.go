package bus

import (
	"testing"
	"time"
)

// shortWait is the consumer of a queue with one delivery, for which the server
// does not wait long.
func shortWait(t *testing.T) *Consumer {
	t.Helper()
	b := open(t, t.TempDir())
	c, err := b.WorkConsumer(soon(t), "crm", WorkConsumerOptions{AckWait: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Hand(&Work{Event: order(1), Generation: 1, Sink: "crm", Pipeline: "orders", Route: "all"}).Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	return c
}

func isGone(t *testing.T, c *Consumer) {
	t.Helper()
	eventually(t, "it is gone", func() bool {
		info, err := c.Info(soon(t))
		return err == nil && info.Pending+info.AckPending == 0
	})
}

// A delivery that is in hand for longer than the server waits is not handed out a
// second time; one that was given back is.
func TestWhatIsInHandIsNotHandedOutAgain(t *testing.T) {
	c := shortWait(t)
	first := take(t, c, 1)[0]
	none(t, c)
	first.Nak(0)
	again := take(t, c, 1)[0]
	if again.Sequence() != first.Sequence() || again.Delivered() < 3 {
		t.Errorf("sequence %d the %d. time, want %d the third at least: a copy was to come meanwhile", again.Sequence(), again.Delivered(), first.Sequence())
	}
	none(t, c)
	again.Ack()
	isGone(t, c)
}

// A delivery whose acknowledgement got lost is acknowledged once more, not handed out.
func TestALostAcknowledgementIsSaidAgain(t *testing.T) {
	c := shortWait(t)
	c.copies.done(take(t, c, 1)[0]) // and the word of it does not arrive
	none(t, c)
	isGone(t, c)
}
