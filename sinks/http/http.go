// Package httpsink is the sink that sends each event as an HTTP request and
// takes a 2xx for an answer.
package httpsink

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/trotline/trotline/event"
)

const userAgent = "Trotline"

type sink struct {
	url     event.Template
	fixed   *url.URL      // the URL, where it is the same for every event
	blank   *http.Request // what each request is a copy of
	body    *event.Mapping
	auth    string            // the Authorization header, "" if there is none
	host    event.Template    // the Host header, nil if it is the URL's
	base    http.Header       // what is the same for every request
	headers []header          // what is not
	secrets *strings.Replacer // hides in an error what must not be seen
	client  *plain

	rules rules
}

type header struct {
	name  string
	value event.Template
}

func open(_ context.Context, settings any, o event.SinkOptions) (event.Sink, error) {
	set := event.SettingsOf[Settings](settings)
	transport, err := newTransport(set.TLS, o.Concurrency)
	if err != nil {
		return nil, err
	}
	s := &sink{
		url: set.URL, body: set.Body, auth: authorization(set.Auth), client: newPlain(transport, o.Concurrency),
		blank: &http.Request{Method: set.Method, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1},
		base:  http.Header{"User-Agent": {userAgent}}, rules: rules{retry: set.RetryOn, refuse: set.RefuseOn},
	}
	if text, ok := set.URL.Constant(); ok {
		if s.fixed, err = parseURL(text); err != nil {
			return nil, err
		}
	}
	for name, value := range set.Headers {
		name = http.CanonicalHeaderKey(name)
		text, constant := value.Constant()
		switch {
		case name == "Host":
			s.host = value
		case constant && !event.ValidHeaderValue(text):
			return nil, fmt.Errorf("the header %s holds a control character", name)
		case constant:
			s.base[name] = []string{text}
		default:
			s.headers = append(s.headers, header{name, value})
		}
	}
	s.secrets = hide(set)
	return s, nil
}

// Deliver sends one request for each delivery, one after the other.
func (s *sink) Deliver(ctx context.Context, batch []*event.Delivery) []event.Verdict {
	verdicts := make([]event.Verdict, len(batch))
	for i, d := range batch {
		verdicts[i] = s.deliver(ctx, d)
	}
	return verdicts
}

// Close ends the connections that are kept alive.
func (s *sink) Close(context.Context) error {
	s.client.close()
	return nil
}

func (s *sink) deliver(ctx context.Context, d *event.Delivery) event.Verdict {
	if err := ctx.Err(); err != nil {
		return event.Verdict{Err: err}
	}
	r, err := s.request(ctx, d)
	if err != nil {
		return event.Verdict{Err: event.Permanent(err)}
	}
	// The transport itself: it follows no redirects, which would send a
	// delivery, and what proves who we are, where nobody has said.
	resp, err := s.client.RoundTrip(r)
	if err != nil {
		return s.unanswered(ctx, d, event.Verdict{Err: s.failed(ctx, r.URL.Host, err)})
	}
	v, err := s.judge(d, resp, r.URL.Host)
	if err != nil {
		v.Err = s.failed(ctx, r.URL.Host, err)
		return s.unanswered(ctx, d, v)
	}
	return v
}

// request is the delivery as a request. Its errors are the event's, for good.
func (s *sink) request(ctx context.Context, d *event.Delivery) (*http.Request, error) {
	u, err := s.target(d)
	if err != nil {
		return nil, err
	}
	body, contentType, err := s.payload(d)
	if err != nil {
		return nil, err
	}
	h, err := s.header(d, u, contentType)
	if err != nil {
		return nil, err
	}
	r := s.blank.WithContext(ctx)
	r.URL, r.Header = u, h
	if s.host != nil {
		if r.Host, err = s.host.Render(d.Event, d.Results); err != nil {
			return nil, fmt.Errorf("the header Host: %w", err)
		}
	}
	r.ContentLength, r.Body = int64(len(body)), reader(body)
	// With this and an Idempotency-Key the transport sends again by itself
	// what met a kept-alive connection that the receiver was just closing.
	r.GetBody = func() (io.ReadCloser, error) { return reader(body), nil }
	return r, nil
}

func (s *sink) target(d *event.Delivery) (*url.URL, error) {
	if s.fixed != nil {
		return s.fixed, nil
	}
	text, err := s.url.Render(d.Event, d.Results)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	u, err := parseURL(text)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	return u, nil
}

