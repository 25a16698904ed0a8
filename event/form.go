package event

import (
	"bytes"
	"fmt"
	"net/url"
	"unicode/utf8"
)

func decodeForm(raw []byte) (any, error) {
	if bytes.Count(raw, []byte("&")) >= BodyLimits.Values {
		return nil, BodyLimits.tooMany()
	}
	q, err := url.ParseQuery(string(bytes.TrimSpace(raw)))
	if err != nil {
		return nil, err
	}
	fields := make(map[string]any, len(q))
	for name, texts := range q {
		values := make([]any, len(texts))
		for i, text := range texts {
			if !utf8.ValidString(name) || !utf8.ValidString(text) {
				return nil, fmt.Errorf("the field %.100q is not valid UTF-8", name)
			}
			values[i] = text
		}
		fields[name] = oneOrList(values)
	}
	return fields, nil
}

// oneOrList is the value of a field: a list where it is repeated.
func oneOrList(values []any) any {
	if len(values) == 1 {
		return values[0]
	}
	return values
}
