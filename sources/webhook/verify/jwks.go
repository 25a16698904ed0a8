package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/trotline/trotline/event"
)

// keySource is a set of keys (RFC 7517) at an address of the sender's, asked
// when it is old or when a token names a key that is not in it.
type keySource struct {
	address string
	outside Outside

	mu    sync.Mutex // held while asking, so that one asks for all
	set   jose.JSONWebKeySet
	asked time.Time
	err   error // of the last question
}

const (
	keysFresh = time.Hour        // how long a set is used without asking again
	keysPause = 30 * time.Second // the least between two questions
)

func (k *keySource) proves(q *reading) (bool, error) {
	var failed error
	proven := q.scheme.anySignature(q, func(s *Scheme, text string) bool {
		token, ok := s.parseJWT(text)
		if !ok {
			return false
		}
		var keys []jose.JSONWebKey
		keys, failed = k.keys(q.ctx, token.Signatures[0].Header.KeyID, q.Time)
		return slices.ContainsFunc(keys, func(key jose.JSONWebKey) bool {
			fit, err := s.algorithm.public.fit(key.Key)
			return err == nil && q.takeClaims(token, fit)
		})
	})
	if failed != nil {
		refusal := event.Refuse(http.StatusServiceUnavailable, reasonOutside, "The keys cannot be fetched now; send it again.")
		refusal.RetryAfter = outsideTime
		return false, refusal
	}
	return proven, nil
}

// keys are those with an id, or all where the token names none. A set that
// cannot be asked for again is used as long as it has the key.
func (k *keySource) keys(ctx context.Context, id string, now time.Time) ([]jose.JSONWebKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found, age := k.named(id), now.Sub(k.asked).Abs()
	if age >= keysFresh || len(found) == 0 && age >= keysPause {
		k.asked = now
		k.err = k.ask(ctx)
		found = k.named(id)
	}
	if len(found) > 0 {
		return found, nil
	}
	return nil, k.err
}

func (k *keySource) named(id string) []jose.JSONWebKey {
	if id == "" {
		return k.set.Keys
	}
	return k.set.Key(id)
}

func (k *keySource) ask(ctx context.Context) error {
	text, err := k.outside.Get(ctx, k.address)
	if err != nil {
		return err
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		return fmt.Errorf("what is there is no set of keys: %w", err)
	}
	k.set = set
	return nil
}
