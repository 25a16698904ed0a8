package verify

import (
	"errors"
	"net/http"
	"regexp"

	"github.com/trotline/trotline/event"
)

// handshake is a request that wants an answer and is no event.
type handshake struct {
	when     conditions
	unsigned bool
	answer   answer
	keep     place
	tell     template
	call     place
	hosts    hosts
}

// Handshake is one that a request is meant as, with what is to be done for it.
type Handshake struct {
	Answer *event.Receipt
	Keep   event.Secret // to be kept as a key; "" if nothing is
	Tell   string       // to be told to the operator
	Call   string       // an address to be called; "" if none is
}

// Methods are those that the scheme's handshakes come with.
func (s *Scheme) Methods() []string {
	var methods []string
	for _, h := range s.shakes {
		for _, c := range h.when {
			if c.place.kind == atMethod && len(c.want) == 1 && c.want[0].literal != nil {
				methods = append(methods, string(c.want[0].literal))
			}
		}
	}
	return methods
}

// Unsigned is the handshake that a request is meant as, of those that are
// answered to anyone; nil if it is none.
func (v *Signed) Unsigned(r *event.Request) (*Handshake, error) { return v.handshake(r, true) }

// Handshake is the handshake that a request is meant as, of those that are
// signed: the request must have been verified. It is nil if it is none.
func (v *Signed) Handshake(r *event.Request) (*Handshake, error) { return v.handshake(r, false) }

func (v *Signed) handshake(r *event.Request, unsigned bool) (*Handshake, error) {
	if len(v.scheme.shakes) == 0 {
		return nil, nil
	}
	q := v.scheme.read(r, v.inputs)
	defer q.done()
	q.sign = q.signChallenge(v.sign)
	for i := range v.scheme.shakes {
		if h := &v.scheme.shakes[i]; h.unsigned == unsigned && h.when.hold(q) {
			return h.meant(q)
		}
	}
	return nil, nil
}

// challenge is what is answered with its MAC: nothing that could be a body.
var challenge = regexp.MustCompile(`^[A-Za-z0-9+/=_.~-]{1,256}$`)

// signChallenge signs challenges alone: the key is that of events, and whoever
// got the MAC of a body could send it.
func (q *reading) signChallenge(sign func([]byte) []byte) func([]byte) []byte {
	return func(content []byte) []byte {
		if !challenge.Match(content) {
			q.abused = true
			return nil
		}
		return sign(content)
	}
}

func (h *handshake) meant(q *reading) (*Handshake, error) {
	made, err := h.fill(q)
	if q.abused {
		return nil, event.Refuse(http.StatusBadRequest, reasonHandshake, "What is to be signed is no challenge.")
	}
	var a *absence
	if errors.As(err, &a) {
		refusal := a.refusal(reasonHandshake)
		refusal.Status, refusal.Reason = http.StatusBadRequest, reasonHandshake
		return nil, refusal
	}
	return made, err
}

func (h *handshake) fill(q *reading) (*Handshake, error) {
	receipt, err := h.answer.receipt(q)
	if err != nil {
		return nil, err
	}
	made := &Handshake{Answer: receipt}
	if made.Tell, err = h.tell.text(q); err != nil {
		return nil, err
	}
	if !h.keep.isZero() {
		secret, was := q.find(&h.keep)
		if was != once {
			return nil, &absence{h.keep, was}
		}
		made.Keep = event.Secret(secret)
		if _, err := q.scheme.key.derive(made.Keep); err != nil {
			return nil, event.Refuse(http.StatusBadRequest, reasonHandshake, "The secret cannot be a key.")
		}
	}
	if !h.call.isZero() {
		address, was := q.find(&h.call)
		if was != once {
			return nil, &absence{h.call, was}
		}
		if !h.hosts.allow(address) {
			return nil, event.Refuse(http.StatusBadRequest, reasonHandshake, "The address to be called is not one of the sender's.")
		}
		made.Call = address
	}
	return made, nil
}

// Accepted is the answer that the sender wants to an accepted event; nil where
// our own will do, as it must where something of the sender's answer is missing.
func (v *Signed) Accepted(r *event.Request) *event.Receipt {
	if v.scheme.accepted == nil {
		return nil
	}
	q := v.scheme.read(r, v.inputs)
	defer q.done()
	q.sign = v.sign
	receipt, err := v.scheme.accepted.receipt(q)
	if err != nil {
		return nil
	}
	return receipt
}