// parseURL reads a URL. Its errors do not show the URL, which may hold a password or a token.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("is not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("must begin with http:// or https://")
	case u.Hostname() == "":
		return nil, errors.New("has no host")
	}
	return u, nil
}

// payload is what to send and what it is.
func (s *sink) payload(d *event.Delivery) (body []byte, contentType string, err error) {
	e := d.Event
	if s.body != nil {
		v, err := s.body.Eval(e, d.Results)
		if err != nil {
			return nil, "", fmt.Errorf("body: %w", err)
		}
		body, err = event.EncodeJSON(v)
		return body, event.JSON.ContentType(), err
	}
	if body, err = e.Body.Raw(); err != nil {
		return nil, "", fmt.Errorf("the event's body: %w", err)
	}
	return body, e.ContentType(), nil
}

// header is the request's header: what is always there, and over it what the user wrote.
func (s *sink) header(d *event.Delivery, u *url.URL, contentType string) (http.Header, error) {
	h := make(http.Header, len(s.base)+len(s.headers)+6)
	values := [...]string{d.ID, event.HeaderValue(d.Event.ID), strconv.Itoa(d.Attempt), contentType}
	h["Idempotency-Key"] = values[0:1:1]
	h["Webhook-Id"] = values[0:1:1]
	h["Trotline-Event-Id"] = values[1:2:2]
	h["Trotline-Attempt"] = values[2:3:3]
	h["Content-Type"] = values[3:4:4]
	if d.Event.Replay != "" {
		h["Trotline-Replay"] = []string{event.HeaderValue(d.Event.Replay)}
	}
	switch {
	case s.auth != "":
		h["Authorization"] = []string{s.auth}
	case u.User != nil:
		password, _ := u.User.Password()
		h["Authorization"] = []string{basic(u.User.Username(), password)}
	}
	maps.Copy(h, s.base)
	for _, x := range s.headers {
		text, err := x.value.Render(d.Event, d.Results)
		if err != nil {
			return nil, fmt.Errorf("the header %s: %w", x.name, err)
		}
		if !event.ValidHeaderValue(text) {
			return nil, fmt.Errorf("the header %s holds a line break or another control character", x.name)
		}
		h[x.name] = []string{text}
	}
	return h, nil
}

// failed is the error of an attempt that ended without an answer. The client's
// own words may hold what the receiver said, and with it what we had said.
func (s *sink) failed(ctx context.Context, host string, err error) error {
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("no answer from %s: %w", host, ended)
	}
	if text := err.Error(); s.secrets.Replace(text) != text {
		return fmt.Errorf("no answer from %s: %s", host, s.secrets.Replace(text))
	}
	return fmt.Errorf("no answer from %s: %w", host, err)
}

func authorization(a *Auth) string {
	switch {
	case a == nil:
		return ""
	case a.Basic != nil:
		return basic(a.Basic.User, a.Basic.Password.Reveal())
	}
	return "Bearer " + a.Bearer.Reveal()
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// shortestGuess is the length from which on a text of the settings that may or
// may not be a secret is treated as one. Shorter ones would hide the error.
const shortestGuess = 8

// hide makes the replacer of what the settings hold that nobody may see.
func hide(set *Settings) *strings.Replacer {
	var pairs []string
	add := func(secret string, shortest int) {
		if len(secret) >= shortest {
			pairs = append(pairs, secret, "***")
		}
	}
	if a := set.Auth; a != nil {
		add(authorization(a), 1)
		add(a.Bearer.Reveal(), 1)
		if a.Basic != nil {
			add(a.Basic.Password.Reveal(), 1)
		}
	}
	if text, ok := set.URL.Constant(); ok {
		if u, err := url.Parse(text); err == nil {
			password, _ := u.User.Password()
			add(password, 1)
			add(basic(u.User.Username(), password), shortestGuess)
			add(u.RequestURI(), shortestGuess)
		}
	}
	for _, value := range set.Headers {
		if text, ok := value.Constant(); ok {
			add(text, shortestGuess)
		}
	}
	return strings.NewReplacer(pairs...)
}

// reader is of a type that the transport knows to be in memory, so that it
// writes header and body in one piece.
func reader(body []byte) io.ReadCloser {
	if len(body) == 0 {
		return http.NoBody
	}
	return io.NopCloser(bytes.NewReader(body))
}
