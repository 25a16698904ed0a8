package main

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// newTestSums is a log whose lines are level, message and attributes alone.
func newTestSums() (*slog.Logger, *sums, *buffer) {
	var out buffer
	s := newSums(slog.NewTextHandler(&out, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	return slog.New(s), s, &out
}

func wantLines(t *testing.T, out *buffer, want ...string) {
	t.Helper()
	if got := strings.TrimSuffix(out.String(), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestRepeatsAreSummedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _, out := newTestSums()
		for i := range 4 {
			log.Warn("a delivery failed", "sink", "crm", "attempt", i)
		}
		log.Warn("a delivery failed", "sink", "warehouse", "attempt", 7)
		log.Error("a delivery failed", "sink", "crm", "attempt", 9)
		first := []string{
			`level=WARN msg="a delivery failed" sink=crm attempt=0`,
			`level=WARN msg="a delivery failed" sink=warehouse attempt=7`,
			`level=ERROR msg="a delivery failed" sink=crm attempt=9`,
		}
		wantLines(t, out, first...)
		time.Sleep(sumTime + time.Millisecond)
		synctest.Wait()
		summed := append(first, `level=WARN msg="a delivery failed … repeated 3 times in the last 10s" sink=crm attempt=3`)
		wantLines(t, out, summed...)
		log.Warn("a delivery failed", "sink", "crm", "attempt", 5)
		wantLines(t, out, append(summed, `level=WARN msg="a delivery failed" sink=crm attempt=5`)...)
		time.Sleep(2 * sumTime)
	})
}

func TestPlaceOfTheLoggerCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s, out := newTestSums()
		log.With("sink", "a").Info("opened", "n", 1)
		log.With("sink", "b").Info("opened", "n", 1)
		log.With("sink", "a").Info("opened", "n", 2)
		s.flush()
		wantLines(t, out,
			`level=INFO msg=opened sink=a n=1`,
			`level=INFO msg=opened sink=b n=1`,
			`level=INFO msg="opened … repeated 1 times in the last 10s" sink=a n=2`)
	})
}

func TestWithoutAPlaceAllAttributesCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s, out := newTestSums()
		log.Error("the edit is refused", "problems", "a.yaml:1:1: no")
		log.Error("the edit is refused", "problems", "a.yaml:2:1: no")
		s.flush()
		s.flush()
		wantLines(t, out,
			`level=ERROR msg="the edit is refused" problems="a.yaml:1:1: no"`,
			`level=ERROR msg="the edit is refused" problems="a.yaml:2:1: no"`)
	})
}
