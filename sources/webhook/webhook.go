// Package webhook is the source that takes webhooks: it verifies a request,
// answers its handshakes, decodes the body and names the event. Sockets, limits
// and storing are the engine's; only what must ask its sender's own hosts (for a
// certificate, for keys, to confirm) reaches out.
package webhook

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sources/webhook/verify"
)

// Kind is the webhook source, the kind a source has that names none.
func Kind() event.SourceKind {
	return event.SourceKind{
		Name:     "webhook",
		Doc:      "Takes webhooks at a path: verifies the sender, decodes the body, names the event.",
		Settings: func() any { return &Settings{Decode: auto} },
		Open:     open,
	}
}

// source receives for one source of the file.
type source struct {
	name      string
	log       *slog.Logger
	proof     *proof
	keeper    event.Keeper // nil: nothing can be kept
	outside   verify.Outside
	decode    string
	formField string
	honeypot  string
	id        naming
	typ       naming
	responder *responder // nil leaves the answer to the engine
}

func open(settings any, o event.SourceOptions) (event.Source, error) {
	return newSource(event.SettingsOf[Settings](settings), o, internet())
}

func newSource(s *Settings, o event.SourceOptions, outside verify.Outside) (*source, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := world{outside: told{outside, o.Log.With("source", o.Name)}, keySets: &keySets, certificates: &certificates}
	if o.Keeper != nil {
		w.kept = o.Keeper.Kept
	}
	p, err := newProof(s.Verify, w)
	if err != nil {
		return nil, err
	}
	src := &source{
		name: o.Name, log: o.Log, proof: p, keeper: o.Keeper, outside: outside,
		decode: s.Decode, formField: s.FormField, honeypot: s.Honeypot,
		id: naming{expr: s.ID}, typ: naming{expr: s.EventType},
	}
	src.responder = newResponder(s.Respond, o.Name, o.Log)
	if p.scheme != nil {
		src.id.spot, src.typ.spot = p.scheme.ID(), p.scheme.Type()
		src.formField = cmp.Or(s.FormField, p.scheme.FormField())
		if s.Decode == auto || s.Decode == "" {
			src.decode = cmp.Or(p.scheme.Decode(), s.Decode)
		}
	}
	return src, nil
}

// Receive verifies before it reads anything: a stranger's body is neither
// decompressed nor decoded.
func (s *source) Receive(ctx context.Context, r *event.Request) (*event.Receipt, error) {
	if receipt, err := s.unsignedHandshake(ctx, r); receipt != nil || err != nil {
		return receipt, err
	}
	if s.probe(r.Method) {
		return s.probed(r), nil
	}
	if err := s.proof.Verify(ctx, r); err != nil {
		return nil, err
	}
	if receipt, err := s.signedHandshake(ctx, r); receipt != nil || err != nil {
		return receipt, err
	}
	r = s.proof.said(r)
	p, err := s.payload(r)
	if err != nil {
		return nil, err
	}
	if s.decode == cloudEvents {
		return s.receiveCloudEvents(r, &p)
	}
	body, err := p.body()
	if err != nil {
		return nil, err
	}
	e := s.newEvent(r, s.kept(r, &p), body)
	if s.trapped(body) {
		receipt := s.accepted(r, e)
		receipt.Unwanted = "honeypot"
		return receipt, nil
	}
	if err := s.nameEvent(e); err != nil {
		return nil, err
	}
	return s.accepted(r, e), nil
}

// accepted is the receipt of an event: with the answer the file says, or else the one its sender wants.
func (s *source) accepted(r *event.Request, e *event.Event) *event.Receipt {
	receipt := s.proof.accepted(r, e)
	if s.responder != nil {
		s.responder.answer(receipt)
	}
	return receipt
}

// trapped tells whether the field is filled that people do not see.
func (s *source) trapped(body *event.Body) bool {
	if s.honeypot == "" {
		return false
	}
	value, err := body.Lookup(s.honeypot)
	text, isText := value.(string)
	return err == nil && value != nil && (!isText || strings.TrimSpace(text) != "")
}

// said is the request with what its sender says: where the body is a token, what that claims.
func (p *proof) said(r *event.Request) *event.Request {
	if p.signed == nil {
		return r
	}
	payload, ok := p.signed.Payload(r)
	if !ok {
		return r
	}
	said := *r
	said.Body, said.Decode, said.Header = payload, nil, r.Header.Clone()
	said.Header.Set("Content-Type", event.JSON.ContentType())
	return &said
}

// accepted is the receipt of an event, with the answer its sender wants.
func (p *proof) accepted(r *event.Request, e *event.Event) *event.Receipt {
	if p.signed != nil {
		if receipt := p.signed.Accepted(r); receipt != nil {
			receipt.Event = e
			return receipt
		}
	}
	return &event.Receipt{Event: e}
}

// probed answers what brings no event. It tells nobody anything, so nobody has to prove anything.
func (s *source) probed(r *event.Request) *event.Receipt {
	if r.Method == http.MethodHead {
		return &event.Receipt{Status: http.StatusOK}
	}
	if s.decode == cloudEvents && r.Header.Get("Webhook-Request-Origin") != "" {
		return permission(r.Header)
	}
	return &event.Receipt{Status: http.StatusNoContent}
}

// kept is what is stored of a request, as far as the payload says something else.
func (s *source) kept(r *event.Request, p *payload) *event.Kept {
	header := s.proof.keptHeader(r.Header)
	p.describe(&header)
	info := s.proof.kept(r)
	info.Header = header.header
	return event.Keep(info)
}

// newEvent is the event of a request that says nothing of its name.
func (s *source) newEvent(r *event.Request, kept *event.Kept, body *event.Body) *event.Event {
	return &event.Event{
		ID: r.Stamp, Source: s.name, Time: r.Time, Stamp: r.Stamp,
		Request: kept, Body: body, Original: body,
	}
}
