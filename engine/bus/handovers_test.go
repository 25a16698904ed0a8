package bus

import (
	"errors"
	"slices"
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

// handOversOf are one of each kind, by their streams.
func handOversOf(b *Bus, n int) map[string]func() *Pending {
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
	next := works(1, 1)[0]
	next.Hop = 1
	for stream, handOver := range handOversOf(b, 1) {
		if ack, err := handOver().Wait(soon(t)); err != nil || ack.Duplicate {
			t.Fatalf("%s: %+v, %v", stream, ack, err)
		}
		onlyOnce(t, b, handOver)
		if n := stored(t, b, stream); n != 1 {
			t.Errorf("%s has %d messages", stream, n)
		}
	}
	if ack, err := b.Hand(next).Wait(soon(t)); err != nil || ack.Duplicate {
		t.Errorf("the next hop: %+v, %v", ack, err)
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
		for stream, handOver := range handOversOf(b, n) {
			if _, err := handOver().Wait(soon(t)); err != nil {
				t.Fatalf("%s: %v", stream, err)
			}
		}
	}
	turn := func() {
		for _, h := range b.handOvers {
			h.spend(handOverPeriod, false, true)
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
	for stream, h := range b.handOvers {
		if want := 2; stream != b.names.state() && len(h.recalled) != want {
			t.Errorf("%s: %d are remembered, want %d", stream, len(h.recalled), want)
		}
	}
	for n := 3; n <= 4; n++ {
		for _, handOver := range handOversOf(b, n) {
			onlyOnce(t, b, handOver)
		}
	}
}

// handUnanswered is a delivery that is handed over and stored, and whose answer is lost.
func handUnanswered(t *testing.T, b *Bus, w *Work) *Pending {
	t.Helper()
	m, err := b.names.encodeWork(w, b.ledger.madeAt(w.Pipeline))
	if err != nil {
		t.Fatal(err)
	}
	p := newPending()
	p.message = m
	if answer := claim(t, b.handOvers[b.names.work()], m.Header.Get(nats.MsgIdHdr), p); answer != nil {
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

func claim(t *testing.T, h *handOvers, id string, p *Pending) (answer *Pending) {
	t.Helper()
	key, ok := handOverKey(id)
	if !ok {
		t.Fatal("it has no id")
	}
	return h.claim(key, p)
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
	b.keepHandOvers(soon(t))
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
	b.keepHandOvers(soon(t))
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
	b.keepHandOvers(soon(t))
	for _, w := range all {
		onlyOnce(t, b, func() *Pending { return b.Hand(w) })
	}
	if n := stored(t, b, b.names.work()); n != 10 {
		t.Errorf("%d are stored, want 10", n)
	}
}

// An answer that is lost while the stream is read has it read once more.
func TestAnAnswerThatIsLostMeanwhile(t *testing.T) {
	h := newHandOvers("fence")
	h.begin(10, 20)
	sent := func(id string, after uint64) *Pending {
		p := newPending()
		claim(t, h, id, p)
		p.after, p.sent = after, time.Now()
		return p
	}
	first, second := sent("first", 18), sent("second", 19)
	first.resolve(unavailable("its answer is lost"))
	_, loss, _ := h.unanswered()
	second.resolve(unavailable("its answer is lost too"))
	h.certain(loss)
	behind, again, unsure := h.unanswered()
	if !unsure || behind != 18 {
		t.Errorf("behind %d, %v", behind, unsure)
	}
	h.spend(handOverPeriod, false, true)
	if h.spend(handOverPeriod, false, true); h.start() != 10 {
		t.Error("it is forgotten before it was found")
	}
	if h.certain(again); h.unsure {
		t.Error("it is never over")
	}
}

// runFor has the bus look after its hand-overs as if it had run for a while, a
// second or two between two looks.
func runFor(t *testing.T, b *Bus, d time.Duration) {
	t.Helper()
	for ran := time.Duration(0); ran < d; ran += 2 * handOverLook {
		b.batches.looked = time.Now().Add(-time.Hour) // a standstill counts for two looks
		b.keepHandOvers(soon(t))
	}
}

// What a stage has handed over is remembered until it has handed over the rest
// too, and for a while after that.
func TestHandOversOfABatchThatTakesLong(t *testing.T) {
	b := quiet(open(t, t.TempDir()))
	start(t, b)
	w := works(1, 1)[0]
	done := b.HandingOver()
	if _, err := b.Hand(w).Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	for number := range b.batches.begun {
		b.batches.begun[number] = time.Now().Add(-2 * handOverPeriod)
	}
	runFor(t, b, 3*handOverPeriod)
	onlyOnce(t, b, func() *Pending { return b.Hand(w) })
	done()
	runFor(t, b, handOverPeriod)
	onlyOnce(t, b, func() *Pending { return b.Hand(w) })
	runFor(t, b, 2*handOverPeriod)
	if h := b.handOvers[b.names.work()]; len(h.recent)+len(h.older) > 0 || h.start() == 0 {
		t.Errorf("it is remembered for ever, from %d on", h.start())
	}
}

// What a run finds is remembered until each pipeline is past the events of that time.
func TestHandOversOfEventsThatAreNotHandled(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	start(t, b)
	consume(t, b, "orders", EventsConsumerOptions{})
	add(t, b, order(1))
	w := works(1, 1)[0]
	if _, err := b.Hand(w).Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	b = quiet(open(t, killed(t, dir)))
	runFor(t, b, 3*handOverPeriod)
	onlyOnce(t, b, func() *Pending { return b.Hand(w) })
	c := consume(t, b, "orders", EventsConsumerOptions{})
	take(t, c, 1)[0].Ack()
	settled(t, c)
	runFor(t, b, 3*handOverPeriod)
	if h := b.handOvers[b.names.work()]; h.recalled != nil || h.start() == 0 {
		t.Errorf("it is remembered for ever, from %d on", h.start())
	}
}

// A pipeline that is taken out and put back hands over anew.
func TestHandOversOfAPipelineThatIsMadeAnew(t *testing.T) {
	b := open(t, t.TempDir())
	start(t, b)
	for range 2 {
		consume(t, b, "orders", EventsConsumerOptions{StartSequence: 1})
		for stream, handOver := range handOversOf(b, 1) {
			if ack, err := handOver().Wait(soon(t)); err != nil || ack.Duplicate {
				t.Errorf("%s: %+v, %v", stream, ack, err)
			}
			onlyOnce(t, b, handOver)
		}
		var names []string
		err := b.HeldMarks(soon(t), "orders", func(m HeldMark) bool {
			names = append(names, m.Name)
			return true
		})
		want := (&Held{Event: order(1), Pipeline: "orders"}).Name()
		if err != nil || !slices.Equal(slices.Compact(names), []string{want}) {
			t.Errorf("held are %v, %v; want %s", names, err, want)
		}
		if err := b.DeleteEventsConsumer(soon(t), "orders"); err != nil {
			t.Fatal(err)
		}
	}
}

// What stands in a file and not in the stream is not stored: a power cut may take
// the end of a stream, whose sequences are used again.
func TestWhatTheStreamDoesNotHave(t *testing.T) {
	h := newHandOvers("fence")
	for i, id := range []string{"long ago", "lately", "not in the stream"} {
		h.foundInFile(id, uint64(10+i))
	}
	h.begin(10, 11)
	for id, known := range map[string]bool{"long ago": false, "lately": true, "not in the stream": false} {
		if answer := claim(t, h, id, newPending()); (answer != nil) != known {
			t.Errorf("%s: %v", id, answer)
		}
	}
}

// A fence is passed in every stream, also in one that is full, and leaves nothing
// behind: what is expected of a stream is looked at before its room.
func TestFences(t *testing.T) {
	b := quiet(open(t, t.TempDir()))
	start(t, b)
	for stream, h := range b.handOvers {
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
	if err := b.passFence(soon(t), b.handOvers[b.names.work()].fence); err != nil {
		t.Errorf("of a full stream: %v", err)
	}
}
