package stage

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/trotline/trotline/engine/metrics"
	"github.com/trotline/trotline/event/eventtest"
)

// A step that remembers as many keys as it can forgets the one that was noted
// longest ago, and counts it.
func TestKeysAreForgottenEarly(t *testing.T) {
	figures := metrics.New()
	m := newMemory("orders", &Shared{Book: intakes{}, Metrics: figures, Log: slog.New(slog.DiscardHandler)})
	m.most = 2
	step := &Step{Name: "counting_1", Transform: counting{"k"}, State: "counting"}
	for i, c := range []struct{ key, nth string }{
		{"a", "1"}, {"b", "1"}, {"a", "2"}, {"c", "1"}, // b goes: a was noted later
		{"a", "3"}, {"b", "1"}, // c goes
		{"a", "4"}, {"c", "1"}, // b goes
	} {
		s := m.decide(7, step, counting{"k"}, eventtest.Event(map[string]any{"k": c.key}))
		if s.Word != c.nth {
			t.Errorf("event %d, of %s, is number %s of its key, not %s", i, c.key, s.Word, c.nth)
		}
	}
	families, err := figures.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := ""
	for _, f := range families {
		if f.GetName() == "trotline_keys_forgotten_early_total" {
			for _, x := range f.GetMetric() {
				counted += fmt.Sprint(x.GetCounter().GetValue())
			}
		}
	}
	if counted != "3" {
		t.Errorf("the figure says %q", counted)
	}
}
