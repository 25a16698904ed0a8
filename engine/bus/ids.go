package bus

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/trotline/trotline/event"
)

// ids are the events whose senders named them, as far as they are remembered: a
// second delivery of one is a duplicate. JetStream could remember them (Msg-Id),
// but it takes four times the memory for each, and at a restart it forgets those
// whose events are trimmed.
//
// An id is remembered once its event is durable, and not before: an id without
// an event would turn the sender away who comes again with it. Until then the id
// is claimed, and who comes second waits for what becomes of the first. What
// came of an event whose answer is lost nobody knows until the stream is read;
// no id is new until then. How ids outlive the process is told in segments.go.
type ids struct {
	window time.Duration
	most   int    // ids that are remembered at once
	size   int    // ids of a segment
	wake   func() // told when there is something to write down, to forget or to find out
	unsure func() // told when a doubt begins

	mu      sync.Mutex
	known   map[idKey]stamp
	claims  map[idKey]*Pending
	last    uint64       // the highest sequence an event is known to have
	doubt   bool         // it is not known which events are stored
	fresh   []remembered // not written down yet
	through uint64       // every id of an event up to this sequence is written down
	written []segment    // the oldest first
	tail    []remembered // the ids of the last segment, if that is not full
	early   uint64       // ids forgotten before their time

	writing sync.Mutex // one at a time
}

// idKey is what a second delivery of an event is known by, or a second hand-over.
// It is short, because it is kept in memory, and long enough that nobody finds a
// text with the key of another's.
type idKey [12]byte

// stamp is when an id was remembered, in seconds since 1970: a small number.
type stamp uint32

func stampOf(t time.Time) stamp { return stamp(t.Unix()) }

func (s stamp) time() time.Time { return time.Unix(int64(s), 0) }

type remembered struct {
	key idKey
	at  stamp
}

// keyOf is an event's key; false when its sender did not name it.
func keyOf(e *event.Event) (idKey, bool) {
	if e.ID == e.Stamp {
		return idKey{}, false
	}
	sum := sha256.Sum256([]byte(e.Source + "\x00" + e.ID))
	return idKey(sum[:12]), true
}

func (k idKey) String() string { return base64.RawURLEncoding.EncodeToString(k[:]) }

func newIDs(window time.Duration, most int, wake, unsure func()) *ids {
	if window == 0 {
		window = defaultWindow
	}
	return &ids{
		window: window, most: most, size: min(max(most/16, 1), maxSegment), wake: wake, unsure: unsure,
		known: make(map[idKey]stamp), claims: make(map[idKey]*Pending),
	}
}

// errDoubt: an event may be stored already.
var errDoubt = errors.New("some events were not answered; it is being looked up which of them are stored")

// claim takes an id for an event about to be sent, and p tells what becomes of
// it. If the id is not new, it returns the answer instead.
func (d *ids) claim(key idKey, p *Pending) (answer *Pending) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.doubt {
		return failed(unavailable("%w", errDoubt))
	}
	if at, ok := d.known[key]; ok && !d.expired(at, time.Now()) {
		return duplicate(0)
	}
	if first := d.claims[key]; first != nil {
		return first.again()
	}
	p.told, p.key, p.after = d, key, d.last
	d.claims[key] = p
	return nil
}

// settle is told what became of an event, before anybody else is.
func (d *ids) settle(p *Pending) {
	d.mu.Lock()
	delete(d.claims, p.key)
	unknown := p.unknown()
	if p.err == nil {
		d.add(p.key, stampOf(time.Now()))
		d.last = max(d.last, p.ack.Sequence)
	}
	d.doubt = d.doubt || unknown
	due := unknown || len(d.fresh) >= d.size || len(d.known) > d.most
	d.mu.Unlock()
	if unknown {
		d.unsure()
	}
	if due {
		d.wake()
	}
}

// add remembers an id. It is called with the lock held.
func (d *ids) add(key idKey, at stamp) {
	d.known[key] = at
	d.fresh = append(d.fresh, remembered{key, at})
}

