package transforms

import (
	"fmt"
	"testing"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

func TestSample(t *testing.T) {
	const n = 20_000
	kept := func(rate float64, key event.Expr) (count int) {
		step := open(t, "sample", &sampleSettings{Rate: rate, Key: key})
		for i := range n {
			e := eventtest.EventJSON(fmt.Sprintf(`{"customer": %d}`, i%100))
			e.ID = fmt.Sprint("event-", i)
			first, err := step.Apply(t.Context(), e)
			again, _ := step.Apply(t.Context(), e)
			if err != nil || len(first) != len(again) {
				t.Fatalf("event %d: %v; %d and then %d are kept", i, err, len(first), len(again))
			}
			count += len(first)
		}
		return count
	}
	for _, rate := range []float64{0, 0.1, 0.5, 1} {
		if got, want := float64(kept(rate, nil)), rate*n; got < want-0.02*n || got > want+0.02*n {
			t.Errorf("a rate of %v keeps %v of %d", rate, got, n)
		}
	}
	if got := kept(0.5, expr(t, "body.customer", event.String)); got%(n/100) != 0 || got == 0 || got == n {
		t.Errorf("by customer, %d of %d are kept: some customer is not kept or dropped as a whole", got, n)
	}
	checkError(t, open(t, "sample", &sampleSettings{Rate: 0.5, Key: expr(t, "body.customer", event.String)}), `{}`, "body.customer")
}
