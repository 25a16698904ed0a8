package stage

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
)

// Rate is how many deliveries a sink is given in a time.
type Rate struct {
	Limit event.Rate // a zero Count: there is none
	// Per gives what has a limit of its own. Deliveries for which it gives
	// nothing share one. nil: the sink has one.
	Per event.Expr
}

func (r Rate) same(other Rate) bool {
	text := func(r Rate) string {
		if r.Per == nil {
			return ""
		}
		return r.Per.Text()
	}
	return r.Limit == other.Limit && text(r) == text(other)
}

// limiter keeps a sink to its rate, for all pipelines that use it. An edit that
// does not change the rate does not begin it anew.
type limiter struct {
	mu    sync.Mutex
	rate  Rate
	whole *rate.Limiter
	each  *simplelru.LRU[string, *rate.Limiter]
}

const (
	// limitTenants is how many keys of a rate are remembered. One that was silent
	// for the longest time is forgotten first: most likely it could begin anew anyway.
	limitTenants = 100_000
	// limitAtOnce is how much of a rate may come at once: deliveries are spread,
	// and a timer that is late makes up for it.
	limitAtOnce = 100 * time.Millisecond
)

// set changes the rate; false when it is the one there was.
func (l *limiter) set(r Rate) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.same(l.rate) {
		l.rate = r
		return false
	}
	l.rate, l.whole, l.each = r, nil, nil
	switch {
	case r.Limit.Count == 0:
	case r.Per == nil:
		l.whole = newBucket(r.Limit)
	default:
		each, err := simplelru.NewLRU[string, *rate.Limiter](limitTenants, nil)
		if err != nil {
			panic("stage: " + err.Error()) // the size is ours
		}
		l.each = each
	}
	return true
}

func newBucket(r event.Rate) *rate.Limiter {
	each := float64(r.Count) / r.Per.Seconds()
	return rate.NewLimiter(rate.Limit(each), max(1, int(each*limitAtOnce.Seconds())))
}

// wait waits until n deliveries are within the rate of the sink; false when ctx ended first.
func (l *limiter) wait(ctx context.Context, n int) bool {
	l.mu.Lock()
	whole := l.whole
	l.mu.Unlock()
	if whole == nil {
		return ctx.Err() == nil
	}
	var until time.Duration
	for now := time.Now(); n > 0; n -= whole.Burst() {
		until = whole.ReserveN(now, min(n, whole.Burst())).DelayFrom(now)
	}
	return until == 0 || sleep(ctx, until)
}

// book takes the next place of a delivery's key, and says how long it is until then.
func (l *limiter) book(w *bus.Work) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.each == nil {
		return 0
	}
	key := ""
	if v, err := evaluated(func() (any, error) { return l.rate.Per.Eval(w.Event, w.Results) }); err == nil {
		key, _ = v.(string)
	}
	bucket, ok := l.each.Get(key)
	if !ok {
		bucket = newBucket(l.rate.Limit)
		l.each.Add(key, bucket)
	}
	return bucket.Reserve().Delay()
}
