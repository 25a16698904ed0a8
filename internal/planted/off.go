//go:build !planted

// Package planted holds the faults that are planted to see whether the tests
// find them (make chaos-planted). They are there only with the build tag
// planted; in any other build they are constants that the compiler takes out.
package planted

// The faults, none of which is there.
const (
	NoBarrier     = false
	EarlyAck      = false
	NakUnderOrder = false
)
