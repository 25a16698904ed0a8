package transforms

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/trotline/trotline/event"
)

// leaves are the failures themselves, without those that only enclose them. Of
// alternatives it is enough to know that none fits.
func leaves(e *jsonschema.ValidationError, found []*jsonschema.ValidationError) []*jsonschema.ValidationError {
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf, *kind.Not:
		return append(found, e)
	}
	if len(e.Causes) == 0 {
		return append(found, e)
	}
	for _, cause := range e.Causes {
		found = leaves(cause, found)
	}
	return found
}

// list is the failures in one line: /amount: want number, got string; …
func list(failures []*jsonschema.ValidationError) string {
	const most = 10
	lines := make([]string, 0, most+1)
	for i, f := range failures {
		if i == most {
			lines = append(lines, fmt.Sprintf("and %d more", len(failures)-most))
			break
		}
		lines = append(lines, failure(f))
	}
	return strings.Join(lines, "; ")
}

var printer = message.NewPrinter(language.English)

// failure is one failure. It holds no value of the event, but for those the schema lists.
func failure(f *jsonschema.ValidationError) string {
	place := pointer(f.InstanceLocation)
	what := ""
	switch k := f.ErrorKind.(type) {
	case *kind.Type:
		what = fmt.Sprintf("want %s, got %s", strings.Join(k.Want, " or "), k.Got)
	case *kind.Required:
		lines := make([]string, len(k.Missing))
		for i, name := range k.Missing {
			lines[i] = pointer(append(f.InstanceLocation[:len(f.InstanceLocation):len(f.InstanceLocation)], name)) + ": is missing"
		}
		return strings.Join(lines, "; ")
	case *kind.AdditionalProperties:
		what = "has fields that are not allowed: " + strings.Join(k.Properties, ", ")
	case *kind.Format:
		what = "is no valid " + k.Want
	case *kind.Pattern:
		what = "does not match " + k.Want
	case *kind.AnyOf:
		what = "fits none of the alternatives of anyOf"
	case *kind.OneOf:
		what = "fits none of the alternatives of oneOf"
		if len(k.Subschemas) > 0 {
			what = "fits more than one of the alternatives of oneOf"
		}
	case *kind.FalseSchema:
		what = "is not allowed"
	case *kind.Minimum:
		what = "want at least " + decimal(k.Want)
	case *kind.Maximum:
		what = "want at most " + decimal(k.Want)
	case *kind.ExclusiveMinimum:
		what = "want more than " + decimal(k.Want)
	case *kind.ExclusiveMaximum:
		what = "want less than " + decimal(k.Want)
	default:
		what = f.ErrorKind.LocalizedString(printer)
	}
	return place + ": " + what
}

func decimal(r *big.Rat) string {
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// pointer is a place as a JSON Pointer (RFC 6901); the whole body is /.
func pointer(path []string) string {
	if len(path) == 0 {
		return "/"
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, name := range path {
		b.WriteString("/" + escape.Replace(name))
	}
	return b.String()
}

// at is what stands at a place of a body.
func at(v any, path []string) any {
	for _, name := range path {
		switch parent := v.(type) {
		case map[string]any:
			v = parent[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(parent) {
				return nil
			}
			v = parent[i]
		}
	}
	return v
}

// shown is a value for an error, "" for what has parts: those may be many.
func shown(v any) string {
	const most = 200
	switch v := v.(type) {
	case map[string]any, []any, []byte:
		return ""
	case string:
		if len(v) > most {
			return shown(strings.ToValidUTF8(v[:most/2], "")) + "…"
		}
	}
	b, err := event.EncodeJSON(v)
	if err != nil {
		return ""
	}
	if len(b) > most {
		return strings.ToValidUTF8(string(b[:most]), "") + "…"
	}
	return string(b)
}