// found remembers an id that was read in the events stream.
func (d *ids) found(key idKey, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if before, ok := d.known[key]; !ok || d.expired(before, at) {
		d.add(key, stampOf(at))
	}
}

// expired tells whether an id is remembered no longer. A stamp is up to a second early.
func (d *ids) expired(at stamp, now time.Time) bool {
	return now.Sub(at.time()) > d.window+time.Second
}

// doubts tells whether it is unknown which events are stored.
func (d *ids) doubts() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.doubt
}

// certain ends a doubt: every event up to a sequence is known.
func (d *ids) certain(sequence uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.doubt, d.last = false, max(d.last, sequence)
}

// complete is the sequence up to which the ids of all events are written down.
func (d *ids) complete() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.through
}

func (d *ids) unwritten() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.fresh)
}

// take takes what is not written down yet, behind the ids of the last segment if
// that is not full: it is to be dropped when they are written once more. through
// is up to which sequence everything is written down then. An event on its way
// comes behind all that were known when it was sent.
func (d *ids) take(stored uint64) (list []remembered, last segment, through uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	through = max(stored, d.last)
	for _, p := range d.claims {
		through = min(through, p.after)
	}
	if d.doubt {
		through = 0
	}
	if n := len(d.written); n > 0 && d.written[n-1].open {
		last = d.written[n-1]
	}
	list = append(d.tail, d.fresh...)
	d.tail, d.fresh = nil, nil
	return list, last, max(through, d.through)
}

// putBack takes back what could not be written.
func (d *ids) putBack(list []remembered) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fresh = append(list[:len(list):len(list)], d.fresh...)
	if n := len(d.written); n > 0 {
		d.written[n-1].open = false // it is not known to be as it was
	}
}

// next is the number of the next segment.
func (d *ids) next() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.written); n > 0 {
		return d.written[n-1].number + 1
	}
	return 1
}

// wrote notes a segment that is stored.
func (d *ids) wrote(number, through uint64, list []remembered) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.note(number, through, list)
}

// note adds a segment behind the others. It is called with the lock held.
func (d *ids) note(number, through uint64, list []remembered) {
	s := segment{number: number, newest: newest(list), open: len(list) < d.size}
	d.tail = nil
	if s.open {
		d.tail = list
	}
	d.written = append(d.written, s)
	d.through = max(d.through, through)
}

// recall remembers what an earlier run has written down.
func (d *ids) recall(number, through uint64, list []remembered) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range list {
		d.known[id.key] = id.at
	}
	d.note(number, through, list)
}

// dropped notes that a segment is gone.
func (d *ids) dropped(number uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.written = slices.DeleteFunc(d.written, func(s segment) bool { return s.number == number })
}

func newest(list []remembered) (at stamp) {
	for _, id := range list {
		at = max(at, id.at)
	}
	return at
}

// oldest takes the segment that is to be forgotten next, if one is: early, when there is no room for more.
func (d *ids) oldest(now time.Time) (s segment, early, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.written) < 2 { // the last one says how far the log is complete
		return s, false, false
	}
	s = d.written[0]
	expired := d.expired(s.newest, now)
	if !expired && len(d.known) <= d.most {
		return s, false, false
	}
	d.written = d.written[1:]
	return s, !expired, true
}

// forget forgets the ids of a segment, but for those that were remembered anew since.
func (d *ids) forget(list []remembered, early bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range list {
		if d.known[id.key] != id.at {
			continue
		}
		delete(d.known, id.key)
		if early {
			d.early++
		}
	}
}

// IDStats are the ids of events that are remembered.
type IDStats struct {
	Known int
	Most  int    // beyond it the oldest are forgotten early
	Early uint64 // how many were, since the start
}

// IDs tells how many ids of events are remembered.
func (b *Bus) IDs() IDStats { return b.ids.stats() }

func (d *ids) stats() IDStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return IDStats{len(d.known), d.most, d.early}
}
