package sqltable

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trotline/trotline/event"
)

// Row is what a delivery becomes. Only columns it has are written: a column
// that is absent keeps what the table has, one that is nil becomes NULL.
type Row struct {
	Columns []string // sorted
	Values  []any    // what [Plain] gives, in the order of Columns
	// Identity is equal for two rows with the same key. It may be equal for
	// different ones too (1 and "1"), so it is for ordering and for keeping
	// rows apart, never for leaving one out.
	Identity string
}

// Row makes the row of a delivery. Every error is [event.Permanent].
func (s *Spec) Row(d *event.Delivery) (Row, error) {
	fields, err := s.fields(d)
	if err != nil {
		return Row{}, event.Permanent(err)
	}
	if len(s.Key) == 0 {
		fields[DeliveryID] = d.ID // a field of that name in the body is the sender's word, which must not decide
	}
	row := Row{Columns: slices.Sorted(maps.Keys(fields)), Values: make([]any, len(fields))}
	for i, name := range row.Columns {
		if err := checkColumn(name); err != nil {
			return Row{}, event.Permanent(err)
		}
		if row.Values[i], err = Plain(fields[name]); err != nil {
			return Row{}, event.Permanentf("column %q: %w", name, err)
		}
	}
	if row.Identity, err = s.identity(&row); err != nil {
		return Row{}, event.Permanent(err)
	}
	return row, nil
}

// fields are the columns before their values are made plain. The map is the caller's.
func (s *Spec) fields(d *event.Delivery) (map[string]any, error) {
	if len(s.Columns) > 0 {
		fields := make(map[string]any, len(s.Columns)+1)
		for name, x := range s.Columns {
			v, err := x.Eval(d.Event, d.Results)
			if err != nil {
				return nil, fmt.Errorf("column %q: %w", name, err)
			}
			fields[name] = v
		}
		return fields, nil
	}
	v, err := d.Event.Body.Value()
	if err != nil {
		return nil, fmt.Errorf("the body cannot be decoded: %w", err)
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the body is not an object, so it has no columns: add a map step, or columns to the sink")
	}
	fields := make(map[string]any, len(object)+1)
	maps.Copy(fields, object)
	return fields, nil
}

// identity refuses a key without a value: NULL is equal to nothing, so that
// each delivery of such a row would be another row.
func (s *Spec) identity(row *Row) (string, error) {
	var b strings.Builder
	for _, name := range s.Identity() {
		v := row.Value(name)
		if v == nil {
			return "", fmt.Errorf("the row has no value for its key column %q", name)
		}
		text, err := Text(v)
		if err != nil {
			return "", fmt.Errorf("column %q: %w", name, err)
		}
		b.WriteString(text)
		b.WriteByte(0)
	}
	return b.String(), nil
}

// Value is the value of a column, nil when the row does not have it.
func (r *Row) Value(column string) any {
	if i, ok := slices.BinarySearch(r.Columns, column); ok {
		return r.Values[i]
	}
	return nil
}

// ColumnSet is equal for rows that have the same columns, and so the same statement.
func (r *Row) ColumnSet() string { return strings.Join(r.Columns, "\x00") }

// Plain brings a value to one of nil, bool, string, [json.Number], [time.Time],
// []byte, map[string]any and []any.
func Plain(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string, json.Number, time.Time, []byte, map[string]any, []any:
		return v, nil
	}
	raw, err := event.EncodeJSON(v)
	if err != nil {
		return nil, err
	}
	return event.Decode(event.JSON, raw)
}

// Text is a plain value as text: a text as it is, a number as it was written,
// a time in RFC 3339, bytes as they are, an object or a list as JSON. nil is "".
func Text(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		if v {
			return "true", nil
		}
		return "false", nil
	case time.Time:
		return v.Format(time.RFC3339Nano), nil
	case []byte:
		return string(v), nil
	}
	raw, err := event.EncodeJSON(v)
	return string(raw), err
}
