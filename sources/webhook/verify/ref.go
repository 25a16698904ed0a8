package verify

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/trotline/trotline/event"
)

// Ref is where a sender writes something about an event: a header, or a field
// of the body. The zero Ref is nowhere.
type Ref struct {
	header string // canonical
	path   []string
}

// parseRef reads header:Name or body.a.b.
func parseRef(text string) (Ref, error) {
	if text == "" {
		return Ref{}, nil
	}
	if name, ok := strings.CutPrefix(text, "header:"); ok && name != "" {
		return Ref{header: http.CanonicalHeaderKey(name)}, nil
	}
	if path, ok := strings.CutPrefix(text, "body."); ok && path != "" {
		return Ref{path: strings.Split(path, ".")}, nil
	}
	return Ref{}, fmt.Errorf("%q leads nowhere: write header:Name or body.a.b", text)
}

// IsZero tells whether the Ref is nowhere.
func (r Ref) IsZero() bool { return r.header == "" && r.path == nil }

// String is the Ref as it was written.
func (r Ref) String() string {
	switch {
	case r.header != "":
		return "header:" + r.header
	case r.path != nil:
		return "body." + strings.Join(r.path, ".")
	}
	return ""
}

// Find is the text there, "" where there is none. A number is the text it was written as.
func (r Ref) Find(e *event.Event) string {
	if r.path == nil {
		return e.Request.Info().Header.Get(r.header)
	}
	v, err := e.Body.Lookup(r.path...)
	if err != nil {
		return ""
	}
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}
