//go:build unix

package chaos

import (
	"testing"
	"time"
)

// TestClockSetBack has deliveries fail while the clock is nine hours ahead. Once it
// is right again they are made after seconds, not after nine hours.
func TestClockSetBack(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the binary; run without -short")
	}
	wrong := []step{
		{at: 200 * time.Millisecond, fault: jump, by: 9 * time.Hour},
		{at: 500 * time.Millisecond, fault: failing, on: hook, lasts: 2 * time.Second},
		{at: 500 * time.Millisecond, fault: down, on: ledger, lasts: 2 * time.Second},
		{at: 500 * time.Millisecond, fault: slow, on: audit, lasts: 2 * time.Second},
		{at: 2 * time.Second, fault: setRight},
	}
	for name, steps := range map[string][]step{
		"while it runs":    wrong,
		"between two runs": append(wrong[:len(wrong):len(wrong)], step{at: 2 * time.Second, fault: kill}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := try(t, &plan{conns: 8, rate: 200, lasts: 3 * time.Second, steps: steps})
			for _, finding := range v.findings {
				t.Error(finding)
			}
		})
	}
}
