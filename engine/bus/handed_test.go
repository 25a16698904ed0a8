package bus

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// stored is how many messages a stream has.
func stored(t *testing.T, b *Bus, stream string) uint64 {
	t.Helper()
	info, err := b.state(soon(t), stream)
	if err != nil {
		t.Fatal(err)
	}
	return info.State.Msgs
}

// onlyOnce hands over what may have been handed over before, and wants to hear
// that it was without a word to the server.
func onlyOnce(t *testing.T, b *Bus, handOver func() *Pending) {
	t.Helper()
	p := handOver()
	if ack, err := p.Wait(soon(t)); err != nil || !ack.Duplicate || ack.Sequence == 0 || !p.sent.IsZero() {
		t.Errorf("it is handed over again: %+v, %v, sent %v", ack, err, p.sent)
	}
}

// each is one of everything that is handed over, by its stream.
func each(b *Bus, n int) map[string]func() *Pending {
	w := works(n, n)[0]
	return map[string]func() *Pending{
		b.names.work(): func() *Pending { return b.Hand(w) },
		b.names.dead(): func() *Pending {
			return b.Bury(&Dead{Event: w.Event, Pipeline: w.Pipeline, Route: w.Route, Sink: w.Sink, Reason: "refused"})
		},
		b.names.held(): func() *Pending { return b.Hold(&Held{Event: w.Event, Pipeline: w.Pipeline, Until: time.Now()}) },
	}
}

func TestNothingIsHandedOverTwice(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	for stream, handOver := range each(b, 1) {
		if ack, err := handOver().Wait(soon(t)); err != nil || ack.Duplicate {
			t.Fatalf("%s: %+v, %v", stream, ack, err)
		}
		onlyOnce(t, b, handOver)
		if n := stored(t, b, stream); n != 1 {
			t.Errorf("%s has %d messages", stream, n)
		}
	}
}

// A second one that comes while the first is on its way has to come again: what
// becomes of the first is not known.
func TestHandedOverAtOnce(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	w := works(1, 1)[0]
	release := behind(b, b.names.workSubject(w))
	first := b.Hand(w)
	if _, err := b.Hand(w).Wait(soon(t)); !errors.Is(err, errOnItsWay) {
		t.Errorf("the second: %v", err)
	}
	release()
	if _, err := first.Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	onlyOnce(t, b, func() *Pending { return b.Hand(w) })
}

