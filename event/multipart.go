package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decodeMultipart reads multipart/form-data (RFC 7578): a string for each field,
// a JSON value for one whose content type is JSON, and for a file an object with
// its filename, content_type, size and base64. What is repeated is a list. The
// boundary is what the first line says, so that the bytes alone are enough.
func decodeMultipart(raw []byte) (any, error) {
	boundary := Boundary(raw)
	switch {
	case boundary == "":
		return nil, errors.New("it does not begin with a boundary")
	case !bytes.Contains(raw, []byte("\n--"+boundary+"--")): // the reader takes an end behind any boundary for the last one
		return nil, errCutOff
	}
	r := multipart.NewReader(bytes.NewReader(raw), boundary)
	fields := make(map[string][]any)
	var spent budget
	for n := 1; ; n++ {
		part, err := r.NextPart()
		if err == io.EOF { //nolint:errorlint // wrapped, it is a body that ends too early
			break
		}
		if err != nil {
			return nil, multipartError(err)
		}
		name := part.FormName()
		if name == "" || !utf8.ValidString(name) {
			return nil, fmt.Errorf("part %d has no name", n)
		}
		value, err := spent.part(part)
		if err != nil {
			return nil, fmt.Errorf("the field %.100q: %w", name, err)
		}
		fields[name] = append(fields[name], value)
	}
	object := make(map[string]any, len(fields))
	for name, values := range fields {
		object[name] = oneOrList(values)
	}
	return object, nil
}

// Boundary is what separates the parts of a multipart body, as its first line
// says; "" if it says nothing.
func Boundary(raw []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimLeft(raw, "\r\n"), []byte("\n"))
	boundary, ok := bytes.CutPrefix(bytes.TrimRight(line, " \t\r"), []byte("--"))
	if !ok || len(boundary) > maxBoundary {
		return ""
	}
	return string(boundary)
}

// maxBoundary is how long a boundary may be, in bytes: RFC 2046, section 5.1.1,
// allows 70 characters, and not every sender knows.
const maxBoundary = 256

var errCutOff = errors.New("it ends before its last boundary")

func multipartError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCutOff
	}
	return err
}

func (b *budget) part(part *multipart.Part) (any, error) {
	content, err := io.ReadAll(part)
	if err != nil {
		return nil, multipartError(err)
	}
	contentType := part.Header.Get("Content-Type")
	media, _, _ := mime.ParseMediaType(contentType)
	if part.FileName() == "" && (media == "application/json" || strings.HasSuffix(media, "+json")) {
		if err := b.check(content); err != nil {
			return nil, err
		}
		return decodeJSON(content)
	}
	if err := b.spend(1); err != nil {
		return nil, err
	}
	if part.FileName() != "" {
		return map[string]any{
			"filename":     strings.ToValidUTF8(part.FileName(), "\uFFFD"),
			"content_type": strings.ToValidUTF8(contentType, "\uFFFD"),
			"size":         json.Number(strconv.Itoa(len(content))),
			"base64":       base64.StdEncoding.EncodeToString(content),
		}, nil
	}
	if !utf8.Valid(content) {
		return nil, errNotUTF8
	}
	return string(content), nil
}
