package event

import (
	"context"
	"fmt"
	"log/slog"
)

// Kinds are all the sorts there are of sources, steps and sinks, and the
// language their settings are written in.
//
// A kind has its word in the file, its settings and a way to make one. Settings
// is a function returning a pointer to a struct that holds the defaults; the
// configuration writes the user's YAML over it. The struct's fields say what may
// be written:
//
//	URL     event.Template            `yaml:"url" required:"true" doc:"where to send"`
//	Method  string                    `yaml:"method" enum:"POST,PUT,PATCH" doc:"…"`
//	Headers map[string]event.Template `yaml:"headers" doc:"…"`
//	Keep    event.Expr                `yaml:"keep" short:"true" want:"bool"`
//
// yaml is the word; required refuses its absence; enum lists the values; min and
// max bound a number, a [Duration] or a [Size]; doc is a line for the manual and
// the schema; want is what an [Expr] must give; watch says of a [Path] that what
// is in its file belongs to the configuration; else is a hint for what is written
// instead of a [Duration], [Size] or [Rate]. short:"true" marks the one field
// that a bare scalar or list stands for (filter: body.ok is filter: {keep:
// body.ok}), short:"all" the only one, which everything stands for (map).
//
// Fields may be string, bool, int, float64, []T, map[string]T, a pointer to a
// struct (nil when left out), a struct, and the types of this package: [Secret],
// [Duration], [Size], [Rate], [Path], [File], [Expr], [Template], *[Mapping], [AnswerRule] and [Format].
// A settings type may be a [Validator] for what types cannot say.
type Kinds struct {
	Sources    []SourceKind
	Transforms []TransformKind
	Sinks      []SinkKind
	Language   func(env func(name string) (string, bool)) Language
	// Split is the split step, for a source that splits its requests itself.
	Split func(list Expr) Transform
	// Schema compiles a JSON Schema, for a source that takes only what fits one.
	Schema func(file File) (Schema, error)
}

// SourceKind is a sort of source.
type SourceKind struct {
	Name     string // what type: says
	Doc      string
	Settings func() any
	Open     func(settings any, o SourceOptions) (Source, error)
}

// SourceOptions are what a source is told beside its settings.
type SourceOptions struct {
	Name   string
	Log    *slog.Logger
	Keeper Keeper // nil: nothing can be kept
}

// TransformKind is a sort of step.
type TransformKind struct {
	Name     string // the step's word
	Doc      string
	Settings func() any
	Open     func(settings any, o TransformOptions) (Transform, error)
	// Later are words of its settings that this version does not have yet.
	Later []string
	// Shape is what is known of the body after the step; nil: what was known before still holds.
	Shape func(before *Shape, settings any) *Shape
}

// TransformOptions are what a step is told beside its settings.
type TransformOptions struct {
	Log *slog.Logger
	// Lookup looks a row up in a sink, as [Looker] does.
	Lookup func(ctx context.Context, sink string, key []any) ([]byte, error)
}

// SinkKind is a sort of sink.
type SinkKind struct {
	Name     string // what type: says
	Doc      string
	Settings func() any
	// Batch is how many deliveries a batch holds unless the sink's batch setting says otherwise; 0 is 1.
	Batch int
	// LookupKey are the columns by which its settings tell rows apart, if it is a [Looker]; nil: it is none.
	LookupKey func(settings any) []string
	// Open makes the sink. It may be slow, but it must not fail because the
	// receiver is away: that is for Deliver to find out.
	Open func(ctx context.Context, settings any, o SinkOptions) (Sink, error)
}

// SinkOptions are what a sink is told beside its settings.
type SinkOptions struct {
	Name        string
	Concurrency int // how many Deliver calls there are at once at the most
	Log         *slog.Logger
}

// Validator is implemented by settings that check what types cannot say.
type Validator interface {
	Validate() []*FieldError
}

// TableReader is implemented by settings of a step that looks rows up in a sink.
type TableReader interface {
	// ReadsTable is the sink, and how many values its key is given; "" is none.
	// The setting table.sink names it, and table.key the values.
	ReadsTable() (sink string, values int)
}

// Shaper is implemented by settings of a step with an expression on what the
// step makes; the field's tag says sees:"made".
type Shaper interface {
	// Made is what is known of the body that expression sees.
	Made() *Shape
}

// CertificateAsker is implemented by settings of a source whose senders prove
// themselves by their TLS certificates, so that the server has to ask for one.
type CertificateAsker interface {
	// AsksForCertificate tells whether these settings do, and which of them says so.
	AsksForCertificate() (path string, asks bool)
}

// SettingsOf is a kind's settings as the type they were made with. Handing over
// another kind's is a programming error and panics.
func SettingsOf[T any](settings any) *T {
	s, ok := settings.(*T)
	if !ok {
		panic(fmt.Sprintf("event: settings are %T, not %T", settings, s))
	}
	return s
}
