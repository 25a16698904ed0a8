package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// What each stream may take of max_disk, in hundredths: a full log must still drain.
const (
	eventsShare  = 45
	workShare    = 25
	deadShare    = 13
	heldShare    = 5
	stateShare   = 5
	refusedShare = 1
	attemptShare = 1
	controlShare = 5
)

// maxLog is the most that a stream may take which forgets its oldest when it is
// full. Of a cluster nothing is reserved for it: there it is bounded by messages alone.
const maxLog = 64 << 20

// minDisk is what the streams need to be of any use: a generation's texts must
// fit into the smallest share.
const minDisk = 64 << 20

// answerWindow is how long a cluster remembers the id of a message: there one may
// arrive after it was given up.
const answerWindow = 2 * time.Minute

// groupWindow is how long the embedded server remembers the id of a hand-over:
// twice the age up to which a message of a group is sent again (see convoy). Here
// they are remembered for longer; see handOvers.
const groupWindow = 5 * time.Second

// formatKey is where a stream says which format it was written in.
const formatKey = "trotline-format"

// configs are the streams as they should be.
func (b *Bus) configs(maxDisk int64) []jetstream.StreamConfig {
	base := func(name string, share int64, subjects ...string) jetstream.StreamConfig {
		c := jetstream.StreamConfig{
			Name: name, Subjects: subjects, Storage: jetstream.FileStorage, Replicas: max(b.options.Replicas, 1),
			// Not DiscardOld: it silently drops what nobody has handled.
			Discard: jetstream.DiscardNew, MaxBytes: -1, AllowDirect: true,
			Metadata: map[string]string{formatKey: strconv.Itoa(format)},
		}
		if maxDisk > 0 {
			c.MaxBytes = maxDisk / 100 * share
		}
		return c
	}
	n := b.names
	eventWindow, handOverWindow := time.Second, groupWindow // a start reads as much of the events
	if b.server == nil {
		eventWindow, handOverWindow = answerWindow, answerWindow
	}
	events := base(n.events(), eventsShare, n.eventSubjects(), n.cutSubject())
	events.Duplicates = eventWindow

	work := base(n.work(), workShare, n.prefix+".work.>", n.prefix+".lane.>")
	work.Retention, work.Duplicates = jetstream.WorkQueuePolicy, handOverWindow

	dead := base(n.dead(), deadShare, n.prefix+".dead.>")
	dead.MaxAge, dead.Duplicates = b.options.DeadAge, handOverWindow
	if dead.MaxAge > 0 {
		dead.Duplicates = min(dead.Duplicates, dead.MaxAge)
	}

	refused := base(n.refused(), refusedShare, n.prefix+".refused.*")
	forgetful(&refused, 2_000)
	refused.MaxAge = b.options.DeadAge
	if refused.MaxAge > 0 {
		refused.Duplicates = min(handOverWindow, refused.MaxAge)
	}

	attempts := base(n.attempts(), attemptShare, n.prefix+".attempts.*")
	forgetful(&attempts, 100_000)
	attempts.MaxMsgsPerSubject, attempts.MaxAge = keptAttempts, attemptsAge

	held := base(n.held(), heldShare, n.prefix+".held.>")
	held.Duplicates = handOverWindow

	state := base(n.state(), stateShare, n.prefix+".state.*")
	state.Duplicates = handOverWindow

	control := base(n.control(), controlShare, n.prefix+".control.>")
	control.MaxMsgsPerSubject = 1 // the last one counts; with DiscardNew only a full stream refuses
	return []jetstream.StreamConfig{events, work, dead, held, state, refused, attempts, control}
}

// forgetful makes a stream of what is good to know and no promise: it takes
// little room, and the newest is worth more than the oldest.
func forgetful(c *jetstream.StreamConfig, messages int64) {
	c.Discard, c.MaxMsgs = jetstream.DiscardOld, messages
	c.MaxBytes = min(c.MaxBytes, maxLog)
}

// makeStreams makes every stream, or brings it up to date. It is done at each
// start: a power cut can take a stream's settings and leave its messages, and
// making it again finds them.
func (b *Bus) makeStreams(ctx context.Context, maxDisk int64) error {
	b.streams = make(map[string]jetstream.Stream)
	for _, c := range b.configs(maxDisk) {
		found, err := b.js.Stream(ctx, c.Name)
		if err == nil {
			if err := supported("the stream "+c.Name, found.CachedInfo().Config.Metadata[formatKey]); err != nil {
				return err
			}
		} else if !errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("cannot look at the stream %s: %w", c.Name, err)
		}
		if b.streams[c.Name], err = b.js.CreateOrUpdateStream(ctx, c); err != nil {
			return fmt.Errorf("cannot make the stream %s: %w", c.Name, err)
		}
	}
	return nil
}
