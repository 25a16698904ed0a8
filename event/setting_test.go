package event

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"250ms": 250 * time.Millisecond, "5m": 5 * time.Minute, "7d": 7 * 24 * time.Hour, "1d12h": 36 * time.Hour, "0s": 0, "0d": 0,
	} {
		d, err := ParseDuration(text)
		if err != nil || d.Std() != want {
			t.Errorf("%s is %v, %v; want %v", text, d.Std(), err, want)
		}
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Errorf("%s is written %s, which is %v, %v", text, d, again, err)
		}
	}
	for _, text := range []string{"", "5", "d", "-1d", "-5s", "1.5d", "1d-2h", "36501d", "36500d2540400h", "99999999999999999999d", "1d1d"} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("%q is taken for %v", text, d.Std())
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0B": 0, "512B": 512, "64KiB": 64 << 10, "5 MiB": 5 << 20, "20GiB": 20 << 30, "2TiB": 2 << 40, "5MB": 5e6,
	} {
		s, err := ParseSize(text)
		if err != nil || s != want {
			t.Errorf("%s is %d, %v; want %d", text, s, err, want)
		}
		if again, err := ParseSize(s.String()); err != nil || again != s {
			t.Errorf("%s is written %s, which is %d, %v", text, s, again, err)
		}
	}
	for _, text := range []string{"", "5", "MiB", "-1B", "1.5GiB", "5mib", "99999999TiB", "0x10B"} {
		if s, err := ParseSize(text); err == nil {
			t.Errorf("%q is taken for %d bytes", text, s)
		}
	}
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]Rate{
		"50/s": {50, time.Second}, "1000/m": {1000, time.Minute}, "10/h": {10, time.Hour}, "1/d": {1, 24 * time.Hour},
		"1000000000/s": {1_000_000_000, time.Second},
	} {
		r, err := ParseRate(text)
		if err != nil || r != want {
			t.Errorf("%s is %v, %v; want %v", text, r, err, want)
		}
		if r.String() != text {
			t.Errorf("%s is written %s", text, r)
		}
	}
	for _, text := range []string{"", "50", "/s", "50/", "0/s", "-1/s", "+1/s", "1.5/s", "50/ms", "50 / s", "50/s/s", "1000000001/s", "99999999999999999999/s"} {
		if r, err := ParseRate(text); err == nil {
			t.Errorf("%q is taken for %v", text, r)
		}
	}
}
