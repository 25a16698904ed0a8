package transforms

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/trotline/trotline/event"
)

type enrichHTTP struct {
	URL     event.Template            `yaml:"url" short:"true" required:"true" doc:"where to ask: https://crm.example.com/customers/{{ body.customer_id }}"`
	Method  string                    `yaml:"method" enum:"GET,POST" doc:"the request's method (GET)"`
	Headers map[string]event.Template `yaml:"headers" doc:"headers of the request"`
	Bearer  event.Secret              `yaml:"bearer" doc:"a token: Authorization: Bearer <token>"`
	Body    *event.Mapping            `yaml:"body" doc:"what to send as JSON, with method: POST"`
	Timeout event.Duration            `yaml:"timeout" min:"1ms" max:"5m" doc:"how long an answer may take (5s)"`
}

const defaultAskTimeout = 5 * time.Second

func (s *enrichHTTP) validate(problem func(path, msg, hint string)) {
	if s.URL != nil {
		text := s.URL.Text()
		if !strings.HasPrefix(text, "http://") && !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "{{") {
			problem("http.url", "url is no http:// or https:// address", "write https://host/path")
		}
	}
	if s.Body != nil && s.Method != http.MethodPost {
		problem("http.body", "a GET request has no body", "add method: POST")
	}
	for name := range s.Headers {
		switch {
		case !event.ValidHeaderName(name):
			problem("http.headers."+name, fmt.Sprintf("%q is not the name of a header", name), "")
		case s.Bearer != "" && http.CanonicalHeaderKey(name) == "Authorization":
			problem("http.headers."+name, "bearer sets this header as well", "leave out one of the two")
		}
	}
}

// address is an HTTP endpoint.
type address struct {
	settings *enrichHTTP
	client   *http.Client
}

func newAddress(s *enrichHTTP) address {
	timeout := s.Timeout.Std()
	if timeout == 0 {
		timeout = defaultAskTimeout
	}
	return address{settings: s, client: &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: timeout}).DialContext,
			TLSHandshakeTimeout: timeout, MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// name implements [endpoint].
func (a address) name() string { return a.settings.URL.Text() }

// request is one that is not made yet.
type request struct {
	method, url string
	header      http.Header
	body        string
}

// key is equal for requests that have the same answer.
func (r request) key() string {
	var b strings.Builder
	b.WriteString(r.method + " " + r.url + "\n")
	_ = r.header.Write(&b) // sorted; a strings.Builder takes everything
	b.WriteString("\n" + r.body)
	return b.String()
}

// question implements [endpoint].
func (a address) question(e *event.Event) (question, error) {
	r, err := a.request(e)
	if err != nil {
		return question{}, err
	}
	return question{key: r.key(), ask: func(ctx context.Context) ([]byte, error) { return a.fetch(ctx, r) }}, nil
}

func (a address) request(e *event.Event) (request, error) {
	s := a.settings
	r := request{method: s.Method, header: http.Header{}}
	if r.method == "" {
		r.method = http.MethodGet
	}
	var err error
	if r.url, err = s.URL.Render(e, nil); err != nil {
		return r, err
	}
	for name, value := range s.Headers {
		text, err := value.Render(e, nil)
		if err != nil {
			return r, err
		}
		if !event.ValidHeaderValue(text) {
			return r, &event.StepError{Expression: value.Text(), Value: shown(text), Err: errors.New("it gives a text with a line break, which no header can hold")}
		}
		r.header.Set(name, text)
	}
	if s.Body != nil {
		v, err := s.Body.Eval(e, nil)
		if err != nil {
			return r, err
		}
		text, err := event.EncodeJSON(v)
		if err != nil {
			return r, failed(err)
		}
		r.body = string(text)
		r.header.Set("Content-Type", "application/json")
	}
	return r, nil
}

// fetch makes the request.
func (a address) fetch(ctx context.Context, r request) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, strings.NewReader(r.body))
	if err != nil {
		return nil, event.Permanent(failed(errors.New("its url is none")))
	}
	req.Header = r.header.Clone()
	if token := a.settings.Bearer.Reveal(); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := a.client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // without the address, which may hold what the sender wrote
		}
		return nil, err
	}
	defer response.Body.Close()
	return readAnswer(response)
}

// readAnswer is an answer as JSON: a text, where it is something else.
func readAnswer(response *http.Response) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(response.Body, maxEnrichment+1))
	switch status := response.StatusCode; {
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		return nil, event.RetryAfter(retryAfter(response), fmt.Errorf("the endpoint answered %s", response.Status))
	case status < 200 || status > 299:
		return nil, event.Permanentf("the endpoint answered %s", response.Status)
	case err != nil:
		return nil, fmt.Errorf("the answer breaks off: %w", err)
	case len(text) > maxEnrichment:
		return nil, event.Permanentf("the answer is larger than %s", event.Size(maxEnrichment))
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if kind == "application/json" || strings.HasSuffix(kind, "+json") {
		if _, err := event.Decode(event.JSON, text); err != nil {
			return nil, event.Permanentf("the answer is no JSON: %v", err)
		}
		if len(text) == 0 {
			return []byte("null"), nil
		}
		return text, nil
	}
	return event.EncodeJSON(strings.ToValidUTF8(string(text), "\uFFFD"))
}

// retryAfter is how long the endpoint asks to be left alone, an hour at most.
func retryAfter(response *http.Response) time.Duration {
	seconds, err := strconv.ParseUint(response.Header.Get("Retry-After"), 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, time.Hour)
}
