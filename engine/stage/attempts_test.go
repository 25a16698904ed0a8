package stage

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// unavailable fails every attempt and says which it was.
func unavailable(_ context.Context, d *event.Delivery) event.Verdict {
	return event.Verdict{
		Answer: event.Answer{Status: 503, Body: fmt.Appendf(nil, "busy %d", d.Attempt)},
		Err:    fmt.Errorf("attempt %d was answered 503", d.Attempt),
	}
}

func TestADeadLetterTellsEveryAttemptAcrossARestart(t *testing.T) {
	dir, r := t.TempDir(), rules(to("all", nil, "a"))
	first := newLine(t, dir, r).force()
	a := eventtest.Recorder{Judge: unavailable}
	first.sink("a", &a, nil)
	first.accept(1)
	eventually(t, func() bool { return len(a.Attempts()) >= 2 })
	first.close()
	before := len(a.Attempts())

	second := newLine(t, dir, r)
	second.sink("a", &a, func(t *Target) { t.Retry.Attempts = before + 2 })
	d := second.dead(1)[0]
	if d.Reason != ReasonExhausted || d.Attempts != before+2 || len(d.History) != d.Attempts {
		t.Fatalf("%d attempts are told of %d: %+v", len(d.History), d.Attempts, d)
	}
	for i, h := range d.History {
		n := i + 1
		if h.Number != n || h.Status != 503 || h.Error != fmt.Sprintf("attempt %d was answered 503", n) || string(h.Answer) != fmt.Sprintf("busy %d", n) || h.Time.IsZero() {
			t.Errorf("attempt %d is told as %+v", n, h)
		}
	}
}

func TestWhatASinkRemovedHadAttemptedIsTold(t *testing.T) {
	l := newLine(t, t.TempDir(), rules(to("all", nil, "a"))).force()
	a := eventtest.Recorder{Judge: unavailable}
	stage := l.sink("a", &a, nil)
	l.accept(1)
	eventually(t, func() bool { return len(a.Attempts()) >= 2 })
	before := stage.Aim(&Target{Timeout: time.Second, Concurrency: 1, BatchSize: 10})
	if err := before.Close(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if d := l.dead(1)[0]; d.Reason != ReasonRemoved || d.Attempts < 2 || len(d.History) != d.Attempts {
		t.Errorf("the letter is %+v", d)
	}
}

func TestATemplateThatFailsIsNoRefusal(t *testing.T) {
	l := newLine(t, t.TempDir(), rules(to("all", nil, "a"))).force()
	l.sink("a", &eventtest.Recorder{Judge: func(context.Context, *event.Delivery) event.Verdict {
		return event.Verdict{Err: event.Permanent(&event.StepError{Expression: "body.id", Err: fmt.Errorf("body.id is absent")})}
	}}, nil)
	l.accept(1)
	if d := l.dead(1)[0]; d.Reason != ReasonExpression || Class(d.Reason) != ClassOwn || d.Expression != "body.id" || d.Sink != "a" {
		t.Errorf("the letter is %+v", d)
	}
}
