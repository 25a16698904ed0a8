package verify

import (
	"net/http"
	"strconv"
	"time"

	"github.com/trotline/trotline/event"
)

// timestamp is where the signed time of a request stands, and how far it may be from ours.
type timestamp struct {
	place     place
	unit      unit
	tolerance time.Duration // either way
	unbounded bool
}

// unit is a way to write a time.
type unit struct {
	name  string // for the sender
	parse func(text string) (time.Time, error)
	write func(time.Time) string
}

// maxSeconds is the year 9999: a time beyond it is a mistake, and would overflow.
const maxSeconds = 253402300799

var units = map[string]unit{
	"s":       {"a number of seconds", parseSeconds, func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }},
	"ms":      {"a number of milliseconds", parseMillis, func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }},
	"rfc3339": {"a time of RFC 3339", parseRFC3339, func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }},
	"rfc1123": {"a time of RFC 1123", http.ParseTime, func(t time.Time) string { return t.UTC().Format(http.TimeFormat) }},
	"auto":    {"a time", parseAuto, func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }},
}

func parseSeconds(text string) (time.Time, error) { return parseSince(text, time.Second) }

func parseMillis(text string) (time.Time, error) { return parseSince(text, time.Millisecond) }

func parseSince(text string, one time.Duration) (time.Time, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	perSecond := int64(time.Second / one)
	if n < 0 || n/perSecond > maxSeconds {
		return time.Time{}, strconv.ErrRange
	}
	return time.Unix(n/perSecond, n%perSecond*int64(one)), nil
}

func parseRFC3339(text string) (time.Time, error) { return time.Parse(time.RFC3339Nano, text) }

// parseAuto reads what a sender writes in more than one way: eleven digits of
// seconds reach the year 5138, twelve of milliseconds begin in 1973.
func parseAuto(text string) (time.Time, error) {
	if _, err := strconv.ParseUint(text, 10, 64); err != nil {
		return parseRFC3339(text)
	}
	if len(text) > 11 {
		return parseMillis(text)
	}
	return parseSeconds(text)
}

// read finds the time in a request and refuses one that is too old, which may
// be a replay, or too far ahead, which could be replayed for as long. That text
// is what is signed.
func (t *timestamp) read(q *reading) error {
	text, was := q.find(&t.place)
	if was != once {
		return (&absence{t.place, was}).refusal(reasonTimestamp)
	}
	q.stamp = text
	at, err := t.unit.parse(text)
	if err != nil {
		return event.Refuse(http.StatusUnauthorized, reasonTimestamp, "The time of the signature is not %s.", t.unit.name)
	}
	// Whole seconds on both sides: a sender that writes seconds cuts off what we would count.
	if apart := at.Truncate(time.Second).Sub(q.Time.Truncate(time.Second)).Abs(); apart > t.tolerance && !t.unbounded {
		return event.Refuse(http.StatusUnauthorized, reasonTimestamp,
			"The time of the signature is more than %d seconds from ours.", int64(t.tolerance/time.Second))
	}
	return nil
}
