// Package webhook is the source that takes webhooks: it verifies a request,
// decodes its body and names the event. It is pure: sockets, limits and storing
// are the engine's.
package webhook

import (
	"context"
	"net/http"
	"strings"

	"github.com/trotline/trotline/event"
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
	name   string
	proof  *proof
	decode string
	id     naming
	typ    naming
}

func open(settings any, o event.SourceOptions) (event.Source, error) {
	s := event.SettingsOf[Settings](settings)
	p, err := newProof(s.Verify)
	if err != nil {
		return nil, err
	}
	src := &source{name: o.Name, proof: p, decode: s.Decode, id: naming{expr: s.ID}, typ: naming{expr: s.EventType}}
	if p.scheme != nil {
		src.id.spot, src.typ.spot = p.scheme.ID(), p.scheme.Type()
	}
	return src, nil
}

// Receive verifies before it reads anything: a stranger's body is not decoded.
func (s *source) Receive(_ context.Context, r *event.Request) (*event.Receipt, error) {
	if err := plainEncoding(r.Header); err != nil {
		return nil, err
	}
	if receipt, err := s.proof.unsignedHandshake(r); receipt != nil || err != nil {
		return receipt, err
	}
	if err := s.proof.Verify(r); err != nil {
		return nil, err
	}
	if receipt, err := s.proof.signedHandshake(r); receipt != nil || err != nil {
		return receipt, err
	}
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
