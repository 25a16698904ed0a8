package stage

import (
	"context"
	"sync"
	"time"

	"github.com/trotline/trotline/engine/bus"
)

// AckWait is how long the server waits for a stage before it hands a message
// out again: short, so that what a crash left open goes on soon. A stage that
// needs longer says so in good time (see holder).
const AckWait = 10 * time.Second

// holder tells the server, again and again, that messages are still in hand.
type holder struct {
	mu   sync.Mutex
	held map[*held]struct{}
}

// held are messages that were pulled together.
type held struct {
	holder   *holder
	messages []*bus.Message
	since    time.Time
	left     int
}

// hold takes messages in hand until done was called for each.
func (h *holder) hold(messages []*bus.Message) *held {
	g := &held{holder: h, messages: messages, since: time.Now(), left: len(messages)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held == nil {
		h.held = make(map[*held]struct{})
	}
	h.held[g] = struct{}{}
	return g
}

// done lets go of n of the messages.
func (g *held) done(n int) {
	g.holder.mu.Lock()
	defer g.holder.mu.Unlock()
	if g.left -= n; g.left <= 0 {
		delete(g.holder.held, g)
	}
}

// run renews what is held for long, until ctx ends.
func (h *holder) run(ctx context.Context) {
	const period = AckWait / 4
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			h.renew(time.Now().Add(-period))
		}
	}
}

// renew speaks for the messages held since before. Those already acknowledged are not concerned.
func (h *holder) renew(before time.Time) {
	h.mu.Lock()
	var old []*held
	for g := range h.held {
		if g.since.Before(before) {
			old = append(old, g)
		}
	}
	h.mu.Unlock()
	for _, g := range old {
		for _, m := range g.messages {
			m.InProgress()
		}
	}
}
