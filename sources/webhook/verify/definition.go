package verify

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/trotline/trotline/event"
)

// Definition is a signature scheme as data: which header holds the signature,
// how it is written and what it signs.
type Definition struct {
	// Doc is the page on which the provider describes the scheme.
	Doc string `yaml:"doc"`

	// Header holds the signature, or a list with the signatures in it.
	Header string `yaml:"header"`
	// Separator stands between the items of a list; blanks around an item are
	// nothing. "" is a header that is one signature.
	Separator string `yaml:"separator"`
	// Tag is what a signature begins with: "sha256=", "v1,". In a list, items
	// that begin otherwise are not signatures of this scheme.
	Tag string `yaml:"tag"`
	// Encoding is how the signature is written: hex, base64 or base64url.
	Encoding string `yaml:"encoding"`
	// Algorithm is the hash of the HMAC: sha1, sha256, sha384 or sha512.
	Algorithm string `yaml:"algorithm"`
	// Key is how the secret becomes the key of the HMAC.
	Key KeyDefinition `yaml:"key"`
	// Content is what is signed: {body}, {timestamp}, {header:Name} and the text between them.
	Content string `yaml:"content"`
	// Timestamp is the signed time; nil for a scheme that has none.
	Timestamp *TimestampDefinition `yaml:"timestamp"`

	// ID and Type say where the event's id and type stand: header:Name or
	// body.a.b; "" where the sender gives none.
	ID   string `yaml:"id"`
	Type string `yaml:"type"`
	// FormField is the field that holds the JSON when the body is a form.
	FormField string `yaml:"form_field"`
}

// KeyDefinition is how a secret becomes a key.
type KeyDefinition struct {
	// Strip is taken off the secret's start if it stands there.
	Strip string `yaml:"strip"`
	// Encoding is how the rest is read: utf8 (the default, as it stands), hex, base64 or base64url.
	Encoding string `yaml:"encoding"`
}

// TimestampDefinition is where the signed time stands and how old it may be.
type TimestampDefinition struct {
	// Header holds the time; or else Field is what its item in the list of
	// signatures begins with, such as "t=".
	Header string `yaml:"header"`
	Field  string `yaml:"field"`
	// Unit is s: seconds since 1970.
	Unit string `yaml:"unit"`
	// Tolerance is how far the time may be from ours, either way, such as 5m.
	Tolerance string `yaml:"tolerance"`
}

// Compile makes a scheme of its definition.
func Compile(d Definition) (*Scheme, error) {
	s := &Scheme{doc: d.Doc, tag: d.Tag, separator: d.Separator, formField: d.FormField}
	if d.Header == "" {
		return nil, errors.New("header is missing: name the header that holds the signature")
	}
	s.header = http.CanonicalHeaderKey(d.Header)

	var ok bool
	if s.hash, ok = algorithms[d.Algorithm]; !ok {
		return nil, fmt.Errorf("unknown algorithm %q: there are %s", d.Algorithm, names(algorithms))
	}
	if s.encoding, ok = encodings[d.Encoding]; !ok {
		return nil, fmt.Errorf("unknown encoding %q: there are %s", d.Encoding, names(encodings))
	}
	var err error
	if s.key, err = compileKey(d.Key); err != nil {
		return nil, err
	}
	if s.time, err = compileTimestamp(d); err != nil {
		return nil, err
	}
	if s.content, err = parseContent(d.Content, s.time != nil); err != nil {
		return nil, err
	}
	if s.id, err = parseRef(d.ID); err != nil {
		return nil, fmt.Errorf("id: %w", err)
	}
	if s.typ, err = parseRef(d.Type); err != nil {
		return nil, fmt.Errorf("type: %w", err)
	}
	return s, nil
}

// names are the words of a table, sorted, for an error.
func names[V any](table map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(table)), ", ")
}

func compileKey(d KeyDefinition) (keyRule, error) {
	k := keyRule{strip: d.Strip}
	if d.Encoding == "" || d.Encoding == "utf8" {
		return k, nil
	}
	e, ok := encodings[d.Encoding]
	if !ok {
		return k, fmt.Errorf("key: unknown encoding %q: there are utf8, %s", d.Encoding, names(encodings))
	}
	k.encoding, k.name = &e, d.Encoding
	return k, nil
}

func compileTimestamp(d Definition) (*timestamp, error) {
	t := d.Timestamp
	switch {
	case t == nil:
		return nil, nil
	case (t.Header == "") == (t.Field == ""):
		return nil, errors.New("timestamp: needs either header or field")
	case t.Field != "" && d.Separator == "":
		return nil, errors.New("timestamp: a field needs a list: give separator")
	case t.Unit != "s":
		return nil, fmt.Errorf("timestamp: unknown unit %q: there is s, seconds since 1970", t.Unit)
	}
	tolerance, err := event.ParseDuration(t.Tolerance)
	if err != nil {
		return nil, fmt.Errorf("timestamp: tolerance: %w", err)
	}
	return &timestamp{
		header:    http.CanonicalHeaderKey(t.Header),
		field:     t.Field,
		tolerance: int64(tolerance.Std() / time.Second),
	}, nil
}
