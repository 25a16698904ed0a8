package door

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/trotline/trotline/event"
	"golang.org/x/time/rate"
)

// Rate is how many requests a route takes in a time; so many may come at once.
type Rate struct {
	Limit event.Rate
	// PerIP: the limit is each client's. An IPv6 client is its network of 64
	// bits: it may take any address in it.
	PerIP bool
	// Per: the limit is that of each value of an expression, which sees no body.
	// Requests it has no value for share one. nil, without PerIP: the limit is the route's.
	Per event.Expr
}

// rule is a rate's own name. A rate that an edit does not change keeps it, and so its buckets.
func (r *Rate) rule(source string) string {
	per := ""
	switch {
	case r.PerIP:
		per = "ip"
	case r.Per != nil:
		per = "=" + r.Per.Text()
	}
	return source + " " + r.Limit.String() + " " + per
}

// buckets are the token buckets of all routes and their clients. The one that
// was not used for the longest time is forgotten when there are too many: it is
// the likeliest to be full again, and a new one is full too.
type buckets struct {
	seed   maphash.Seed // so that nobody can choose a client's bucket
	mu     sync.Mutex
	recent *simplelru.LRU[uint64, *rate.Limiter]
}

func newBuckets(most int) *buckets {
	recent, err := simplelru.NewLRU[uint64, *rate.Limiter](most, nil)
	if err != nil {
		panic("door: " + err.Error()) // the limit is below 1
	}
	return &buckets{seed: maphash.MakeSeed(), recent: recent}
}

// take takes a token for the request, or says how long it is until there is one.
func (b *buckets) take(v *visit, r *http.Request) (wait time.Duration) {
	rule := v.route.Rate
	limiter := b.bucket(b.key(v, r), rule.Limit)
	token := limiter.ReserveN(v.start, 1)
	if wait = token.DelayFrom(v.start); wait > 0 {
		token.CancelAt(v.start)
	}
	return wait
}

// key is a digest of whose bucket it is: what a client writes may be long.
func (b *buckets) key(v *visit, r *http.Request) uint64 {
	var h maphash.Hash
	h.SetSeed(b.seed)
	h.WriteString(v.route.rule)
	switch rule := v.route.Rate; {
	case rule.PerIP:
		maphash.WriteComparable(&h, network(v.remote))
	case rule.Per != nil:
		h.WriteByte(0)
		h.WriteString(v.client(rule.Per, r))
	}
	return h.Sum64()
}

func network(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address is known
	}
	return p
}

// client is what an expression says of a request, "" where it has no value.
func (v *visit) client(per event.Expr, r *http.Request) string {
	q := v.request(r, nil, "")
	info := event.RequestInfo{Method: q.Method, Path: q.Path, Header: q.Header, Query: q.Query, Params: q.Params}
	if q.RemoteIP.IsValid() {
		info.RemoteIP = q.RemoteIP.String()
	}
	e := &event.Event{Source: v.route.Source, Time: q.Time, Request: event.Keep(info)}
	value, err := per.Eval(e, nil)
	if err != nil {
		return ""
	}
	text, _ := value.(string)
	return text
}

func (b *buckets) bucket(key uint64, limit event.Rate) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	limiter, ok := b.recent.Get(key)
	if !ok {
		limiter = rate.NewLimiter(rate.Limit(float64(limit.Count)/limit.Per.Seconds()), limit.Count)
		b.recent.Add(key, limiter)
	}
	return limiter
}
