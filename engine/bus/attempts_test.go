package bus

import (
	"bytes"
	"testing"
	"time"
)

func TestAttemptsAreRemembered(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	start(t, b)
	w := &Work{Event: order(1), Sink: "crm", Pipeline: "orders", Route: "all"}
	other := &Work{Event: order(2), Sink: "crm", Pipeline: "orders", Route: "all"}
	noted := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for n := 1; n <= keptAttempts+5; n++ {
		b.NoteAttempt(w, Attempt{Number: n, Time: noted, Status: 503, Error: "busy", Answer: bytes.Repeat([]byte("x"), 2*maxAnswer)})
	}
	b.NoteAttempt(other, Attempt{Number: 1, Error: "another delivery"})
	read := func(b *Bus) (all []Attempt) {
		eventually(t, "the attempts are there", func() bool {
			var err error
			if all, err = b.Attempts(soon(t), w); err != nil {
				t.Fatal(err)
			}
			return len(all) > 0 && all[len(all)-1].Number == keptAttempts+5
		})
		return all
	}
	read(b)
	shut(t, b)

	all := read(open(t, dir))
	if len(all) != keptAttempts || all[0].Number != 6 {
		t.Errorf("%d attempts are remembered, from %d on", len(all), all[0].Number)
	}
	if a := all[0]; !a.Time.Equal(noted) || a.Status != 503 || a.Error != "busy" || len(a.Answer) != maxAnswer {
		t.Errorf("the attempt is %+v", a)
	}
}
