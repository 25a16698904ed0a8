package verify

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/trotline/trotline/event"
)

// kind is a sort of place.
type kind string

// The kinds of places; Definition says what they are.
const (
	inBody      kind = "body"
	inHeader    kind = "header"
	inQuery     kind = "query"
	inForm      kind = "form"
	inHeaders   kind = "headers"
	inItem      kind = "item"
	inInput     kind = "input"
	inClaim     kind = "claim"
	inElement   kind = "each"
	atMethod    kind = "method"
	atHost      kind = "host"
	atPath      kind = "path"
	atURI       kind = "uri"
	atURL       kind = "url"
	atTimestamp kind = "timestamp"
	atSecret    kind = "secret"
)

const placeHint = "there are body, body.a.b, header:Name, query:name, form:name, item:t=, timestamp, method, host, path, uri, url, …"

// place is where something stands in a request. The zero place is nowhere.
type place struct {
	kind kind
	name string   // canonical for a header
	path []string // into the JSON of body, claim and each
	item int      // of item:0; -1 where it has a name
}

// parsePlace reads header:Name, body.a.b and the like.
func parsePlace(text string) (place, error) {
	if word, name, named := strings.Cut(text, ":"); named {
		return parseNamed(text, kind(word), name)
	}
	word, rest, deep := strings.Cut(text, ".")
	p := place{kind: kind(word), item: -1}
	switch p.kind {
	case inBody, inElement:
		if !deep {
			break
		}
		p.path = strings.Split(rest, ".")
		for _, name := range p.path {
			if name == "" {
				return place{}, fmt.Errorf("%q leads nowhere: a name between two dots is missing", text)
			}
		}
		return p, nil
	case inForm, inQuery, atMethod, atHost, atPath, atURI, atURL, atTimestamp, atSecret:
	default:
		return place{}, unknownPlace(text, word)
	}
	if deep {
		return place{}, fmt.Errorf("%q leads nowhere: %s has no fields", text, word)
	}
	return p, nil
}

func parseNamed(text string, word kind, name string) (place, error) {
	p := place{kind: word, name: name, item: -1}
	switch word {
	case inHeader, inHeaders:
		if !event.ValidHeaderName(strings.TrimSuffix(name, "*")) {
			return place{}, fmt.Errorf("%q leads nowhere: %q is not the name of a header", text, name)
		}
		p.name = http.CanonicalHeaderKey(name)
	case inClaim:
		p.path = strings.Split(name, ".")
	case inItem:
		if n, err := strconv.Atoi(name); err == nil {
			p.item = n
		}
	case inQuery, inForm, inInput:
	default:
		return place{}, unknownPlace(text, string(word))
	}
	if name == "" {
		return place{}, fmt.Errorf("%q leads nowhere: a name is missing after the colon", text)
	}
	return p, nil
}

func unknownPlace(text, word string) error {
	words := []string{"body", "header", "query", "form", "headers", "item", "input", "claim", "each", "method", "host", "path", "uri",
		"url", "timestamp", "secret"}
	if near := event.Nearest(word, words); near != "" {
		return fmt.Errorf("%q leads nowhere: did you mean %s?", text, near)
	}
	return fmt.Errorf("%q leads nowhere: %s", text, placeHint)
}

// String is the place as it was written.
func (p place) String() string {
	switch {
	case p.kind == inClaim:
		return "claim:" + strings.Join(p.path, ".")
	case p.path != nil:
		return string(p.kind) + "." + strings.Join(p.path, ".")
	case p.name != "":
		return string(p.kind) + ":" + p.name
	}
	return string(p.kind)
}

func (p place) isZero() bool { return p.kind == "" }

// mayBeEmpty tells whether nothing at the place is something: an empty body is signed as any other.
func (p place) mayBeEmpty() bool {
	return p.path == nil && p.name == "" && (p.kind == inBody || p.kind == inForm || p.kind == inQuery)
}

// wholeBody tells whether the place holds every byte of the body, or every field of its form.
func (p place) wholeBody() bool {
	return (p.kind == inBody || p.kind == inForm) && p.path == nil && p.name == ""
}

// inside tells whether the place is a part of another.
func (p place) inside(whole place) bool {
	switch p.kind {
	case inBody:
		return whole.kind == inBody && whole.path == nil
	case inForm:
		return whole.name == "" && (whole.kind == inForm || whole.kind == inBody && whole.path == nil)
	case inQuery:
		return whole.kind == atURL || whole.kind == atURI
	}
	return false
}
