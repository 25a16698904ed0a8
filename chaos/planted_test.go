//go:build unix

package chaos

import (
	"flag"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/trotline/trotline/internal/rig"
)

var plant = flag.Bool("planted", false, "run builds with planted faults instead")

// plants are the faults that are planted, and what each of them does to how many events.
var plants = []struct {
	fault  string
	harm   string
	harmed func(*verdict) int
}{
	{"no-barrier", "lost", func(v *verdict) int { return v.lost }},
	{"early-ack", "lost", func(v *verdict) int { return v.lost }},
	{"nak-under-order", "out of order", func(v *verdict) int { return v.disorder }},
}

// TestPlanted runs builds each of which breaks a promise, and wants that found,
// in a seed that finds nothing wrong when the fault is left out.
func TestPlanted(t *testing.T) {
	if !*plant {
		t.Skip("takes minutes; make chaos-planted")
	}
	whole := binary
	t.Cleanup(func() { binary, planted = whole, nil })
	binary = filepath.Join(t.TempDir(), "trotline")
	if err := rig.Build(binary, "github.com/trotline/trotline/cmd/trotline", "planted"); err != nil {
		t.Fatal(err)
	}
	for _, p := range plants {
		t.Run(p.fault, func(t *testing.T) {
			for seed := *firstSeed; seed < *firstSeed+uint64(*seeds); seed++ {
				v := tryPlanted(t, p.fault, seed)
				if v == nil || p.harmed(v) == 0 {
					continue
				}
				t.Logf("found: %d of %d accepted events are %s", p.harmed(v), v.accepted, p.harm)
				if v := tryPlanted(t, "", seed); v != nil {
					for _, finding := range v.findings {
						t.Errorf("without it: %s", finding)
					}
				}
				return
			}
			t.Errorf("%d seeds have not found it", *seeds)
		})
	}
}

// tryPlanted runs a seed with a fault planted, or none. It returns nil when the test could not be set up.
func tryPlanted(t *testing.T, fault string, seed uint64) (v *verdict) {
	name := fmt.Sprint(seed)
	planted = []string{"TROTLINE_PLANTED=" + fault}
	if fault == "" {
		name += "-without"
	}
	t.Run(name, func(t *testing.T) { v = try(t, newPlan(seed)) })
	return v
}
