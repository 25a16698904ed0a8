// Package webhook is the source that takes webhooks: it verifies a request,
// decodes its body and names the event. It is pure: sockets, limits and storing
// are the engine's.
package webhook

import (
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
	name    string
	log     *slog.Logger
	proof   *proof
	keeper  event.Keeper // nil: nothing can be kept
	outside verify.Outside
	decode  string
	id      naming
	typ     naming
}

func open(settings any, o event.SourceOptions) (event.Source, error) {
	return newSource(event.SettingsOf[Settings](settings), o, internet())
}

func newSource(s *Settings, o event.SourceOptions, outside verify.Outside) (*source, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := world{outside: told{outside, o.Log.With("source", o.Name)}, keySets: &keySets}
	if o.Keeper != nil {
		w.kept = o.Keeper.Kept
	}
	p, err := newProof(s.Verify, w)
	if err != nil {
		return nil, err
	}
	src := &source{
		name: o.Name, log: o.Log, proof: p, keeper: o.Keeper, outside: outside,
		decode: s.Decode, id: naming{expr: s.ID}, typ: naming{expr: s.EventType},
	}
	if p.scheme != nil {
		src.id.spot, src.typ.spot = p.scheme.ID(), p.scheme.Type()
	}
	return src, nil
}

// Receive verifies before it reads anything: a stranger's body is not decoded.
func (s *source) Receive(ctx context.Context, r *event.Request) (*event.Receipt, error) {
	if err := plainEncoding(r.Header); err != nil {
		return nil, err
	}
	if receipt, err := s.unsignedHandshake(ctx, r); receipt != nil || err != nil {
		return receipt, err
	}
	if err := s.proof.Verify(ctx, r); err != nil {
		return nil, err
	}
	if receipt, err := s.signedHandshake(ctx, r); receipt != nil || err != nil {
		return receipt, err
	}
	r = s.proof.said(r)
	body, err := s.body(r)
	if err != nil {
		return nil, err
	}
	e := &event.Event{
		ID:      r.Stamp,
		Source:  s.name,
		Time:    r.Time,
		Stamp:   r.Stamp,
		Request: s.proof.kept(r),
		Body:    body, Original: body,
	}
	if err := s.nameEvent(e); err != nil {
		return nil, err
	}
	return s.proof.accepted(r, e)
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
	said.Body, said.Header = payload, r.Header.Clone()
	said.Header.Set("Content-Type", event.JSON.ContentType())
	return &said
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

// plainEncoding refuses compressed bodies: not in this version.
func plainEncoding(h http.Header) error {
	for _, value := range h["Content-Encoding"] {
		for coding := range strings.SplitSeq(value, ",") {
			if coding = strings.TrimSpace(coding); coding == "" || strings.EqualFold(coding, "identity") {
				continue
			}
			refusal := event.Refuse(http.StatusUnsupportedMediaType, "content_encoding", "The Content-Encoding %q is not taken; send the body as it is.", coding)
			refusal.Header = http.Header{"Accept-Encoding": {"identity"}} // RFC 9110, section 15.5.16
			return refusal
		}
	}
	return nil
}
