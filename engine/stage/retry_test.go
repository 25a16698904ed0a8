package stage

import (
	"testing"
	"time"
)

func TestRetryNext(t *testing.T) {
	r := Retry{Initial: time.Second, Max: 10 * time.Minute, Factor: 2, MaxAfter: time.Hour, For: 24 * time.Hour}
	cases := []struct {
		name       string
		retry      Retry
		attempt    int
		age, after time.Duration
		want       time.Duration
		again      bool
	}{
		{"first wait", r, 1, 0, 0, time.Second, true},
		{"grows by the factor", r, 4, 0, 0, 8 * time.Second, true},
		{"up to the longest", r, 40, 0, 0, 10 * time.Minute, true},
		{"also after very many attempts", r, 5000, 0, 0, 10 * time.Minute, true},
		{"the receiver's wish is a minimum", r, 1, 0, time.Minute, time.Minute, true},
		{"a shorter wish changes nothing", r, 4, 0, time.Second, 8 * time.Second, true},
		{"the receiver's wish has a bound", r, 1, 0, 20 * time.Hour, time.Hour, true},
		{"out of time", r, 3, 24 * time.Hour, 0, 0, false},
		{"the next would be too late", r, 40, 24*time.Hour - time.Minute, 0, 0, false},
		{"out of attempts", Retry{Attempts: 3, Initial: 1, Factor: 1, Max: 1}, 3, 0, 0, 0, false},
		{"one attempt left", Retry{Attempts: 3, Initial: time.Second, Factor: 1, Max: time.Hour}, 2, 0, 0, time.Second, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, again := c.retry.Next(c.attempt, c.age, c.after)
			if got != c.want || again != c.again {
				t.Errorf("Next(%d, %v, %v) = %v, %v; want %v, %v", c.attempt, c.age, c.after, got, again, c.want, c.again)
			}
		})
	}
}

func TestRetryJitterStaysInItsPart(t *testing.T) {
	r := Retry{Initial: time.Second, Max: time.Minute, Factor: 2, Jitter: 0.2}
	for range 1000 {
		if d, _ := r.Next(1, 0, 0); d < 800*time.Millisecond || d > 1200*time.Millisecond {
			t.Fatalf("a wait of %v is outside 1s ± 20%%", d)
		}
	}
}
