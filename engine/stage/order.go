package stage

import (
	"math"
	"sync"
)

// Order knows how far each pipeline has handed over its events. A lane is
// given a delivery only when all that its pipeline has made of earlier events is
// in the store: one that the store would not take at once may come after what
// follows it. Its methods are safe for concurrent use.
type Order struct {
	mu        sync.Mutex
	pipelines map[string]*handing
	complete  bool // every pipeline there is, is known
	lanes     map[string]*lanes
}

// NewOrder is an Order that knows nobody.
func NewOrder() *Order {
	return &Order{pipelines: make(map[string]*handing), lanes: make(map[string]*lanes)}
}

// handing is how far a pipeline has handed over.
type handing struct {
	open []*span // pulled and not handed over
	next uint64  // everything before is handed over, once nothing is open
}

// span is the events of one round.
type span struct{ first, last uint64 }

// Begin makes a pipeline known that has handed over everything up to a sequence.
func (o *Order) Begin(pipeline string, floor uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pipelines[pipeline] == nil {
		o.pipelines[pipeline] = &handing{next: floor + 1}
	}
}

// End forgets a pipeline: it hands over no more.
func (o *Order) End(pipeline string) {
	o.mu.Lock()
	delete(o.pipelines, pipeline)
	o.mu.Unlock()
	o.advance()
}

// Complete says that every pipeline that has anything to hand over is known.
// Until then no delivery of an unknown one is attempted.
func (o *Order) Complete() {
	o.mu.Lock()
	o.complete = true
	o.mu.Unlock()
	o.advance()
}

// pulled notes the events of a round; nil: it has none.
func (o *Order) pulled(pipeline string, s *span) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if h := o.pipelines[pipeline]; h != nil && s != nil {
		h.open = append(h.open, s)
	}
}

// handed says that all that came of a round is in the store.
func (o *Order) handed(pipeline string, s *span) {
	if s == nil {
		return
	}
	o.mu.Lock()
	if h := o.pipelines[pipeline]; h != nil {
		h.close(s)
	}
	o.mu.Unlock()
	o.advance()
}

func (h *handing) close(s *span) {
	for i := range h.open {
		if h.open[i] == s {
			h.open = append(h.open[:i], h.open[i+1:]...)
			break
		}
	}
	h.next = max(h.next, s.last+1)
}

// limit is the sequence before which everything of a pipeline is handed over.
func (o *Order) limit(pipeline string) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	h := o.pipelines[pipeline]
	switch {
	case h == nil && o.complete:
		return math.MaxUint64
	case h == nil:
		return 0
	}
	limit := h.next
	for _, s := range h.open {
		limit = min(limit, s.first)
	}
	return limit
}

// enter makes the lanes of a sink known.
func (o *Order) enter(sink string, l *lanes) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lanes[sink] = l
}

// leave forgets them.
func (o *Order) leave(sink string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.lanes, sink)
}

// advance tells all lanes that what they hold back may go on.
func (o *Order) advance() {
	o.mu.Lock()
	var held []*lanes
	for _, l := range o.lanes {
		if l.holdsBack() {
			held = append(held, l)
		}
	}
	o.mu.Unlock()
	for _, l := range held {
		l.admit()
	}
}
