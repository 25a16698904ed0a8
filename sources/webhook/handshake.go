package webhook

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sources/webhook/verify"
)

// internet is the world outside for every source. A connection is not kept for
// what is asked once in a while.
var internet = sync.OnceValue(func() verify.Outside {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableKeepAlives = true
	return verify.NewOutside(t)
})

// Methods are those that bring no event, beside the methods of events.
func (s *source) Methods() []string {
	methods := s.handshakeMethods()
	if s.decode == cloudEvents {
		methods = append(methods, http.MethodOptions)
	}
	return methods
}

// handshakeMethods are those that the scheme's handshakes come with.
func (s *source) handshakeMethods() []string {
	if s.proof.scheme == nil {
		return nil
	}
	return s.proof.scheme.Methods()
}

// probe tells a request that brings no event and no handshake, from its method alone.
func (s *source) probe(method string) bool {
	return (method == http.MethodHead || method == http.MethodOptions) && !slices.Contains(s.handshakeMethods(), method)
}

// unsignedHandshake answers a handshake that anyone may ask for; it is nil if the request is none.
func (s *source) unsignedHandshake(ctx context.Context, r *event.Request) (*event.Receipt, error) {
	if s.proof.signed == nil {
		return nil, nil
	}
	h, err := s.proof.signed.Unsigned(r)
	if h == nil || err != nil {
		return nil, err
	}
	return s.carryOut(ctx, h)
}

// signedHandshake answers a handshake of a sender that has proven itself; it is nil if the request is none.
func (s *source) signedHandshake(ctx context.Context, r *event.Request) (*event.Receipt, error) {
	if s.proof.signed == nil {
		return nil, nil
	}
	h, err := s.proof.signed.Handshake(r)
	switch {
	case err != nil:
		return nil, err
	case h != nil:
		return s.carryOut(ctx, h)
	case r.Method != http.MethodPost && slices.Contains(s.handshakeMethods(), r.Method):
		// The method is taken for the sake of the handshake, and this is none.
		return nil, event.Refuse(http.StatusMethodNotAllowed, "method", "The method %s is taken for a handshake alone.", r.Method)
	}
	return nil, nil
}

// carryOut does what a handshake asks for before it is answered: what cannot be
// done now is asked for again.
func (s *source) carryOut(ctx context.Context, h *verify.Handshake) (*event.Receipt, error) {
	if h.Keep != "" {
		if err := s.keep(ctx, h.Keep); err != nil {
			return nil, s.notNow("the key that a sender handed over could not be kept", err)
		}
	}
	if h.Call != "" {
		if _, err := s.outside.Get(ctx, h.Call); err != nil {
			return nil, s.notNow("the address that confirms a subscription could not be called", err)
		}
		s.log.Info("a subscription was confirmed", "source", s.name)
	}
	if h.Tell != "" {
		s.log.Info("the sender hands over something for you", "source", s.name, "text", h.Tell)
	}
	return h.Answer, nil
}

// maxKept is how many keys a source keeps. More are a mistake, and each is tried.
const maxKept = 100

var (
	errNoKeeper = errors.New("there is nowhere to keep it")
	errKeptFull = errors.New("too many are kept already")
)

func (s *source) keep(ctx context.Context, secret event.Secret) error {
	if s.keeper == nil {
		return errNoKeeper
	}
	kept := s.keeper.Kept()
	for _, k := range kept {
		if subtle.ConstantTimeCompare([]byte(k.Reveal()), []byte(secret.Reveal())) == 1 {
			return nil
		}
	}
	if len(kept) >= maxKept {
		return errKeptFull
	}
	if err := s.keeper.Keep(ctx, secret); err != nil {
		return err
	}
	s.log.Info("a sender handed over its key; it is kept", "source", s.name)
	return nil
}

// notNow asks the sender to come again, and tells the operator why.
func (s *source) notNow(what string, err error) error {
	s.log.Error(what+"; the sender was told to come again with 503", "source", s.name, "error", err)
	refusal := event.Refuse(http.StatusServiceUnavailable, "handshake", "The handshake cannot be completed now; send it again.")
	refusal.RetryAfter = 5 * time.Second
	return refusal
}
