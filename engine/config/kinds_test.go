package config_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sources/webhook"
	"github.com/trotline/trotline/transforms/expression"
)

// The kinds below have the words of the real ones and do nothing: the tests are
// about what is written, not about what it does.

type webhookSettings struct {
	Verify    *verify    `yaml:"verify" required:"true" doc:"how the sender proves itself; none must be written"`
	ID        event.Expr `yaml:"id" want:"string" doc:"what makes a second delivery the same event"`
	EventType event.Expr `yaml:"event_type" want:"string" doc:"the sender's word for what happened"`
	Decode    string     `yaml:"decode" enum:"auto,json,form,multipart,xml,csv,ndjson,text,binary,cloudevents" doc:"how the body is read"`
	FormField string     `yaml:"form_field" doc:"the field of a form whose JSON is the body"`
	Honeypot  string     `yaml:"honeypot" doc:"a field that people do not see"`
	// The real one, with its own check: there is much to say about an answer.
	Respond *webhook.Respond `yaml:"respond" doc:"what an accepted request is answered"`
}

type verify struct {
	Scheme  string                  `yaml:"scheme" short:"true" enum:"none" doc:"none: whoever knows the address is believed"`
	HMAC    *hmac                   `yaml:"hmac" doc:"a signature of the body in a header"`
	Users   map[string]event.Secret `yaml:"users" doc:"each user's password"`
	Preset  string                  `yaml:"preset" doc:"a provider"`
	Secrets []event.Secret          `yaml:"secrets" doc:"the preset's secrets"`
	MTLS    *mtls                   `yaml:"mtls" doc:"a certificate"`
}

type mtls struct {
	Subject []string `yaml:"subject" doc:"the certificate's subject"`
}

func (s *webhookSettings) AsksForCertificate() (path string, asks bool) {
	return "verify.mtls", s.Verify != nil && s.Verify.MTLS != nil
}

type hmac struct {
	Header  string         `yaml:"header" required:"true" doc:"the header with the signature"`
	Prefix  string         `yaml:"prefix" doc:"what stands before the signature"`
	Secrets []event.Secret `yaml:"secrets" required:"true" doc:"a signature by any of them counts"`
}

func (s *webhookSettings) Validate() []*event.FieldError {
	if s.Verify.Preset != "" && s.Verify.Preset != "github" {
		return []*event.FieldError{{Path: "verify.preset", Msg: "there is no preset " + s.Verify.Preset, Hint: "did you mean github?"}}
	}
	if s.Verify.Preset != "" && len(s.Verify.Secrets) == 0 {
		return []*event.FieldError{{Path: "verify.secrets", Msg: "the preset needs a secret", Hint: "add secrets"}}
	}
	if s.FormField != "" && s.Decode == "json" {
		return []*event.FieldError{{Path: "form_field", Msg: "a body decoded as json is no form"}}
	}
	if s.Honeypot != "" && s.Decode == "csv" {
		return []*event.FieldError{{Path: "honeypot", Msg: "a body decoded as csv has no such field"}}
	}
	if s.Respond != nil {
		return s.Respond.Validate()
	}
	return nil
}

type postgresSettings struct {
	DSN     event.Secret          `yaml:"dsn" required:"true" doc:"where the database is"`
	Table   string                `yaml:"table" required:"true" doc:"the table"`
	Columns map[string]event.Expr `yaml:"columns" doc:"what each column holds"`
	Key     []string              `yaml:"key" doc:"columns that make a row the same row"`
	Version string                `yaml:"version" doc:"the column that keeps an older event from overwriting a newer row"`
	Create  bool                  `yaml:"create" doc:"make the table when it is missing"`
}

func (s *postgresSettings) Validate() []*event.FieldError {
	for i, k := range s.Key {
		if k == "bad column" {
			return []*event.FieldError{{Path: "key[" + string(rune('0'+i)) + "]", Msg: "bad column"}}
		}
	}
	if s.Version != "" && len(s.Key) == 0 {
		return []*event.FieldError{{Path: "version", Msg: "version needs a key", Hint: "add key: [column]"}}
	}
	return nil
}

type httpSettings struct {
	URL      event.Template            `yaml:"url" required:"true" doc:"where to send"`
	Method   string                    `yaml:"method" enum:"POST,PUT,PATCH" doc:"the method (POST)"`
	Headers  map[string]event.Template `yaml:"headers" doc:"more headers"`
	Body     *event.Mapping            `yaml:"body" doc:"what is sent"`
	TLS      *httpTLS                  `yaml:"tls" doc:"how the receiver proves itself"`
	RetryOn  []event.AnswerRule        `yaml:"retry_on" doc:"answers that are tried again"`
	RefuseOn []event.AnswerRule        `yaml:"refuse_on" doc:"answers that refuse the event"`
}

