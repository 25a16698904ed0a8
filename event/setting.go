package event

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The types below mark what a field of a settings struct is. The configuration
// decodes each in its own way and writes the file's JSON Schema from them.

// Secret is a text that is shown as *** wherever it is printed, logged or encoded.
type Secret string

// Reveal is the secret itself, for the one place that needs it.
func (s Secret) Reveal() string { return string(s) }

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString keeps %#v from showing the secret.
func (s Secret) GoString() string { return s.String() }

// LogValue keeps slog from showing the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON keeps JSON from showing the secret.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalText keeps encoders from showing the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Duration is written 250ms, 30s, 5m, 24h, 7d.
type Duration time.Duration

// maxDays is a hundred years: a duration of 64 bits holds almost three times as many.
const maxDays = 36500

// ParseDuration reads a [Duration]; days may stand before the other units (1d12h).
func ParseDuration(text string) (Duration, error) {
	var days time.Duration
	rest := text
	if n, after, ok := strings.Cut(text, "d"); ok {
		count, err := strconv.ParseUint(n, 10, 64)
		if err != nil || count > maxDays {
			return 0, fmt.Errorf("%q is not a duration: write 250ms, 30s, 5m, 24h or 7d", text)
		}
		days, rest = time.Duration(count)*24*time.Hour, after
		if rest == "" {
			return Duration(days), nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || days+d < 0 {
		return 0, fmt.Errorf("%q is not a duration: write 250ms, 30s, 5m, 24h or 7d", text)
	}
	return Duration(days + d), nil
}

// Std is the duration as the standard library has it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

func (d Duration) String() string {
	if t := time.Duration(d); t >= 24*time.Hour && t%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", t/(24*time.Hour))
	}
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Size is a number of bytes, written 64KiB, 5MiB, 20GiB (powers of 1024) or 64KB, 5MB, 20GB (powers of 1000).
type Size int64

// binaryUnits is how many of the units, the first ones, are powers of 1024: those a size is written in.
const binaryUnits = 4

var sizeUnits = []struct {
	unit  string
	bytes int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// ParseSize reads a [Size].
func ParseSize(text string) (Size, error) {
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(text, u.unit)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n < 0 || n > (1<<62)/u.bytes {
			break
		}
		return Size(n * u.bytes), nil
	}
	return 0, fmt.Errorf("%q is not a size: write 64KiB, 5MiB or 20GiB", text)
}

func (s Size) String() string {
	for _, u := range slices.Backward(sizeUnits[:binaryUnits]) {
		if int64(s) >= u.bytes && int64(s)%u.bytes == 0 {
			return fmt.Sprintf("%d%s", int64(s)/u.bytes, u.unit)
		}
	}
	return fmt.Sprintf("%dB", int64(s))
}

// Rate is how often something may happen, written 50/s, 1000/m, 10/h or 5/d.
type Rate struct {
	Count int
	Per   time.Duration
}

var rateUnits = []struct {
	unit string
	time time.Duration
}{
	{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour},
}

// maxRate is the most a [Rate] may count.
const maxRate = 1_000_000_000

// ParseRate reads a [Rate].
func ParseRate(text string) (Rate, error) {
	number, unit, _ := strings.Cut(text, "/")
	for _, u := range rateUnits {
		n, err := strconv.ParseUint(number, 10, 64)
		if unit == u.unit && err == nil && n > 0 && n <= maxRate {
			return Rate{Count: int(n), Per: u.time}, nil
		}
	}
	return Rate{}, fmt.Errorf("%q is not a rate: write 50/s, 1000/m, 10/h or 5/d", text)
}

func (r Rate) String() string {
	for _, u := range rateUnits {
		if u.time == r.Per {
			return fmt.Sprintf("%d/%s", r.Count, u.unit)
		}
	}
	return fmt.Sprintf("%d/%s", r.Count, r.Per)
}

// Path is a file's path. A relative one starts at the folder of the file that names it; the configuration hands it over absolute.
type Path string

// File is a file that is read when the configuration is loaded, and belongs to
// it: it is kept with the rules of its time, and a change to it is an edit.
type File struct {
	Path string // absolute
	Data []byte
}

// FieldError is a problem with one setting, found by a kind's own check. Path
// leads to it ("columns", "hmac.header", "key[1]"); "" is the settings as a whole.
type FieldError struct {
	Path string
	Msg  string
	Hint string
}

func (e *FieldError) Error() string {
	text := e.Msg
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}
