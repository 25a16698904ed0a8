package bus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// createConsumer makes a consumer. Where the embedded server cannot read what it
// has kept of an earlier one, that is thrown away: how far a pipeline is stands
// in our checkpoint too, and what a sink has got is not in its queue any more.
func (b *Bus) createConsumer(ctx context.Context, s jetstream.Stream, config jetstream.ConsumerConfig) error {
	_, err := s.CreateConsumer(ctx, config)
	if err == nil || b.folder == nil || !damagedState(err) {
		return err
	}
	stream := s.CachedInfo().Config.Name
	kept := filepath.Join(b.folder.dir, "jetstream", "$G", "streams", stream, "obs", config.Durable)
	b.log.Error("files of the store are damaged: the NATS server cannot read how far a consumer was. It goes on from our checkpoint; something may be handled or delivered again",
		"stream", stream, "consumer", config.Durable, "folder", kept)
	if err := os.RemoveAll(kept); err != nil {
		return fmt.Errorf("cannot remove its damaged state: %w", err)
	}
	_, err = s.CreateConsumer(ctx, config)
	return err
}

// codeConsumerCreate is the error code of a consumer that could not be made (nats-server, server/errors.json).
const codeConsumerCreate = 10012

func damagedState(err error) bool {
	var refused *jetstream.APIError
	return errors.As(err, &refused) && refused.ErrorCode == codeConsumerCreate && strings.Contains(refused.Description, "creating store")
}