type httpTLS struct {
	CAFile event.Path `yaml:"ca_file" watch:"true" doc:"the authorities"`
}

type fileSettings struct {
	Path   event.Path `yaml:"path" required:"true" doc:"the file"`
	Rotate *rotate    `yaml:"rotate" doc:"when a new file is begun"`
}

type rotate struct {
	Size event.Size     `yaml:"size" doc:"at this size"`
	Age  event.Duration `yaml:"age" doc:"at this age"`
	Keep int            `yaml:"keep" doc:"how many are kept"`
}

type stdoutSettings struct {
	Format event.Format `yaml:"format" doc:"how it is written"`
	Rate   float64      `yaml:"ratio" doc:"a part"`
}

type filterSettings struct {
	Keep event.Expr `yaml:"keep" short:"true" want:"bool" required:"true" doc:"which events are kept"`
}

type mapSettings struct {
	Tree *event.Mapping `yaml:"tree" short:"all" required:"true" doc:"the new body"`
}

type unsetSettings struct {
	Paths []string `yaml:"paths" short:"true" required:"true" doc:"the fields to remove"`
}

func (s *unsetSettings) Validate() []*event.FieldError {
	for i, p := range s.Paths {
		if strings.Contains(p, "..") {
			return []*event.FieldError{{Path: fmt.Sprintf("paths[%d]", i), Msg: "a name is missing"}}
		}
	}
	return nil
}

type splitSettings struct {
	List event.Expr `yaml:"list" short:"true" want:"list" required:"true" doc:"each element becomes an event"`
}

type validateSettings struct {
	Schema event.File `yaml:"schema" short:"true" required:"true" doc:"a JSON Schema"`
	OnFail string     `yaml:"on_fail" enum:"dead,drop" doc:"what becomes of an event that does not fit"`
}

type logSettings struct {
	Message event.Template `yaml:"message" short:"true" doc:"what is logged"`
	Level   string         `yaml:"level" enum:"debug,info,warn,error" doc:"how loud"`
}

type nothing struct{}

func (nothing) Receive(context.Context, *event.Request) (*event.Receipt, error) { return nil, nil }
func (nothing) Apply(context.Context, *event.Event) ([]*event.Event, error)     { return nil, nil }
func (nothing) Deliver(_ context.Context, batch []*event.Delivery) []event.Verdict {
	return event.VerdictAll(len(batch), errors.New("a fake"))
}

func step(name string, settings func() any, shape func(*event.Shape, any) *event.Shape) event.TransformKind {
	return event.TransformKind{
		Name: name, Doc: name, Settings: settings, Shape: shape,
		Open: func(any, event.TransformOptions) (event.Transform, error) { return nothing{}, nil },
	}
}

func sink(name string, batch int, settings func() any) event.SinkKind {
	return event.SinkKind{
		Name: name, Doc: name, Settings: settings, Batch: batch,
		Open: func(context.Context, any, event.SinkOptions) (event.Sink, error) { return nothing{}, nil },
	}
}

func kinds() event.Kinds {
	return event.Kinds{
		Language: expression.New,
		Sources: []event.SourceKind{{
			Name: "webhook", Doc: "takes webhooks", Settings: func() any { return &webhookSettings{Decode: "auto"} },
			Open: func(any, event.SourceOptions) (event.Source, error) { return nothing{}, nil },
		}},
		Transforms: []event.TransformKind{
			step("filter", func() any { return &filterSettings{} }, nil),
			step("map", func() any { return &mapSettings{} }, func(_ *event.Shape, s any) *event.Shape {
				return event.SettingsOf[mapSettings](s).Tree.Shape()
			}),
			step("unset", func() any { return &unsetSettings{} }, func(*event.Shape, any) *event.Shape { return nil }),
			step("split", func() any { return &splitSettings{} }, func(*event.Shape, any) *event.Shape { return nil }),
			step("validate", func() any { return &validateSettings{OnFail: "dead"} }, nil),
			step("log", func() any { return &logSettings{Level: "info"} }, nil),
		},
		Sinks: []event.SinkKind{
			sink("stdout", 0, func() any { return &stdoutSettings{Format: event.JSON} }),
			sink("file", 500, func() any { return &fileSettings{} }),
			sink("postgres", 200, func() any { return &postgresSettings{} }),
			sink("http", 0, func() any { return &httpSettings{Method: "POST"} }),
		},
	}
}
