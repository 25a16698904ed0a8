package event

import "testing"

// A delivery's id is made of what names it: the receivers know it from release to release.
func TestDeliveryID(t *testing.T) {
	e := &Event{ID: "o-1", Source: "shop", Stamp: "one acceptance"}
	id := e.DeliveryID("orders", "big")
	if id != "641c6744-b058-8f9a-8bb9-ed6ff15d27e6" {
		t.Errorf("it is %s", id)
	}
	again := *e
	again.Stamp = "another one"
	if got := again.DeliveryID("orders", "big"); got != id {
		t.Errorf("the same event's is %s", got)
	}
	again.Replay = "r-1"
	replayed := again.DeliveryID("orders", "big")
	if again.Replay = "r-2"; replayed == id || replayed == again.DeliveryID("orders", "big") {
		t.Error("a replay has no delivery of its own")
	}
}
