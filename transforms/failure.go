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

// list is the misfits in one line: /amount: want number, got string; …
func list(misfits []event.Misfit) string {
	const most = 10
	lines := make([]string, 0, most+1)
	for i, m := range misfits {
		if i == most {
			lines = append(lines, fmt.Sprintf("and %d more", len(misfits)-most))
			break
		}
		lines = append(lines, m.String())
	}
	return strings.Join(lines, "; ")
}

// misfits are the failures as a person is told of them. They hold no value of the
// event, but for those the schema lists.
func misfits(failures []*jsonschema.ValidationError) (found []event.Misfit) {
	for _, f := range failures {
		if missing, ok := f.ErrorKind.(*kind.Required); ok {
			for _, name := range missing.Missing {
				found = append(found, event.Misfit{Pointer: pointer(f.InstanceLocation) + pointer([]string{name}), Detail: "is missing"})
			}
			continue
		}
		found = append(found, event.Misfit{Pointer: pointer(f.InstanceLocation), Detail: failure(f.ErrorKind)})
	}
	return found
}

var printer = message.NewPrinter(language.English)

func failure(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return fmt.Sprintf("want %s, got %s", strings.Join(k.Want, " or "), k.Got)
	case *kind.AdditionalProperties:
		return "has fields that are not allowed: " + strings.Join(k.Properties, ", ")
	case *kind.Format:
		return "is no valid " + k.Want
	case *kind.Pattern:
		return "does not match " + k.Want
	case *kind.AnyOf:
		return "fits none of the alternatives of anyOf"
	case *kind.OneOf:
		if len(k.Subschemas) > 0 {
			return "fits more than one of the alternatives of oneOf"
		}
		return "fits none of the alternatives of oneOf"
	case *kind.FalseSchema:
		return "is not allowed"
	case *kind.Minimum:
		return "want at least " + decimal(k.Want)
	case *kind.Maximum:
		return "want at most " + decimal(k.Want)
	case *kind.ExclusiveMinimum:
		return "want more than " + decimal(k.Want)
	case *kind.ExclusiveMaximum:
		return "want less than " + decimal(k.Want)
	}
	return k.LocalizedString(printer)
}

func decimal(r *big.Rat) string {
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// pointer is a place as a JSON Pointer (RFC 6901).
func pointer(path []string) string {
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
