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
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/trotline/trotline/event"
)

type enrichSettings struct {
	HTTP   *enrichHTTP  `yaml:"http" required:"true" doc:"the endpoint that is asked about an event"`
	Into   string       `yaml:"into" required:"true" doc:"the field of the body for the answer, such as customer, or order.customer"`
	Cache  *enrichCache `yaml:"cache" doc:"answers that are used again; none are when left out"`
	OnFail string       `yaml:"on_fail" enum:"dead,pass" doc:"what becomes of an event when no answer will ever come: a dead letter, or it goes on without one (dead)"`
}

type enrichHTTP struct {
	URL     event.Template            `yaml:"url" short:"true" required:"true" doc:"where to ask: https://crm.example.com/customers/{{ body.customer_id }}"`
	Method  string                    `yaml:"method" enum:"GET,POST" doc:"the request's method (GET)"`
	Headers map[string]event.Template `yaml:"headers" doc:"headers of the request"`
	Bearer  event.Secret              `yaml:"bearer" doc:"a token: Authorization: Bearer <token>"`
	Body    *event.Mapping            `yaml:"body" doc:"what to send as JSON, with method: POST"`
	Timeout event.Duration            `yaml:"timeout" min:"1ms" max:"5m" doc:"how long an answer may take (5s)"`
}

type enrichCache struct {
	TTL  event.Duration `yaml:"ttl" required:"true" short:"true" min:"1s" max:"30d" doc:"how long an answer is used again: 5m"`
	Size int            `yaml:"size" min:"1" max:"10000000" doc:"how many answers are kept (10000)"`
}

const (
	defaultAskTimeout = 5 * time.Second
	defaultCacheSize  = 10_000
	// maxEnrichment is how large an answer may be.
	maxEnrichment = 256 << 10
)

// Validate implements [event.Validator].
func (s *enrichSettings) Validate() []*event.FieldError {
	var problems []*event.FieldError
	problem := func(path, msg, hint string) {
		problems = append(problems, &event.FieldError{Path: path, Msg: msg, Hint: hint})
	}
	if rest, ok := strings.CutPrefix(s.Into, "body."); ok {
		problem("into", "a path starts inside the body", "write "+rest)
	} else if s.Into != "" && hasEmptyPart(s.Into) {
		problem("into", fmt.Sprintf("%q is no path: a name is missing", s.Into), "write names with dots between them: order.customer")
	}
	if s.HTTP == nil {
		return problems
	}
	if s.HTTP.URL != nil {
		text := s.HTTP.URL.Text()
		if !strings.HasPrefix(text, "http://") && !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "{{") {
			problem("http.url", "url is no http:// or https:// address", "write https://host/path")
		}
	}
	if s.HTTP.Body != nil && s.HTTP.Method != http.MethodPost {
		problem("http.body", "a GET request has no body", "add method: POST")
	}
	for name := range s.HTTP.Headers {
		switch {
		case !event.ValidHeaderName(name):
			problem("http.headers."+name, fmt.Sprintf("%q is not the name of a header", name), "")
		case s.HTTP.Bearer != "" && http.CanonicalHeaderKey(name) == "Authorization":
			problem("http.headers."+name, "bearer sets this header as well", "leave out one of the two")
		}
	}
	return problems
}

var enrichKind = event.TransformKind{
	Name:  "enrich",
	Later: []string{"table"},
	Doc:   "asks an HTTP endpoint about each event and puts the answer into its body; while the endpoint is down, events wait",
	Settings: func() any {
		return &enrichSettings{OnFail: "dead"}
	},
	Open: func(settings any, _ event.TransformOptions) (event.Transform, error) {
		return newEnricher(event.SettingsOf[enrichSettings](settings)), nil
	},
	Shape: func(before *event.Shape, settings any) *event.Shape {
		return shapeWith(before, into(event.SettingsOf[enrichSettings](settings).Into, nil))
	},
}

// enricher asks an endpoint.
type enricher struct {
	settings *enrichSettings
	client   *http.Client
	cache    *answers            // nil: nothing is used again
	flights  *singleflight.Group // events that ask the same at once share a request
}

func newEnricher(s *enrichSettings) enricher {
	timeout := s.HTTP.Timeout.Std()
	if timeout == 0 {
		timeout = defaultAskTimeout
	}
	x := enricher{settings: s, flights: &singleflight.Group{}, client: &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: timeout}).DialContext,
			TLSHandshakeTimeout: timeout, MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if s.Cache != nil {
		size := s.Cache.Size
		if size == 0 {
			size = defaultCacheSize
		}
		x.cache = newAnswers(size, s.Cache.TTL.Std())
	}
	return x
}

