package admin

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"time"

	"github.com/trotline/trotline/event"
)

// The numbers of entries a list answers with.
const (
	defaultLimit = 50
	maxLimit     = 10_000
)

// query reads the parameters of a request and keeps the first mistake.
type query struct {
	values url.Values
	err    error
}

func (q *query) fail(name, format string, args ...any) {
	if q.err == nil {
		q.err = fmt.Errorf("%s: "+format, append([]any{name}, args...)...)
	}
}

// known refuses a parameter that would be ignored: a misspelt filter of a drop
// would drop everything.
func (q *query) known(names ...string) {
	ok := make(map[string]bool, len(names))
	for _, n := range names {
		ok[n] = true
	}
	for name, values := range q.values {
		if !ok[name] {
			q.fail(name, "unknown parameter; there are %v", names)
		}
		if len(values) > 1 {
			q.fail(name, "given twice")
		}
	}
}

func (q *query) text(name string) string { return q.values.Get(name) }

func (q *query) number(name string, fallback uint64) uint64 {
	text := q.values.Get(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		q.fail(name, "%q is not a number", text)
	}
	return n
}

func (q *query) limit() int {
	n := q.number("limit", defaultLimit)
	if n == 0 || n > maxLimit {
		q.fail("limit", "must be from 1 to %d", maxLimit)
	}
	return int(min(n, maxLimit))
}

// most is how many messages a run takes at the most; 0 is no limit.
func (q *query) most() int { return int(min(q.number("limit", 0), math.MaxInt32)) }

// page is the sequence a list goes on from, and whether it goes back from
// there (?before, or neither) or forward (?after).
func (q *query) page() (sequence uint64, newest bool) {
	before, after := q.number("before", 0), q.number("after", 0)
	if before > 0 && after > 0 {
		q.fail("before", "give before or after, not both")
	}
	if after > 0 {
		return after, false
	}
	return before, true
}

func (q *query) flag(name string) bool {
	text := q.values.Get(name)
	if text == "" {
		return false
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		q.fail(name, "%q is neither true nor false", text)
	}
	return b
}

// time reads a time (RFC 3339), or a duration before now.
func (q *query) time(name string, now time.Time) time.Time {
	text := q.values.Get(name)
	if text == "" {
		return time.Time{}
	}
	t, err := ParseTime(text, now)
	if err != nil {
		q.fail(name, "%v", err)
	}
	return t
}

// ParseTime reads a time as people name it: 2026-02-01T10:00:00Z (RFC 3339),
// 2026-02-01 (its start in UTC), or how long before now: 15m, 24h, 7d.
func ParseTime(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	if d, err := event.ParseDuration(text); err == nil {
		return now.Add(-d.Std()), nil
	}
	return time.Time{}, errors.New(strconv.Quote(text) + " is not a time: write 2026-02-01T10:00:00Z, 2026-02-01, or how long ago: 15m, 24h, 7d")
}
