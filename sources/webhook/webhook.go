// Package webhook is the source that takes webhooks: it verifies a request,
// decodes its body and names the event. It is pure: sockets, limits and storing
// are the engine's.
package webhook

import (
	"cmp"
	"context"
	"net/http"

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
	name      string
	proof     *proof
	decode    string
	formField string
	id        naming
	typ       naming
}

func open(settings any, o event.SourceOptions) (event.Source, error) {
	s := event.SettingsOf[Settings](settings)
	p, err := newProof(s.Verify)
	if err != nil {
		return nil, err
	}
	src := &source{
		name: o.Name, proof: p, decode: s.Decode, formField: s.FormField,
		id: naming{expr: s.ID}, typ: naming{expr: s.EventType},
	}
	if p.scheme != nil {
		src.id.ref, src.typ.ref = p.scheme.ID(), p.scheme.Type()
		src.formField = cmp.Or(s.FormField, p.scheme.FormField())
	}
	return src, nil
}

// Receive verifies before it reads anything: a stranger's body is neither
// decompressed nor decoded.
func (s *source) Receive(_ context.Context, r *event.Request) (*event.Receipt, error) {
	if r.Method == http.MethodHead || r.Method == http.MethodOptions {
		return s.probed(r), nil
	}
	if err := s.proof.Verify(r); err != nil {
		return nil, err
	}
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
	if err := s.nameEvent(e); err != nil {
		return nil, err
	}
	return &event.Receipt{Event: e}, nil
}

// Methods implements [event.Handshaker].
func (s *source) Methods() []string {
	if s.decode == cloudEvents {
		return []string{http.MethodOptions}
	}
	return nil
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
func (s *source) kept(r *event.Request, p *payload) event.RequestInfo {
	info := s.proof.kept(r)
	p.describe(info.Header)
	return info
}

// newEvent is the event of a request that says nothing of its name.
func (s *source) newEvent(r *event.Request, kept event.RequestInfo, body *event.Body) *event.Event {
	return &event.Event{
		ID: r.Stamp, Source: s.name, Time: r.Time, Stamp: r.Stamp,
		Request: kept, Body: body, Original: body,
	}
}
