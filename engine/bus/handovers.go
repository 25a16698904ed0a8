package bus

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"sync"
	"time"
)

// handOvers are what the stages have lately handed over to a stream, and is known
// to be in it, or to have been: one that is repeated is not stored twice. JetStream
// could remember them (Msg-Id), but it takes three times the memory for each, in
// pieces that every garbage collection looks at; it goes by the wall clock, which
// may be set; and after a restart it knows only those that were stored a moment
// ago and are still there.
//
// A hand-over is known once it is answered and durable, or when a sink was given
// it. What becomes of one whose answer is lost nobody knows until the stream is
// read; nothing is handed over until then. A start finds what was handed over
// lately in the stream's files, however long the engine was down, and of what is
// done with as much as still stands there.
type handOvers struct {
	fence  string // a subject of the stream
	inFile []handOverInFile

	mu       sync.Mutex
	recent   map[idKey]standing // of this period
	older    map[idKey]standing // of the one before
	recalled map[idKey]standing // of earlier runs; nil once nothing of theirs can be repeated
	last     uint64             // the highest sequence that was answered
	since    uint64             // behind it stands all that was handed over in this period,
	before   uint64             // or in the one before,
	from     uint64             // or is recalled
	ran      time.Duration      // how long this period has lasted

	unsure bool   // it is not known what is stored
	behind uint64 // this sequence
	losses uint64 // how often answers were lost
}

// standing is the sequence of a hand-over, and whether it is still on its way.
// While it is, and no sink was given it, the sequence is 0.
type standing uint64

const onItsWay standing = 1 << 63

// handOverInFile is one that stands in a file of its stream.
type handOverInFile struct {
	key      idKey
	sequence uint64
}

// handOverPeriod is how long a hand-over is remembered at the least, and twice as
// long as a rule, in some 40 bytes of memory: so long that it reaches the disk that
// what it was made of is acknowledged. What a sink is given is remembered anew.
const handOverPeriod = time.Minute

// maxHandOvers is how many a period may have that does not end in time.
const maxHandOvers = 2_000_000

func newHandOvers(fence string) *handOvers {
	return &handOvers{fence: fence, recent: make(map[idKey]standing)}
}

// handOverKey is what a hand-over is known by: its id, or what stands for a long
// one. false: it has none.
func handOverKey(id string) (key idKey, ok bool) {
	if len(id) == base64.RawURLEncoding.EncodedLen(len(key)) {
		if _, err := base64.RawURLEncoding.Decode(key[:], []byte(id)); err == nil {
			return key, true
		}
	}
	sum := sha256.Sum256([]byte(id))
	return idKey(sum[:len(key)]), id != ""
}

var (
	errLostAnswers = errors.New("what was handed over was not answered; it is being looked up what is stored")
	errOnItsWay    = errors.New("it is being handed over already")
)

// claim takes the key of a hand-over about to be sent, and p tells what becomes
// of it. If it is not to be sent, it returns the answer instead.
func (h *handOvers) claim(key idKey, p *Pending) (answer *Pending) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.unsure {
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

// at is where a hand-over stands; 0 when none is known. It is called with the lock held.
func (h *handOvers) at(key idKey) standing {
	for _, known := range []map[idKey]standing{h.recent, h.older} {
		if at, ok := known[key]; ok {
			return at
		}
	}
	return h.recalled[key]
}

// settle is told what became of a hand-over, before anybody else is.
func (h *handOvers) settle(p *Pending) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.at(p.key) &^ onItsWay
	delete(h.older, p.key) // if it was on its way for so long
	switch {
	case p.err == nil:
		h.recent[p.key] = standing(p.ack.Sequence)
		h.last = max(h.last, p.ack.Sequence)
	case at != 0: // a sink was given it
		h.recent[p.key] = at
	default:
		delete(h.recent, p.key)
	}
	if !p.unknown() {
		return
	}
	if !h.unsure || p.after < h.behind {
		h.behind = p.after
	}
	h.unsure = true
	h.losses++
}

// met notes a hand-over that is in the stream.
func (h *handOvers) met(id string, sequence uint64) {
	key, ok := handOverKey(id)
	if !ok {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if at := h.at(key); at == 0 || at == onItsWay {
		h.recent[key] = at | standing(sequence)
	}
}

// unanswered is the sequence behind which the stream is to be read before
// anything is handed over; loss is for certain. false: it is known what is stored.
func (h *handOvers) unanswered() (behind, loss uint64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.behind, h.losses, h.unsure
}

// certain says that the stream was read, if no answer was lost since.
func (h *handOvers) certain(loss uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unsure = h.unsure && h.losses != loss
}

// foundInFile notes a hand-over that stands in a file of the stream, before it is
// known which of those are to be remembered.
func (h *handOvers) foundInFile(id string, sequence uint64) {
	if key, ok := handOverKey(id); ok {
		h.inFile = append(h.inFile, handOverInFile{key, sequence})
	}
}

// begin remembers what was found behind a sequence, up to the last one of the
// stream: what the server does not have is not stored, whatever its files say.
func (h *handOvers) begin(from, last uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.recalled = make(map[idKey]standing)
	for _, f := range h.inFile {
		if from < f.sequence && f.sequence <= last {
			h.recalled[f.key] = standing(f.sequence)
		}
	}
	h.inFile = nil
	h.from, h.before, h.since, h.last = from, last, last, last
}

// spend says that the engine ran for a while. It begins a new period when it is
// time, and forgets the one before the last; and what was recalled, if that is done
// with. held: something takes longer, of which all that was handed over is to be
// remembered; then the period begins to last when that is over.
func (h *handOvers) spend(ran time.Duration, held, done bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ran += ran
	if (held || h.unsure) && len(h.recent) < maxHandOvers {
		h.ran = 0
	}
	if h.ran < handOverPeriod && len(h.recent) < maxHandOvers {
		return
	}
	if done {
		h.recalled = nil
	}
	h.older, h.recent, h.ran = h.recent, make(map[idKey]standing), 0
	h.before, h.since = h.since, h.last
	if h.recalled == nil {
		h.from = h.before
	}
}

// start is the sequence behind which a start remembers what it finds; 0 with a
// cluster, whose servers remember.
func (h *handOvers) start() uint64 {
	if h == nil {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.from
}
