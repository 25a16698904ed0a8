package engine

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/trotline/trotline/engine/bus"
	"github.com/trotline/trotline/event"
)

// keyring keeps the keys that senders hand over in the store, which is opened
// after the sources are compiled.
type keyring struct{ bus atomic.Pointer[bus.Bus] }

// of is the part of a source.
func (r *keyring) of(source string) event.Keeper { return &keeper{r, source} }

// keeper is part of [event.SourceOptions].
type keeper struct {
	ring   *keyring
	source string
}

// Keep is part of [event.Keeper].
func (k *keeper) Keep(ctx context.Context, secret event.Secret) error {
	if b := k.ring.bus.Load(); b != nil {
		return b.KeepKey(ctx, k.source, secret)
	}
	return errors.New("the store is not open")
}

// Kept is part of [event.Keeper].
func (k *keeper) Kept() []event.Secret {
	if b := k.ring.bus.Load(); b != nil {
		return b.KeptKeys(k.source)
	}
	return nil
}
