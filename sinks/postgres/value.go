package postgres

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sinks/sqltable"
)

// Every value is sent as text and cast by the server to its column's type, so
// that a number keeps its digits and every type of the server can be written.
// form is what the text of a type has to look like where it is not simply the
// value's text.
type form int

const (
	plain     form = iota
	text           // keeps whatever text it is given
	integer        // takes no decimal point
	timestamp      // without a time zone: would silently drop the one it is given
	binary         // bytea
	jsonValue      // json, jsonb
	list           // an array
)

var forms = map[string]form{
	"text": text, "varchar": text, "bpchar": text, "citext": text, "name": text,
	"int2": integer, "int4": integer, "int8": integer,
	"timestamp": timestamp, "bytea": binary, "json": jsonValue, "jsonb": jsonValue,
}

// column is what is known of a column of the table.
type column struct {
	cast    string // its type without length or precision, as a cast says it
	form    form
	element form // of an array
}

var (
	errNUL  = errors.New("PostgreSQL holds no NUL byte (\\u0000) in a text")
	errUTF8 = errors.New("the text is not valid UTF-8")
)

// encode is a plain value as the text of a column; nil is NULL.
func (c column) encode(v any) (*string, error) {
	if v == nil {
		return nil, nil
	}
	if items, ok := v.([]any); ok && c.form == list {
		return checked(arrayText(items, c.element))
	}
	return checked(c.form.encode(v))
}

func checked(s string, err error) (*string, error) {
	switch {
	case err != nil:
		return nil, err
	case strings.IndexByte(s, 0) >= 0:
		return nil, errNUL
	case !utf8.ValidString(s):
		return nil, errUTF8
	}
	return &s, nil
}

func (f form) encode(v any) (string, error) {
	switch f {
	case integer:
		if n, ok := v.(json.Number); ok {
			return integerText(n.String()), nil
		}
	case timestamp:
		return timestampText(v)
	case binary:
		s, err := sqltable.Text(v)
		return `\x` + hex.EncodeToString([]byte(s)), err
	case jsonValue:
		if raw, ok := v.([]byte); ok && json.Valid(raw) {
			return string(raw), nil // the request's body, written as it came
		}
		raw, err := event.EncodeJSON(v)
		return string(raw), err
	}
	return sqltable.Text(v)
}

// integerText takes the point from a whole number that was written with one
// (100.0, 1e3). Anything else stays as it is, for the server to judge.
func integerText(n string) string {
	if !strings.ContainsAny(n, "eE") {
		if whole, fraction, ok := strings.Cut(n, "."); ok && strings.Trim(fraction, "0") == "" {
			return whole
		}
		return n
	}
	const exact = 1 << 53
	if f, err := strconv.ParseFloat(n, 64); err == nil && f == math.Trunc(f) && math.Abs(f) <= exact {
		return strconv.FormatInt(int64(f), 10)
	}
	return n
}

// timestampText brings a time that names its zone to UTC.
func timestampText(v any) (string, error) {
	t, isTime := v.(time.Time)
	if s, ok := v.(string); ok {
		t, isTime = sqltable.ParseTime(s)
	}
	if isTime {
		return t.UTC().Format("2006-01-02T15:04:05.999999999"), nil
	}
	return sqltable.Text(v)
}

// arrayText writes a list as an array literal
// (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO). Every
// element but NULL is quoted, which is always allowed.
func arrayText(items []any, element form) (string, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, item := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		if item == nil {
			b.WriteString("NULL")
			continue
		}
		if nested, ok := item.([]any); ok && element != jsonValue {
			s, err := arrayText(nested, element)
			if err != nil {
				return "", err
			}
			b.WriteString(s)
			continue
		}
		s, err := element.encode(item)
		if err != nil {
			return "", err
		}
		b.WriteByte('"')
		b.WriteString(arrayEscapes.Replace(s))
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String(), nil
}

var arrayEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// typeOf is the type of a column that we make for a value. Numbers are numeric,
// whatever the first one looks like: the next total may be 99.50.
func typeOf(v any) string {
	switch v := v.(type) {
	case json.Number:
		return "numeric"
	case bool:
		return "boolean"
	case time.Time:
		return "timestamptz"
	case []byte:
		return "bytea"
	case map[string]any, []any:
		return "jsonb"
	case string:
		if _, ok := sqltable.ParseTime(v); ok {
			return "timestamptz"
		}
	}
	return "text"
}
