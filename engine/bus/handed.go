package bus

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"sync"
	"time"
)

// handed are the hand-overs of a stream that are known to be in it, or to have
// been: one that is repeated is not stored twice. JetStream could remember them
// (Msg-Id), but it takes five times the memory for each, in pieces that every
// garbage collection looks at; it goes by the wall clock, which may be set; and
// after a restart it knows only those that were stored a moment ago and are still
// there.
//
// A hand-over is known once it is answered and durable, or when a sink was given
// it. What becomes of one whose answer is lost nobody knows until the stream is
// read; nothing is handed over until then. A start finds what was handed over
// lately in the stream's files, however long the engine was down, and of what is
// done with as much as still stands there.
type handed struct {
	fence   string // a subject of the stream
	inFiles []inFile

	mu     sync.Mutex
	recent map[eventKey]spot // of this period
	older  map[eventKey]spot // of the one before
	last   uint64            // the highest sequence that one is known to have
	since  uint64            // none of this period has a sequence up to here
	from   uint64            // nor one of the two
	turned time.Time         // when this period began
	doubts uint64            // how often answers were lost
	doubt  bool              // it is not known what is stored
	missed uint64            // behind this sequence
}

// spot is the place of a hand-over in its stream, 0 if that is not known, and
// whether it is still on its way.
type spot uint64

const onItsWay spot = 1 << 63

// inFile is a hand-over that stands in a file of its stream.
type inFile struct {
	key      eventKey
	sequence uint64
}

// handedPeriod is how long a hand-over is remembered at the least, and twice as
// long at the most, in some 40 bytes of memory. What is handed over again was not
// acknowledged, mostly for a moment; on a slow disk for as long as a flush takes.
const handedPeriod = time.Minute

func newHanded(fence string) *handed {
	return &handed{fence: fence, recent: make(map[eventKey]spot), turned: time.Now()}
}

// handOverKey is what a hand-over is known by: its id, or if that is a long one what stands for it.
func handOverKey(id string) (key eventKey) {
	if len(id) == base64.RawURLEncoding.EncodedLen(len(key)) {
		if _, err := base64.RawURLEncoding.Decode(key[:], []byte(id)); err == nil {
			return key
		}
	}
	sum := sha256.Sum256([]byte(id))
	return eventKey(sum[:len(key)])
}

var (
	errLostAnswers = errors.New("what was handed over was not answered; it is being looked up what is stored")
	errOnItsWay    = errors.New("it is being handed over already")
)

// claim takes the key of a hand-over about to be sent, and p tells what becomes
// of it. If it is not to be sent, it returns the answer instead.
func (h *handed) claim(key eventKey, p *Pending) (answer *Pending) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.doubt {
		return failed(unavailable("%w", errLostAnswers))
	}
	switch at := h.at(key); {
	case at&onItsWay != 0:
		return failed(unavailable("%w", errOnItsWay))
	case at != 0:
		return duplicate(uint64(at))
	}
	p.told, p.key, p.after = h, key, h.last
	h.recent[key] = onItsWay
	return nil
}

// at is where a hand-over is; 0 if it is not known. It is called with the lock held.
func (h *handed) at(key eventKey) spot {
	if at, ok := h.recent[key]; ok {
		return at
	}
	return h.older[key]
}

// settle is told what became of a hand-over, before anybody else is.
func (h *handed) settle(p *Pending) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.at(p.key) &^ onItsWay
	delete(h.older, p.key)
	switch {
	case p.err == nil:
		h.recent[p.key] = spot(p.ack.Sequence)
		h.last = max(h.last, p.ack.Sequence)
	case at != 0: // a sink was given it
		h.recent[p.key] = at
	default:
		delete(h.recent, p.key)
	}
	if !p.unknown() {
		return
	}
	if !h.doubt || p.after < h.missed {
		h.missed = p.after
	}
	h.doubt = true
	h.doubts++
}

// met notes a hand-over that is in the stream.
func (h *handed) met(id string, sequence uint64) {
	key := handOverKey(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	if at := h.at(key); at == 0 || at == onItsWay {
		h.recent[key] = at | spot(sequence)
	}
}

// open is what is to be read of the stream, from behind a sequence on, before
// anything else is handed over. doubt is for certain.
func (h *handed) open() (behind, doubt uint64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.missed, h.doubts, h.doubt
}

// certain ends a doubt, if no other one has come since.
func (h *handed) certain(doubt uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.doubt = h.doubt && h.doubts != doubt
}

// found notes a hand-over that stands in a file of the stream, before it is known
// which of those are to be remembered.
func (h *handed) found(id string, sequence uint64) {
	if id != "" {
		h.inFiles = append(h.inFiles, inFile{handOverKey(id), sequence})
	}
}

// begin remembers what was found behind a sequence, up to the last one of the stream.
func (h *handed) begin(from, last uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.inFiles {
		if from < f.sequence && f.sequence <= last {
			h.recent[f.key] = spot(f.sequence)
		}
	}
	h.inFiles = nil
	h.from, h.since, h.last = from, from, last
}

// turn begins a new period when it is time, and forgets the one before the last.
func (h *handed) turn(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.doubt || now.Sub(h.turned) < handedPeriod {
		return
	}
	h.older, h.recent = h.recent, make(map[eventKey]spot)
	h.from, h.since, h.turned = h.since, h.last, now
}

// start is the sequence behind which everything that is remembered stands; 0 where nothing is.
func (h *handed) start() uint64 {
	if h == nil {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.from
}
