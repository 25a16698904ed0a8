package stage

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/trotline/trotline/event"
)

const (
	// askAtOnce is how many events a step is asked about at a time.
	askAtOnce = 32
	// askFor is how long an event is asked about.
	askFor = 24 * time.Hour
	// How long an event waits until it is asked about again.
	askAgainFirst = time.Second
	askAgainMax   = time.Minute
)

// advance leads every passage through its steps.
func (p *Pipeline) advance(ctx context.Context, passages []*passage) {
	for len(passages) > 0 {
		var asking []*passage
		for _, g := range passages {
			if !g.run(ctx) {
				asking = append(asking, g)
			}
		}
		p.ask(ctx, asking)
		passages = asking
	}
}

// question is one element of a passage that a step is asked about.
type question struct {
	passage *passage
	place   int
	step    *Step
	asker   event.Asker
}

// ask asks the steps that the passages stand before, about several events at a time.
func (p *Pipeline) ask(ctx context.Context, passages []*passage) {
	var questions []question
	for _, g := range passages {
		g.asked = make([]saying, len(g.elements))
		step := &g.rules.Steps[g.next]
		asker := step.Transform.(event.Asker)
		for i := range g.elements {
			questions = append(questions, question{g, i, step, asker})
		}
	}
	var rests rests
	atOnce(len(questions), askAtOnce, func(i int) {
		q := questions[i]
		q.passage.asked[q.place] = rests.ask(ctx, q)
	})
}

// rests are the steps that did not get an answer in this round: they are not asked again in it.
type rests struct {
	mu     sync.Mutex
	failed map[*Step]error
}

func (r *rests) ask(ctx context.Context, q question) saying {
	r.mu.Lock()
	err := r.failed[q.step]
	r.mu.Unlock()
	var answer []byte
	if err == nil {
		answer, err = guarded(func() ([]byte, error) { return q.asker.Ask(ctx, q.passage.elements[q.place]) })
	}
	var panicked *panicError
	switch {
	case err == nil:
		return saying{Word: string(answer)}
	case event.IsPermanent(err):
		return saying{None: err.Error()}
	case errors.As(err, &panicked):
		return saying{None: err.Error()}
	}
	r.mu.Lock()
	if r.failed == nil {
		r.failed = make(map[*Step]error)
	}
	r.failed[q.step] = err
	r.mu.Unlock()
	return askAgain(q.passage, err)
}

// askAgain is when an event is asked about again.
func askAgain(g *passage, err error) saying {
	attempts, since := g.tries()
	if time.Since(since) > askFor {
		return saying{None: err.Error()}
	}
	wait := askAgainMax
	if attempts < 6 { // 2^6 is above the longest wait
		wait = min(askAgainFirst<<attempts, askAgainMax)
	}
	again := time.Now().Add(max(wait, event.RetryDelay(err))).UTC()
	return saying{Again: &again}
}

// atOnce calls a function for each number below n, some of them side by side.
func atOnce(n, limit int, call func(i int)) {
	if n <= 1 {
		for i := range n {
			call(i)
		}
		return
	}
	var running sync.WaitGroup
	next := make(chan int)
	for range min(n, limit) {
		running.Go(func() {
			for i := range next {
				call(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	running.Wait()
}
