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

// TestPlanted runs builds each of which breaks a promise, and wants that found.
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
	for _, fault := range []string{"no-barrier", "early-ack"} {
		t.Run(fault, func(t *testing.T) {
			planted = []string{"TROTLINE_PLANTED=" + fault}
			for seed := *firstSeed; seed < *firstSeed+uint64(*seeds); seed++ {
				var v *verdict
				t.Run(fmt.Sprint(seed), func(t *testing.T) { v = try(t, newPlan(seed)) })
				if v != nil && v.lost > 0 {
					t.Logf("found: %d of %d accepted events are lost", v.lost, v.accepted)
					return
				}
			}
			t.Errorf("%d seeds have not found it", *seeds)
		})
	}
}
