package event

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// decodeCSV reads CSV (RFC 4180) as a list with an object for each row; the
// first row names the fields, and every value is a text. What separates the
// fields is a comma, or a semicolon or a tab where the first row has no comma.
func decodeCSV(raw []byte) (any, error) {
	if !utf8.Valid(raw) {
		return nil, errNotUTF8
	}
	r := csv.NewReader(bytes.NewReader(raw))
	r.Comma = delimiter(raw)
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return []any{}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := nameColumns(header); err != nil {
		return nil, err
	}
	rows, spent := []any{}, budget(0)
	for {
		record, err := r.Read() // checks that it has as many fields as the first
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		if err := spent.spend(1 + len(record)); err != nil {
			return nil, err
		}
		row := make(map[string]any, len(header))
		for i, name := range header {
			row[name] = record[i]
		}
		rows = append(rows, row)
	}
}

// delimiter goes by the first line, outside quotes.
func delimiter(raw []byte) rune {
	line, _, _ := bytes.Cut(raw, []byte("\n"))
	quoted := false
	found := ','
	for _, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ',':
			return ','
		case c == ';' || c == '\t':
			found = rune(c)
		}
	}
	return found
}

// nameColumns takes the blanks off the names, and refuses those that no field can have.
func nameColumns(header []string) error {
	taken := make(map[string]bool, len(header))
	for i, name := range header {
		name = strings.TrimSpace(name)
		switch {
		case name == "":
			return fmt.Errorf("column %d has no name in the first row", i+1)
		case taken[name]:
			return fmt.Errorf("the first row names %.100q twice", name)
		}
		header[i], taken[name] = name, true
	}
	return nil
}
