package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/trotline/trotline/event"
)

const (
	keysFresh   = time.Hour        // how long a set is used without asking again
	keysPause   = 30 * time.Second // the least between two questions
	keysTrusted = 24 * time.Hour   // how long a set is used when nobody answers
)

// KeySets are the sets of keys (RFC 7517) of all sources, by their addresses.
// They outlive an edit, so that it does not depend on their senders' answers.
type KeySets struct {
	mu   sync.Mutex
	sets map[string]*keySource
}

// at is the set at an address; nil KeySets share none.
func (k *KeySets) at(address string, o Outside) *keySource {
	made := &keySource{address: address, outside: o}
	made.known.Store(&keyAnswer{})
	if k == nil {
		return made
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if s, ok := k.sets[address]; ok {
		return s
	}
	if k.sets == nil {
		k.sets = make(map[string]*keySource)
	}
	k.sets[address] = made
	return made
}

// keySource is a set of keys at an address of the sender's, asked when it is
// old or when a token names a key that is not in it.
type keySource struct {
	address string
	outside Outside
	asking  sync.Mutex // held while asking, so that one asks for all
	known   atomic.Pointer[keyAnswer]
}

// keyAnswer is what is known of a set.
type keyAnswer struct {
	keys  []jose.JSONWebKey
	got   time.Time // when the keys came
	asked time.Time // when they were last asked for
	err   error     // of the last question
}

func (k *keySource) proves(q *reading) (bool, error) {
	var failed error
	proven := q.scheme.anySignature(q, func(s *Scheme, text string) bool {
		token, ok := q.parseJWT(text)
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
		return false, noKeys()
	}
	return proven, nil
}

func noKeys() error {
	refusal := event.Refuse(http.StatusServiceUnavailable, reasonOutside, "The keys cannot be fetched now; send it again.")
	refusal.RetryAfter = outsideTime
	return refusal
}

// keys are those with an id, or all where the token names none. While they are
// asked for again, other requests go on with those that are known.
func (k *keySource) keys(ctx context.Context, id string, now time.Time) ([]jose.JSONWebKey, error) {
	known := k.known.Load()
	found := known.named(id, now)
	if len(found) > 0 {
		if now.Sub(known.got).Abs() < keysFresh || !k.asking.TryLock() {
			return found, nil
		}
	} else {
		k.asking.Lock()
	}
	defer k.asking.Unlock()
	known = k.known.Load() // it may have come meanwhile
	if found = known.named(id, now); len(found) == 0 || now.Sub(known.got).Abs() >= keysFresh {
		known = k.ask(ctx, known, now)
		found = known.named(id, now)
	}
	if len(found) > 0 {
		return found, nil
	}
	return nil, known.err
}

// named are the keys with an id, or all without one.
func (a *keyAnswer) named(id string, now time.Time) []jose.JSONWebKey {
	if now.Sub(a.got).Abs() > keysTrusted {
		return nil
	}
	if id == "" {
		return a.keys
	}
	return (&jose.JSONWebKeySet{Keys: a.keys}).Key(id)
}

// ask asks, unless that was just done: an unknown key may be a stranger's invention.
func (k *keySource) ask(ctx context.Context, known *keyAnswer, now time.Time) *keyAnswer {
	if now.Sub(known.asked).Abs() < keysPause {
		return known
	}
	next := &keyAnswer{keys: known.keys, got: known.got, asked: now}
	text, err := k.outside.Get(ctx, k.address)
	if err == nil {
		var keys []jose.JSONWebKey
		if keys, err = parseKeySet(text); err == nil {
			next.keys, next.got = keys, now
		}
	}
	next.err = err
	k.known.Store(next)
	return next
}

// parseKeySet leaves out what is not a key of a sort that is known (RFC 7517, section 5).
func parseKeySet(text []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("what is there is no set of keys: %w", err)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) == nil && key.IsPublic() && key.Use != "enc" {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("what is there holds no public key")
	}
	return keys, nil
}
