package verify

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/trotline/trotline/event"
)

// kind is a sort of place.
type kind int

// The kinds of places; Definition says what they are.
const (
	nowhere kind = iota
	inBody
	inHeader
	inQuery
	inForm
	inHeaders
	inItem
	inInput
	inClaim
	inElement
	atMethod
	atHost
	atPath
	atURI
	atURL
	atCanonical
	atTimestamp
	atSecret
)

// kindWords are the kinds as they are written.
var kindWords = [...]string{
	inBody: "body", inHeader: "header", inQuery: "query", inForm: "form", inHeaders: "headers", inItem: "item", inInput: "input",
	inClaim: "claim", inElement: "each", atMethod: "method", atHost: "host", atPath: "path", atURI: "uri", atURL: "url", atCanonical: "canonical",
	atTimestamp: "timestamp", atSecret: "secret",
}

func (k kind) String() string { return kindWords[k] }

// kindOf is the kind that a word is; nowhere if it is none.
func kindOf(word string) kind {
	return kind(max(0, slices.Index(kindWords[1:], word)+1))
}

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
		return parseNamed(text, word, name)
	}
	word, rest, deep := strings.Cut(text, ".")
	p := place{kind: kindOf(word), item: -1}
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
	case inForm, inQuery, atMethod, atHost, atPath, atURI, atURL, atCanonical, atTimestamp, atSecret:
	default:
		return place{}, unknownPlace(text, word)
	}
	if deep {
		return place{}, fmt.Errorf("%q leads nowhere: %s has no fields", text, word)
	}
	return p, nil
}

func parseNamed(text, word, name string) (place, error) {
	p := place{kind: kindOf(word), name: name, item: -1}
	switch p.kind {
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
		return place{}, unknownPlace(text, word)
	}
	if name == "" {
		return place{}, fmt.Errorf("%q leads nowhere: a name is missing after the colon", text)
	}
	return p, nil
}

func unknownPlace(text, word string) error {
	if near := event.Nearest(word, kindWords[1:]); near != "" {
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
		return p.kind.String() + "." + strings.Join(p.path, ".")
	case p.name != "":
		return p.kind.String() + ":" + p.name
	}
	return p.kind.String()
}

// spoken is the place as a sender is told of it.
func (p place) spoken() string {
	name := p.name
	if p.path != nil {
		name = strings.Join(p.path, ".")
	}
	switch p.kind {
	case inHeader:
		return "the header " + name
	case inQuery:
		return "the query parameter " + name
	case inForm:
		return "the form field " + name
	case inBody, inElement:
		return strings.TrimSuffix("the body's "+name, "'s ")
	}
	return "something that is signed"
}

func (p place) isZero() bool { return p.kind == nowhere }

// same tells whether two places are one.
func (p place) same(other place) bool { return p.String() == other.String() }

// isBody tells whether the place is the body, byte for byte.
func (p place) isBody() bool { return p.kind == inBody && p.path == nil }

// isForm tells whether the place is every field of the body's form.
func (p place) isForm() bool { return p.kind == inForm && p.name == "" }

// isQuery tells whether the place is the query as it was written.
func (p place) isQuery() bool { return p.kind == inQuery && p.name == "" }

// mayBeEmpty tells whether nothing at the place is something: an empty body is signed as any other.
func (p place) mayBeEmpty() bool { return p.isBody() || p.isForm() || p.isQuery() }

// inside tells whether the place is a part of another.
func (p place) inside(whole place) bool {
	switch p.kind {
	case inBody:
		return whole.isBody()
	case inForm:
		return whole.isForm() || whole.isBody()
	case inQuery:
		return whole.isQuery() || whole.kind == atURL || whole.kind == atURI
	}
	return false
}
