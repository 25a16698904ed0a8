package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// Format says how the bytes of a body are to be read.
type Format string

// The formats a body can have. JSON is also what a step that makes a new body writes.
const (
	JSON      Format = "json"      // objects, lists, strings, [json.Number], booleans, nil
	Form      Format = "form"      // application/x-www-form-urlencoded: a string for each field, a list where it is repeated
	Multipart Format = "multipart" // multipart/form-data: likewise, and an object for each file
	XML       Format = "xml"       // an object with the root element; see decodeXML
	CSV       Format = "csv"       // a list with an object for each row, whose fields the first row names
	NDJSON    Format = "ndjson"    // one JSON value a line: a list
	Text      Format = "text"      // a string of valid UTF-8
	Binary    Format = "binary"    // the bytes as they are
)

// Formats lists the formats in the order the manual shows them.
var Formats = []Format{JSON, Form, Multipart, XML, CSV, NDJSON, Text, Binary}

// ContentType is the media type a body of the format is sent with.
func (f Format) ContentType() string {
	switch f {
	case JSON:
		return "application/json"
	case Form:
		return "application/x-www-form-urlencoded"
	case Multipart:
		return "multipart/form-data"
	case XML:
		return "application/xml"
	case CSV:
		return "text/csv; charset=utf-8"
	case NDJSON:
		return "application/x-ndjson"
	case Text:
		return "text/plain; charset=utf-8"
	default:
		return "application/octet-stream"
	}
}

// Body is a payload. It is held as bytes, as a value, or as both: bytes are
// decoded on first need, a value is encoded on first need, each once. It is
// safe for concurrent use, and neither its bytes nor its value may be changed.
type Body struct {
	format Format
	made   bool // of a value, not of bytes

	decode  sync.Once
	decoded atomic.Bool // the value is there, or its error
	value   any
	valErr  error

	check   sync.Once
	checked bool         // the bytes need no check (again)
	lookups atomic.Int32 // how often a field was looked for in the bytes
	index   sync.Once
	fields  []span // of the outermost object
	broken  bool   // the outermost object ends early

	encode sync.Once
	raw    []byte
	rawErr error
}

// NewBody is a body of these bytes. Whether they can be decoded shows at the first [Body.Value].
func NewBody(format Format, raw []byte) *Body {
	b := &Body{format: format, raw: raw}
	b.encode.Do(func() {})
	return b
}

// NewCheckedBody is a body of bytes that [Body.Check] found good before they were
// stored: nothing looks through them again only to know that they are. Of bytes
// that are not, what was not looked at passes unseen.
func NewCheckedBody(format Format, raw []byte) *Body {
	b := NewBody(format, raw)
	b.check.Do(func() { b.checked = true })
	return b
}

// BodyOf is a JSON body of this value, which may hold maps with string keys,
// lists, strings, numbers ([json.Number] keeps its text), booleans, times, bytes and nil.
func BodyOf(value any) *Body {
	b := &Body{format: JSON, value: value, made: true}
	b.decode.Do(func() { b.decoded.Store(true) })
	return b
}

// Made tells whether a step made the body of a value, which may hold any type a
// step knows; one that came as bytes holds what decoding gives.
func (b *Body) Made() bool { return b.made }

// Format is the format of the body's bytes.
func (b *Body) Format() Format { return b.format }

// Value is the body decoded. Numbers are [json.Number], so that an identifier of
// nineteen digits and a price of 10.10 keep their text.
func (b *Body) Value() (any, error) {
	b.decode.Do(func() {
		defer takeTurn(len(b.raw))()
		b.value, b.valErr = Decode(b.format, b.raw)
		b.decoded.Store(true)
	})
	return b.value, b.valErr
}

// Raw is the body as bytes: what was received, or the JSON of what a step made.
func (b *Body) Raw() ([]byte, error) {
	b.encode.Do(func() { b.raw, b.rawErr = EncodeJSON(b.value) })
	return b.raw, b.rawErr
}

// Decode reads bytes of a format, which are UTF-8 where they are text. An empty
// body is nil, except that empty NDJSON and CSV are an empty list, empty text is
// "" and empty binary is no bytes.
func Decode(f Format, raw []byte) (any, error) {
	switch f {
	case JSON:
		if len(bytes.TrimSpace(raw)) == 0 {
			return nil, nil
		}
		return decodeJSON(raw)
	case NDJSON:
		return decodeNDJSON(raw)
	case Form:
		return decodeForm(raw)
	case Multipart:
		return decodeMultipart(raw)
	case XML:
		return decodeXML(raw)
	case CSV:
		return decodeCSV(raw)
	case Text:
		if !utf8.Valid(raw) {
			return nil, errNotUTF8
		}
		return string(raw), nil
	case Binary:
		return raw, nil
	}
	return nil, fmt.Errorf("unknown format %q", f)
}

var errNotUTF8 = errors.New("the text is not valid UTF-8")

// EncodeJSON writes a value as JSON on one line, without the escapes that only HTML needs.
func EncodeJSON(value any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, fmt.Errorf("cannot be written as JSON: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func decodeJSON(raw []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return nil, errors.New("the JSON ends too early")
		}
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("something follows the JSON value at byte %d", dec.InputOffset())
	}
	return v, nil
}

// decodeNDJSON looks through every line before it decodes the first: one decoder
// then serves for all.
func decodeNDJSON(raw []byte) (any, error) {
	number, values, spent := 0, 0, budget(0)
	for line := range bytes.SplitSeq(raw, []byte("\n")) {
		number++
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := spent.check(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		values++
	}
	list := make([]any, values)
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	for i := range list {
		if err := dec.Decode(&list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}
