package bus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// One engine works on one prefix of a cluster. Two would share the consumers
// without sharing the rules. So the engine keeps writing its name over the name
// it wrote before; who finds a name there waits whether it is renewed. No clock
// is compared with another's.
const (
	leaseRenewal = 2 * time.Second
	// leaseTime is how long a name may go without being renewed before another
	// engine takes its place.
	leaseTime = 4 * leaseRenewal
)

// owner is the name an engine writes.
func owner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("%s, process %d", host, os.Getpid())
}

// takeLease makes this engine the one that works on the prefix, or says who is.
func (b *Bus) takeLease(ctx context.Context) error {
	name, sequence, err := b.lease(ctx)
	if err != nil {
		return err
	}
	if name != "" {
		b.log.Info("another engine worked on this prefix and did not say that it has ended; waiting whether it lives", "prefix", b.options.Prefix, "engine", name, "for", leaseTime)
		sleep(ctx, leaseTime)
		living, now, err := b.lease(ctx)
		if err != nil {
			return err
		}
		if living != "" && now != sequence {
			return fmt.Errorf("another engine (%s) works on the prefix %s of this NATS; stop it, or give this one a nats.prefix of its own", living, b.options.Prefix)
		}
		sequence = now
	}
	if err := b.writeLease(ctx, owner(), sequence); err != nil {
		return fmt.Errorf("cannot take the prefix %s: %w", b.options.Prefix, err)
	}
	b.every(leaseRenewal, nil, b.renewLease)
	return nil
}

// renewLease says that this engine lives. When another one has taken its place,
// this one stops taking and handing over: two sets of rules on the same queues
// would break every promise.
func (b *Bus) renewLease(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leaseRenewal)
	defer cancel()
	err := b.writeLease(ctx, owner(), b.leased)
	switch {
	case errors.Is(err, errWrongLast):
		// Our own write may have been stored although its answer was lost.
		name, sequence, err := b.lease(ctx)
		if err == nil && name == owner() {
			b.leased = sequence
			return
		}
		if err == nil {
			b.lost.Store(true)
			b.report(causeLease, fmt.Errorf("another engine (%s) has taken this prefix; stop one of the two", name))
		}
	case err != nil && ctx.Err() == nil:
		b.log.Warn("cannot tell the NATS server that this engine lives; trying again", "error", err)
	}
}

// dropLease lets the next engine start at once.
func (b *Bus) dropLease(ctx context.Context) {
	if b.leased != 0 && !b.lost.Load() {
		_ = b.writeLease(ctx, "", b.leased) // without it the next one waits a little
	}
}

// lease is the name that was written last, "" if its engine has ended, and where it stands.
func (b *Bus) lease(ctx context.Context) (name string, sequence uint64, err error) {
	m, err := b.last(ctx, b.names.leaseSubject())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, fmt.Errorf("cannot read who works on the prefix %s: %w", b.options.Prefix, err)
	}
	return string(m.Data), m.Sequence, nil
}

func (b *Bus) writeLease(ctx context.Context, name string, over uint64) error {
	m := &nats.Msg{Subject: b.names.leaseSubject(), Data: []byte(name)}
	ack, err := b.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(over))
	var refused *jetstream.APIError
	if errors.As(err, &refused) && refused.ErrorCode == codeWrongLast {
		return errWrongLast
	}
	if err != nil {
		return err
	}
	b.leased = ack.Sequence
	return nil
}
