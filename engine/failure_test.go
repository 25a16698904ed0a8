package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
)

// failing is a chain whose middle hop has an on_failure. What a sink gets says which one it is.
func failing(onFailure string) string {
	return fmt.Sprintf(`
sinks:
  a: {type: recorder}
  b: {type: recorder}
  c: {type: recorder}
  x: {type: recorder}
  y: {type: recorder}
pipelines:
  orders:
    from: shop
    chain:
      - {sink: a, map: {at: '"a"'}}
      - {sink: b, map: {at: '"b"'}, on_failure: %s}
      - {sink: c, map: {at: '"c"', b: results.b.error}}
  others: {from: shop, steps: [filter: false], to: [x, y]}
`, onFailure)
}

const toX = `{to: [{sink: x, map: {at: '"x"', b: results.b.reason}}]}`

// refuseAt makes some sinks refuse everything, and the others take it.
func (r *rig) refuseAt(sinks string) {
	r.got.Judge = func(_ context.Context, d *event.Delivery) event.Verdict {
		if at := place(d); strings.Contains(sinks, at) {
			return event.Verdict{Err: event.Permanentf("%s says no", at)}
		}
		return event.Verdict{}
	}
}

// place is the sink that a delivery says it is for.
func place(d *event.Delivery) string {
	v, _ := d.Event.Body.Value()
	fields, _ := v.(map[string]any)
	at, _ := fields["at"].(string)
	return at
}

// places are the sinks that have taken something, in order; n of them are waited for.
func (r *rig) places(n int) string {
	r.t.Helper()
	r.deliveries(n)
	all := ""
	for _, d := range r.got.Delivered() {
		all += place(d)
	}
	return all
}

func (r *rig) replay(d *bus.Dead) {
	r.t.Helper()
	if _, err := r.engine.ReplayDead(r.t.Context(), d.Number, "", false); err != nil {
		r.t.Fatal(err)
	}
}

// refuseAt changes what the sinks say while nothing is attempted: an edit that
// touches no sink would not help.
func TestADeadLetterThatItsChainWentOnWithoutIsReplayedAlone(t *testing.T) {
	for name, edit := range map[string]string{"no edit": "", "stop": "stop", "to": toX} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, failing("continue"))
			r.refuseAt("b")
			r.accept(1)
			letters := r.letters(1)
			if got := r.places(2); got != "ac" || letters[0].Sink != "b" || !letters[0].Final {
				t.Fatalf("delivered to %s; the dead letter says %+v", got, letters[0])
			}
			if edit != "" {
				r.write(failing(edit))
				r.reload(Applied)
			}
			r.refuseAt("")
			r.replay(letters[0])
			if got := r.places(3); got != "acb" {
				t.Errorf("after the replay: delivered to %s", got)
			}
			r.letters(0)
			// Nothing follows: a second event comes to the end of the chain before anything else of the first.
			r.accept(2)
			if got := r.places(6); got != "acbabc" {
				t.Errorf("after the replay and another event: delivered to %s", got)
			}
		})
	}
}

func TestWhatWasHandedOverGoesOnThere(t *testing.T) {
	r := newRig(t, failing(toX))
	r.refuseAt("bx")
	r.accept(1)
	letters := r.letters(1)
	if d := letters[0]; d.Sink != "x" || d.After != "b" || d.Results["b"].Error != "b says no" {
		t.Fatalf("the dead letter says %+v", d)
	}

	r.write(failing("continue"))
	r.reload(Applied)
	if _, err := r.engine.ReplayDead(r.t.Context(), letters[0].Number, "", false); err == nil || !strings.Contains(err.Error(), "no longer hands over to the sink x what fails at b; name a sink with --to") {
		t.Errorf("without a way there: %v", err)
	}

	r.write(failing(strings.Replace(toX, "b: results.b.reason", "b: results.b.error", 1)))
	r.reload(Applied)
	r.refuseAt("b")
	r.replay(letters[0])
	if got := r.places(2); got != "ax" {
		t.Errorf("delivered to %s", got)
	}
	if raw, _ := r.got.Delivered()[1].Event.Body.Raw(); string(raw) != `{"at":"x","b":"b says no"}` {
		t.Errorf("x got %s", raw)
	}
	r.letters(0)
}

// A dead letter of an earlier rule follows the one in force when it is replayed.
func TestAReplayFollowsTheOnFailureInForce(t *testing.T) {
	r := newRig(t, failing("stop"))
	r.refuseAt("b")
	r.accept(1)
	letters := r.letters(1)
	r.write(failing(toX))
	r.reload(Applied)
	r.replay(letters[0])
	if got := r.places(2); got != "ax" {
		t.Errorf("delivered to %s", got)
	}
	r.letters(0)
}
