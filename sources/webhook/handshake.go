package webhook

import (
	"net/http"
	"slices"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sources/webhook/verify"
)

// Methods are those that handshakes come with, beside the methods of events.
func (s *source) Methods() []string {
	if s.proof.scheme == nil {
		return nil
	}
	return s.proof.scheme.Methods()
}

// unsignedHandshake is the answer to a handshake that is answered to anyone; nil if the request is none.
func (p *proof) unsignedHandshake(r *event.Request) (*event.Receipt, error) {
	if p.signed == nil {
		return nil, nil
	}
	h, err := p.signed.Unsigned(r)
	return carryOut(h, err)
}

// signedHandshake is the answer to a handshake of a sender that has proven itself; nil if the request is none.
func (p *proof) signedHandshake(r *event.Request) (*event.Receipt, error) {
	if p.signed == nil {
		return nil, nil
	}
	h, err := p.signed.Handshake(r)
	if h == nil && err == nil && r.Method != http.MethodPost && slices.Contains(p.scheme.Methods(), r.Method) {
		// The method is taken for the sake of the handshake, and this is none.
		return nil, event.Refuse(http.StatusMethodNotAllowed, "method", "The method %s is taken for a handshake alone.", r.Method)
	}
	return carryOut(h, err)
}

func carryOut(h *verify.Handshake, err error) (*event.Receipt, error) {
	if h == nil || err != nil {
		return nil, err
	}
	return h.Answer, nil
}

// accepted is the receipt of an event, with the answer its sender wants.
func (p *proof) accepted(r *event.Request, e *event.Event) (*event.Receipt, error) {
	if p.signed == nil {
		return &event.Receipt{Event: e}, nil
	}
	receipt, err := p.signed.Accepted(r)
	if err != nil || receipt == nil {
		return &event.Receipt{Event: e}, err
	}
	receipt.Event = e
	return receipt, nil
}
