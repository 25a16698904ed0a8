package sqltable

import (
	"encoding/json"
	"errors"
	"time"
)

// ParseTime reads a date-time of RFC 3339, such as 2026-03-14T15:09:26.5Z. It
// is strict: a date alone, or a time without a zone, is not one.
func ParseTime(text string) (time.Time, bool) {
	const shortest = len("2006-01-02T15:04:05Z")
	if len(text) < shortest || text[4] != '-' || text[10] != 'T' {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	return t, err == nil
}

// SortableTime is a time as a text of fixed width in UTC, whose order as text
// is its order in time. RFC 3339 as it is commonly written has no such order:
// "…:00.5Z" sorts before "…:00Z".
func SortableTime(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.000000000Z07:00")
}

// ErrNumberAsText is a version that is a number on its way into a column of text.
var ErrNumberAsText = errors.New("the version is a number, but its column holds text, where 9 comes after 10: make it a column of numbers")

// TextVersion is a plain value as it has to be written into a version column
// that holds text, so that the order of the texts is the order of the versions.
// A number has no such text and is [ErrNumberAsText].
func TextVersion(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		return nil, ErrNumberAsText
	case time.Time:
		return SortableTime(v), nil
	case string:
		if t, ok := ParseTime(v); ok {
			return SortableTime(t), nil
		}
	}
	return v, nil
}