// Apply asks once.
func (x enricher) Apply(ctx context.Context, e *event.Event) ([]*event.Event, error) {
	answer, err := x.Ask(ctx, e)
	if err != nil {
		return x.Unanswered(e, err)
	}
	return x.Answered(e, answer)
}

// question is a request that is not made yet.
type question struct {
	method, url string
	header      http.Header
	body        string
}

// key is equal for questions that have the same answer.
func (q question) key() string {
	var b strings.Builder
	b.WriteString(q.method + " " + q.url + "\n")
	_ = q.header.Write(&b) // sorted; a strings.Builder takes everything
	b.WriteString("\n" + q.body)
	return b.String()
}

// Ask implements [event.Asker].
func (x enricher) Ask(ctx context.Context, e *event.Event) ([]byte, error) {
	q, err := x.question(e)
	if err != nil {
		return nil, event.Permanent(err)
	}
	key := q.key()
	if x.cache != nil {
		if answer, ok := x.cache.get(key); ok {
			return answer, nil
		}
	}
	// Whoever comes later shares the request, so it must not end with the first one's patience.
	flight := x.flights.DoChan(key, func() (any, error) { return x.fetch(context.WithoutCancel(ctx), q, key) })
	select {
	case r := <-flight:
		answer, _ := r.Val.([]byte)
		return answer, r.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (x enricher) question(e *event.Event) (question, error) {
	s := x.settings.HTTP
	q := question{method: s.Method, header: http.Header{}}
	if q.method == "" {
		q.method = http.MethodGet
	}
	var err error
	if q.url, err = s.URL.Render(e, nil); err != nil {
		return q, err
	}
	for name, value := range s.Headers {
		text, err := value.Render(e, nil)
		if err != nil {
			return q, err
		}
		if !event.ValidHeaderValue(text) {
			return q, &event.StepError{Expression: value.Text(), Value: shown(text), Err: errors.New("it gives a text with a line break, which no header can hold")}
		}
		q.header.Set(name, text)
	}
	if s.Body != nil {
		v, err := s.Body.Eval(e, nil)
		if err != nil {
			return q, err
		}
		text, err := event.EncodeJSON(v)
		if err != nil {
			return q, failed(err)
		}
		q.body = string(text)
		q.header.Set("Content-Type", "application/json")
	}
	return q, nil
}

// fetch makes the request.
func (x enricher) fetch(ctx context.Context, q question, key string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, q.method, q.url, strings.NewReader(q.body))
	if err != nil {
		return nil, event.Permanent(failed(errors.New("its url is none")))
	}
	r.Header = q.header.Clone()
	if token := x.settings.HTTP.Bearer.Reveal(); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := x.client.Do(r)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // without the address, which may hold what the sender wrote
		}
		return nil, err
	}
	defer response.Body.Close()
	answer, err := readAnswer(response)
	if err == nil && x.cache != nil {
		x.cache.add(key, answer)
	}
	return answer, err
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

// Answered implements [event.Asker].
func (x enricher) Answered(e *event.Event, answer []byte) ([]*event.Event, error) {
	value, err := event.Decode(event.JSON, answer)
	if err != nil {
		return nil, failed(err)
	}
	body, err := decoded(e.Body)
	if err != nil {
		return nil, err
	}
	enriched, err := merge("the body", body, into(x.settings.Into, value), e)
	if err != nil {
		return nil, err
	}
	return []*event.Event{e.WithBody(event.BodyOf(enriched))}, nil
}

// into is the tree of one field at a path.
func into(path string, value any) []event.MappedField {
	tree := &event.Mapping{Value: value}
	names := strings.Split(path, ".")
	for _, name := range slices.Backward(names[1:]) {
		tree = &event.Mapping{Fields: []event.MappedField{{Name: name, Value: tree}}}
	}
	return []event.MappedField{{Name: names[0], Value: tree}}
}

// Unanswered implements [event.Asker].
func (x enricher) Unanswered(e *event.Event, reason error) ([]*event.Event, error) {
	if x.settings.OnFail == pass {
		return []*event.Event{e}, nil
	}
	var step *event.StepError
	if errors.As(reason, &step) {
		return nil, step
	}
	return nil, &event.StepError{Expression: x.settings.HTTP.URL.Text(), Err: reason}
}
