//go:build !linux

package bus

// canFlush tells whether one call can make everything in a folder durable.
// Where none can, JetStream itself writes each message to the disk before it
// confirms it.
const canFlush = false

func newFlusher(string) (flush, closeIt func() error, err error) {
	nothing := func() error { return nil }
	return nothing, nothing, nil
}
