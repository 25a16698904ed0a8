package expression

import (
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/trotline/trotline/event"
)

var timeFunctions = []*function{
	ofEvent(define("now(zone? zone) time", "received_at: an event handled twice gives the same result", now)),
	define("duration(text text) duration", "a duration: 250ms, 30s, 5m, 24h, 7d", parseDuration),
	define("date(text text, layout? text, zone? any) time", "a time of a text; without a layout it tries the usual ones", date),
	define("timezone(name text) zone", `a time zone, such as "Europe/Berlin"`, timezone),
	define("parse_time(value any, layout? text) time", `a time of RFC 3339, of a layout such as "02.01.2006 15:04", or of a number with "unix" or "unix_ms"`, parseTime),
	define("format_time(time time, layout? text) text", `a time as RFC 3339, in a layout such as "02.01.2006 15:04", or with "unix" or "unix_ms"`, formatTime),
}

func now(_ *site, f *frame, a []any) (any, error) {
	if len(a) == 1 {
		return f.event.Time.In(a[0].(*time.Location)), nil
	}
	return f.event.Time, nil
}

func parseDuration(s *site, _ *frame, a []any) (any, error) {
	text := a[0].(string)
	if d, err := event.ParseDuration(text); err == nil {
		return d.Std(), nil
	}
	d, err := time.ParseDuration(text) // negative ones and those of microseconds
	if err != nil {
		return nil, s.fault(0, text, "is no duration: write 250ms, 30s, 5m, 24h or 7d")
	}
	return d, nil
}

// dateLayouts are what date tries, as expr does.
var dateLayouts = []string{
	time.DateOnly, time.TimeOnly, time.DateTime, time.RFC3339, time.RFC822, time.RFC850, time.RFC1123,
}

// timeLayouts are the forms of RFC 3339, and of ISO 8601 without a zone, which is then UTC.
var timeLayouts = []string{
	time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", time.DateTime, time.DateOnly,
}

func date(s *site, _ *frame, a []any) (any, error) {
	zone, layouts := time.UTC, dateLayouts
	if len(a) > 1 {
		layouts = []string{a[1].(string)}
	}
	if len(a) == 3 {
		switch z := a[2].(type) {
		case *time.Location:
			zone = z
		case string:
			loaded, err := loadZone(s, 2, z)
			if err != nil {
				return nil, err
			}
			zone = loaded
		default:
			return nil, s.wants(2, z, "a time zone")
		}
	}
	return parseIn(s, a[0].(string), layouts, zone)
}

// parseIn never uses the machine's own time zone, which would make the result depend on it.
func parseIn(s *site, text string, layouts []string, zone *time.Location) (any, error) {
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	if len(layouts) == 1 {
		return nil, s.fault(0, text, "is no time of the layout given")
	}
	f := s.fault(0, text, "is no time")
	f.hint = `give a layout: the time Mon Jan 2 15:04:05 2006 as it would be written, or "unix" or "unix_ms"`
	return nil, f
}

func timezone(s *site, _ *frame, a []any) (any, error) {
	zone, err := loadZone(s, 0, a[0].(string))
	if err != nil {
		return nil, err
	}
	return zone, nil
}

func loadZone(s *site, arg int, name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, s.fault(arg, name, "is no time zone: write one such as Europe/Berlin or UTC")
	}
	return zone, nil
}

func parseTime(s *site, _ *frame, a []any) (any, error) {
	if t, ok := a[0].(time.Time); ok {
		return t, nil
	}
	layouts := timeLayouts
	if len(a) == 2 {
		switch layout := a[1].(string); layout {
		case "unix":
			return unixTime(s, a[0], time.Second)
		case "unix_ms":
			return unixTime(s, a[0], time.Millisecond)
		default:
			layouts = []string{layout}
		}
	}
	text, ok := a[0].(string)
	if !ok {
		f := s.wants(0, a[0], "a text")
		if isNumber(a[0]) {
			f.hint = `write parse_time(` + s.text(0) + `, "unix") or "unix_ms"`
		}
		return nil, f
	}
	return parseIn(s, strings.TrimSpace(text), layouts, time.UTC)
}

// unixTime is the time so many units after 1970, of a number or a text that is one.
func unixTime(s *site, v any, unit time.Duration) (any, error) {
	n, err := readNumber(s, v)
	if err != nil {
		return nil, err
	}
	const year10000 = 253_402_300_800 // JSON has no time from there on
	perSecond := int(time.Second / unit)
	if i, ok := n.whole(); ok {
		if i >= year10000*perSecond || i <= -year10000*perSecond {
			return nil, s.fault(0, v, "is beyond the year 9999")
		}
		return time.Unix(int64(i/perSecond), int64(i%perSecond)*int64(unit)).UTC(), nil
	}
	seconds := n.float() / float64(perSecond)
	if math.Abs(seconds) >= year10000 {
		return nil, s.fault(0, v, "is beyond the year 9999")
	}
	whole, part := math.Modf(seconds)
	micros := math.Round(part * 1e6) // a float64 of seconds holds no more
	return time.Unix(int64(whole), int64(micros)*int64(time.Microsecond)).UTC(), nil
}

func formatTime(_ *site, _ *frame, a []any) (any, error) {
	t, layout := a[0].(time.Time), time.RFC3339Nano
	if len(a) == 2 {
		switch layout = a[1].(string); layout {
		case "unix":
			return strconv.FormatInt(t.Unix(), 10), nil
		case "unix_ms":
			return strconv.FormatInt(t.UnixMilli(), 10), nil
		}
	}
	return t.Format(layout), nil
}

// timeText is the text of a time, a duration or a time zone.
func timeText(v any) (string, bool) {
	switch v := v.(type) {
	case time.Time:
		return v.Format(time.RFC3339Nano), true
	case time.Duration:
		return v.String(), true
	case *time.Location:
		return v.String(), true
	}
	return "", false
}

// method calls a method of a time or a duration, such as received_at.Unix(); nothing else has any.
func method(name string) operation {
	return func(s *site, _ *frame, a []any) (any, error) {
		switch a[0].(type) {
		case time.Time, time.Duration:
		default:
			return nil, s.fault(0, a[0], "is %s, which has no method %s", described(a[0]), name)
		}
		m := reflect.ValueOf(a[0]).MethodByName(name)
		if !m.IsValid() || m.Type().IsVariadic() || m.Type().NumIn() != len(a)-1 || m.Type().NumOut() == 0 {
			return nil, s.fault(0, a[0], "has no method %s with %s", name, count(len(a)-1))
		}
		in := make([]reflect.Value, len(a)-1)
		for i := range in {
			v, ok := argument(a[i+1], m.Type().In(i))
			if !ok {
				return nil, s.fault(i+1, a[i+1], "is %s, which %s does not take", described(a[i+1]), name)
			}
			in[i] = v
		}
		return methodResult(m.Call(in)[0].Interface()), nil
	}
}

func argument(v any, t reflect.Type) (reflect.Value, bool) {
	if n, ok := toNumber(v); ok && t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64 {
		i, whole := n.whole()
		return reflect.ValueOf(i).Convert(t), whole
	}
	rv := reflect.ValueOf(v)
	if v == nil || !rv.Type().AssignableTo(t) {
		return reflect.Value{}, false
	}
	return rv, true
}

// methodResult takes months, weekdays and the like for their numbers.
func methodResult(v any) any {
	if _, ok := v.(time.Duration); ok {
		return v
	}
	if rv := reflect.ValueOf(v); rv.CanInt() {
		return int(rv.Int())
	}
	return v
}
