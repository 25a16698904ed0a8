package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
)

// A message of a stream cannot be changed. A dead letter that is edited is
// stored again, under a subject that ends with its number, and the former one is
// removed: its number stays, its place in the stream does not.

// editedSubject has the letter of a number once it was edited.
func (n names) editedSubject(number uint64) string {
	return n.prefix + ".dead.*.*.*." + strconv.FormatUint(number, 10)
}

// Amend puts a dead letter in the place of the one it was read as, and returns
// once that is durable. A crash in between leaves both, and the next start
// removes the former one.
func (b *Bus) Amend(ctx context.Context, d *Dead) error {
	m, err := b.names.encodeDead(d, 0)
	if err == nil && len(m.Data) > b.options.largest()-maxHeaders {
		err = fmt.Errorf("it takes %d bytes, %d are possible", len(m.Data), b.options.largest()-maxHeaders)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnstorable, err)
	}
	m.Subject += "." + strconv.FormatUint(d.Number, 10)
	m.Header.Del(jetstream.MsgIDHeader) // each edit counts
	if _, err := b.hand(b.names.dead(), m).Wait(ctx); err != nil {
		return err
	}
	return b.Drop(ctx, false, d.Sequence)
}

// settleEdits removes what edits have replaced and a crash has left.
func (b *Bus) settleEdits(ctx context.Context) error {
	edited, err := b.subjects(ctx, b.names.dead(), b.names.prefix+".dead.*.*.*.*")
	if err != nil {
		return err
	}
	for subject, count := range edited {
		number, err := strconv.ParseUint(lastToken(subject), 10, 64)
		if err != nil {
			continue // not ours
		}
		if count > 1 {
			if err := b.purge(ctx, b.names.dead(), jetstream.WithPurgeSubject(subject), jetstream.WithPurgeKeep(1)); err != nil {
				return err
			}
		}
		_, err = b.buried(ctx, b.names.dead(), number)
		if err == nil {
			err = b.Drop(ctx, false, number)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}
