package transforms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaURL is what the schema is called inside the library.
const schemaURL = "trotline:///schema.json"

// compileSchema reads a schema. Its formats are asserted, and it is complete in
// itself: nothing is loaded from the network or from other files.
func compileSchema(data []byte) (*jsonschema.Schema, error) {
	doc, err := decodeSchema(data)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(noLoader{})
	if err := c.AddResource(schemaURL, doc); err != nil {
		return nil, err
	}
	schema, err := c.Compile(schemaURL)
	if err != nil {
		return nil, schemaError(err)
	}
	return schema, nil
}

func decodeSchema(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var doc any
	err := dec.Decode(&doc)
	if err == nil {
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			return doc, nil
		}
		return nil, fmt.Errorf("%s: something follows the schema", lineOf(data, dec.InputOffset()))
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return nil, fmt.Errorf("%s: it is no JSON: %w", lineOf(data, syntax.Offset), err)
	}
	return nil, fmt.Errorf("it is no JSON: %w", err)
}

// lineOf is the place of a byte as editors count it.
func lineOf(data []byte, offset int64) string {
	before := data[:min(max(offset-1, 0), int64(len(data)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len([]rune(string(before[bytes.LastIndexByte(before, '\n')+1:]))) + 1
	return fmt.Sprintf("line %d, column %d", line, column)
}

// noLoader refuses every reference that leaves the schema.
type noLoader struct{}

var errElsewhere = errors.New("nothing is loaded from elsewhere: put it under $defs and refer to #/$defs/…")

func (noLoader) Load(string) (any, error) { return nil, errElsewhere }

// schemaError says where a schema is broken.
func schemaError(err error) error {
	var load *jsonschema.LoadURLError
	var broken *jsonschema.SchemaValidationError
	var invalid *jsonschema.ValidationError
	var regex *jsonschema.InvalidRegexError
	switch {
	case errors.As(err, &load):
		return fmt.Errorf("it refers to %s, and %w", strings.Replace(load.URL, "trotline:///", "", 1), errElsewhere)
	case errors.As(err, &broken) && errors.As(broken.Err, &invalid):
		return errors.New(list(misfits(leaves(invalid, nil))))
	case errors.As(err, &regex):
		return fmt.Errorf("%s: %q is no regular expression: %w", strings.TrimPrefix(regex.URL, schemaURL+"#"), regex.Regex, regex.Err)
	}
	return errors.New(strings.ReplaceAll(err.Error(), schemaURL, ""))
}