// However long an engine is down after a kill -9, it knows what it had handed
// over, done with or not.
func TestHandOversAreKnownAfterAKill(t *testing.T) {
	dir := t.TempDir()
	b := quiet(open(t, dir))
	start(t, b)
	handAll := func(n int) {
		for stream, handOver := range each(b, n) {
			if _, err := handOver().Wait(soon(t)); err != nil {
				t.Fatalf("%s: %v", stream, err)
			}
		}
	}
	later := time.Now()
	turn := func() {
		later = later.Add(handedPeriod)
		for _, h := range b.handed {
			h.turn(later)
		}
		if err := b.saveFirsts(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 4 { // what came before the last of them is forgotten
		handAll(n)
		turn()
	}
	handAll(4)
	for i, m := range take(t, workQueue(t, b), 5) {
		if i == 3 {
			m.Ack()
		}
	}
	eventually(t, "the acknowledged one is gone", func() bool { return stored(t, b, b.names.work()) == 4 })

	b = quiet(open(t, killed(t, dir)))
	for stream, h := range b.handed {
		if want := 2; stream != b.names.state() && len(h.recent) != want {
			t.Errorf("%s: %d are remembered, want %d", stream, len(h.recent), want)
		}
	}
	for n := 3; n <= 4; n++ {
		for _, handOver := range each(b, n) {
			onlyOnce(t, b, handOver)
		}
	}
}

// handUnanswered is a delivery that is handed over and stored, and whose answer is lost.
func handUnanswered(t *testing.T, b *Bus, w *Work) *Pending {
	t.Helper()
	m, err := b.names.encodeWork(w)
	if err != nil {
		t.Fatal(err)
	}
	p := newPending()
	p.message = m
	if answer := b.handed[b.names.work()].claim(handOverKey(m.Header.Get(nats.MsgIdHdr)), p); answer != nil {
		t.Fatal("it is known already")
	}
	if err := b.publisher.enter(p, behindBarrier); err != nil {
		t.Fatal(err)
	}
	if _, err := b.publishing.RequestMsg(m, openTimeout); err != nil {
		t.Fatal(err)
	}
	return p
}

// giveUp gives up what was not answered.
func giveUp(t *testing.T, b *Bus, p *Pending) {
	t.Helper()
	b.publisher.failOpen(time.Now().Add(time.Hour), unavailable("its answer is lost"))
	if _, err := p.Wait(soon(t)); !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
}

// After answers were lost nothing is handed over until it is known what is stored.
func TestHandOversThatWereNotAnswered(t *testing.T) {
	b := quiet(open(t, t.TempDir()))
	start(t, b)
	all := works(1, 3)
	if _, err := b.Hand(all[0]).Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	giveUp(t, b, handUnanswered(t, b, all[1]))
	if _, err := b.Hand(all[2]).Wait(soon(t)); !errors.Is(err, errLostAnswers) {
		t.Errorf("what follows: %v", err)
	}
	b.keepHanded(soon(t))
	onlyOnce(t, b, func() *Pending { return b.Hand(all[1]) })
	if _, err := b.Hand(all[2]).Wait(soon(t)); err != nil {
		t.Error(err)
	}
	if n := stored(t, b, b.names.work()); n != 3 {
		t.Errorf("%d are stored, want 3", n)
	}
}

// What a sink was given was handed over, whether it was answered or not.
func TestAHandOverThatIsDoneWithBeforeItIsGivenUp(t *testing.T) {
	b := quiet(open(t, t.TempDir()))
	start(t, b)
	w := works(1, 1)[0]
	queue := workQueue(t, b)
	p := handUnanswered(t, b, w)
	take(t, queue, 1)[0].Ack()
	isGone(t, queue)
	giveUp(t, b, p)
	b.keepHanded(soon(t))
	onlyOnce(t, b, func() *Pending { return b.Hand(w) })
}

// A group of which the store knew some, and whose answer comes so late that it may
// have forgotten the others: they are looked up instead of being sent again.
func TestAGroupThatIsAnsweredLate(t *testing.T) {
	b := quiet(open(t, t.TempDir()))
	start(t, b)
	all := works(1, 10)
	if _, err := send(b, all[4]).Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	release := behind(b, b.names.workSubject(all[0]))
	pending := make([]*Pending, len(all))
	for i, w := range all {
		pending[i] = b.Hand(w)
		pending[i].sent = pending[i].sent.Add(-groupWindow)
	}
	release()
	for i, p := range pending {
		if _, err := p.Wait(soon(t)); (err == nil) != (i == 0 || i == len(all)-1) {
			t.Errorf("delivery %d: %v", i, err)
		}
	}
	b.keepHanded(soon(t))
	for _, w := range all {
		onlyOnce(t, b, func() *Pending { return b.Hand(w) })
	}
	if n := stored(t, b, b.names.work()); n != 10 {
		t.Errorf("%d are stored, want 10", n)
	}
}

// A doubt that comes while another one is looked up stays.
func TestADoubtOutlivesAnother(t *testing.T) {
	h := newHanded("fence")
	lost := func(id string, after uint64) {
		p := newPending()
		h.claim(handOverKey(id), p)
		p.after, p.sent = after, time.Now()
		p.resolve(unavailable("its answer is lost"))
	}
	h.begin(10, 20)
	early := newPending()
	h.claim(handOverKey("early"), early)
	early.sent = time.Now()
	lost("one", 18)
	_, first, _ := h.open()
	early.resolve(unavailable("its answer is lost too"))
	h.certain(first)
	if behind, second, doubt := h.open(); !doubt || behind != 18 || second == first {
		t.Errorf("behind %d, doubt %d after %d, %v", behind, second, first, doubt)
	}
	h.turn(time.Now().Add(time.Hour))
	if h.start() != 10 {
		t.Error("what is in doubt is forgotten")
	}
}

// A fence is passed in every stream, also in one that is full, and leaves nothing behind.
func TestFences(t *testing.T) {
	b := quiet(open(t, t.TempDir()))
	start(t, b)
	for stream, h := range b.handed {
		if err := b.passFence(soon(t), h.fence); err != nil {
			t.Errorf("%s: %v", stream, err)
		}
		if n := stored(t, b, stream); n != 0 {
			t.Errorf("%s has %d messages", stream, n)
		}
	}
	if _, err := b.Hand(works(1, 1)[0]).Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	config := b.streams[b.names.work()].CachedInfo().Config
	config.MaxMsgs = 1
	if _, err := b.js.UpdateStream(soon(t), config); err != nil {
		t.Fatal(err)
	}
	if err := b.passFence(soon(t), b.handed[b.names.work()].fence); err != nil {
		t.Errorf("of a full stream: %v", err)
	}
}
