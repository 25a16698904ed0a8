package expression

import (
	"errors"
	"fmt"
	"strings"

	"github.com/trotline/trotline/event"
)

// frame is what an evaluation works on.
type frame struct {
	event   *event.Event
	results event.Results
	request bool // the event has no id yet
	ids     int  // how many ids were made so far
	work    int  // how much was done so far
	answers map[string]any
}

// maxWork bounds an evaluation, so that nested loops over a hostile body end:
// within seconds. A turn of a loop, an element of a list that a function
// walks and 64 bytes of a text that it reads are one each.
const maxWork = 10_000_000

// maxText is how long a text may become, in bytes.
const maxText = 64 << 20

var (
	errWork = errors.New("it takes too long: its loops turn more than 10 million times")
	errText = errors.New("it makes a text of more than 64 MiB")
)

// charge counts work and fails when it is too much.
func (f *frame) charge(n int) error {
	if f.work += n; f.work > maxWork {
		return errWork
	}
	return nil
}

// cost is the work of walking a value once, roughly.
func cost(v any) int {
	switch v := v.(type) {
	case string:
		return len(v) / 64
	case []byte:
		return len(v) / 64
	case []any:
		return len(v)
	case map[string]any:
		return len(v)
	}
	return 0
}

func (f *frame) body() (any, error)     { return bodyValue("body", f.event.Body) }
func (f *frame) original() (any, error) { return bodyValue("original body", f.event.Original) }

func bodyValue(name string, b *event.Body) (any, error) {
	if b == nil {
		return nil, nil
	}
	v, err := b.Value()
	if err != nil {
		return nil, fmt.Errorf("the %s cannot be decoded: %w", name, err)
	}
	return v, nil
}

func (f *frame) bodyField(path []string) (any, error) {
	return bodyField("body", f.event.Body, path)
}

func (f *frame) originalField(path []string) (any, error) {
	return bodyField("original body", f.event.Original, path)
}

func bodyField(name string, b *event.Body, path []string) (any, error) {
	if b == nil {
		return nil, nil
	}
	if b.Made() {
		v, err := bodyValue(name, b)
		for _, field := range path {
			v = member(v, field)
		}
		return v, err
	}
	v, err := b.Lookup(path...)
	if err != nil {
		return nil, fmt.Errorf("the %s cannot be decoded: %w", name, err)
	}
	return v, nil
}

func (f *frame) raw() (any, error) {
	if f.event.Body == nil {
		return []byte(nil), nil
	}
	return f.event.Body.Raw()
}

// answer is what a sink answered, as an object; nil if it was not asked.
func (f *frame) answer(sink string) any {
	if a, ok := f.answers[sink]; ok {
		return a
	}
	given, ok := f.results[sink]
	if !ok {
		return nil
	}
	a := map[string]any{"status": nil, "headers": nameView(given.Header), "body": answerBody(given)}
	if given.Status != 0 {
		a["status"] = given.Status
	}
	if given.Error != "" {
		a["error"], a["reason"] = given.Error, given.Reason
	}
	if f.answers == nil {
		f.answers = make(map[string]any, len(f.results))
	}
	f.answers[sink] = a
	return a
}

// answerBody decodes JSON and leaves all else a text. A cut-off or broken JSON is a text too.
func answerBody(a event.Answer) any {
	if len(a.Body) == 0 {
		return nil
	}
	mediaType := a.Header["content-type"]
	if mediaType == "" || strings.Contains(mediaType, "json") {
		if v, err := event.Decode(event.JSON, a.Body); err == nil {
			return v
		}
	}
	if text, err := event.Decode(event.Text, a.Body); err == nil {
		return text
	}
	return a.Body
}

func (f *frame) allAnswers() any {
	all := make(map[string]any, len(f.results))
	for sink := range f.results {
		all[sink] = f.answer(sink)
	}
	return all
}
