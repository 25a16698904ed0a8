package stage

import (
	"strings"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
)

// OnFailure says what becomes of a delivery that failed for good at a hop of a
// chain. The zero value makes a dead letter of it, and the chain ends there.
type OnFailure struct {
	Continue bool  // a dead letter, and the chain goes on
	To       []Hop // no dead letter: it is handed to those of these that want it, and the chain ends there
}

// to is the hop to a sink; nil if there is none.
func (f *OnFailure) to(sink string) *Hop {
	for i := range f.To {
		if f.To[i].Sink == sink {
			return &f.To[i]
		}
	}
	return nil
}

// Failed is what becomes of a delivery that failed for good, whose dead letter
// would be d: that letter, with or without what follows in the chain, or what is
// handed over in its place.
func (r *Rules) Failed(w *bus.Work, answer event.Answer, d *bus.Dead) *Outcome {
	o := &Outcome{}
	answer.Error, _, _ = strings.Cut(d.Error, "\n") // behind a panic's first line stands our code
	answer.Reason = d.Reason
	switch hop := r.hop(w); {
	case hop == nil:
	case hop.OnFailure.Continue && !w.Final:
		o = r.Next(w, &answer)
		d.Final = true
	case len(hop.OnFailure.To) > 0:
		o = r.failOver(w, hop.OnFailure.To, answer)
		if len(o.Work) > 0 {
			return o
		}
	}
	o.Dead = append(o.Dead, d)
	return o
}

// failOver hands what failed over to those of the hops that want it.
func (r *Rules) failOver(w *bus.Work, to []Hop, answer event.Answer) *Outcome {
	o := &Outcome{}
	next := *w
	next.After, next.Final, next.Results = w.Sink, false, with(w, answer)
	for i := range to {
		r.offer(&to[i], &next, w.Hop, o)
	}
	return o
}
