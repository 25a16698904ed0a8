package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/trotline/trotline/event"
)

// reading is a request as a scheme reads it, with what has been found in it so far.
type reading struct {
	*event.Request
	ctx     context.Context
	scheme  *Scheme
	given   []string // the signatures, or lists of them
	inputs  map[string]string
	items   string                      // the list of signatures, for item:
	stamp   string                      // the sender's time, as it was written
	secret  string                      // that is being tried
	sign    func(content []byte) []byte // of the filter hmac
	abused  bool                        // it was asked to sign what it must not
	claims  map[string]any              // of the token, once it is verified
	element any                         // of each

	json     *event.Body
	form     url.Values
	formRead bool
	scratch  []byte
}

var readings = sync.Pool{New: func() any { return new(reading) }}

func (s *Scheme) read(r *event.Request, inputs map[string]string) *reading {
	q := readings.Get().(*reading)
	q.Request, q.scheme, q.inputs = r, s, inputs
	return q
}

// done gives a reading back. It keeps nothing of the request.
func (q *reading) done() {
	scratch := q.scratch[:0]
	if cap(scratch) > maxScratch {
		scratch = nil
	}
	clear(q.given)
	*q = reading{scratch: scratch, given: q.given[:0]}
	readings.Put(q)
}

// maxScratch is what a reading may keep of its scratch space.
const maxScratch = 64 << 10

// state is whether something is there.
type state int

const (
	absent state = iota
	once
	twice
)

// find is the text at a place. The body itself is not a text: see [template.write].
func (q *reading) find(p *place) (string, state) {
	switch p.kind {
	case inHeader:
		return only(q.Header[p.name])
	case inQuery:
		if p.name == "" {
			return there(rawQuery(q.URL))
		}
		return only(q.Query[p.name])
	case inForm:
		if p.name == "" {
			return q.sortedForm()
		}
		return only(q.formValues()[p.name])
	case inBody:
		if p.path == nil {
			return there(string(q.Body))
		}
		return textOf(q.lookup(p.path))
	case inElement:
		return textOf(follow(q.element, p.path))
	case inClaim:
		return textOf(follow(q.claims, p.path))
	case inItem:
		return q.item(p)
	case inHeaders:
		return q.listedHeaders(p.name)
	case inInput:
		return there(q.inputs[p.name])
	case atTimestamp:
		return there(q.stamp)
	case atSecret:
		return there(q.secret)
	}
	return there(q.line(p.kind))
}

// line is a part of the request's first line.
func (q *reading) line(k kind) string {
	switch k {
	case atMethod:
		return q.Method
	case atPath:
		return q.Path
	case atURL:
		return q.URL
	case atCanonical:
		return q.canonical()
	case atURI:
		_, rest := splitURL(q.URL)
		return rest
	}
	host, _ := splitURL(q.URL)
	return host
}

// canonical is the request's line as Atlassian hashes it.
func (q *reading) canonical() string {
	path := strings.ReplaceAll(strings.TrimSuffix(q.Path, "/"), "&", "%26")
	if path == "" {
		path = "/"
	}
	var parameters []string
	for _, name := range sorted(q.Query) {
		if name == "jwt" {
			continue // the token itself
		}
		values := slices.Sorted(slices.Values(q.Query[name]))
		for i, value := range values {
			values[i] = percentEncode(value)
		}
		parameters = append(parameters, percentEncode(name)+"="+strings.Join(values, ","))
	}
	return strings.ToUpper(q.Method) + "&" + path + "&" + strings.Join(parameters, "&")
}

// percentEncode leaves the unreserved characters of RFC 3986 alone.
func percentEncode(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

func splitURL(text string) (host, uri string) {
	_, rest, ok := strings.Cut(text, "://")
	if !ok {
		return "", text
	}
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		return rest[:i], rest[i:]
	}
	return rest, ""
}

func rawQuery(text string) string {
	_, query, _ := strings.Cut(text, "?")
	return query
}

// only is a value that must be there once: of two, a proxy and we could each
// believe another one.
func only(values []string) (string, state) {
	switch {
	case len(values) > 1:
		return "", twice
	case len(values) == 0 || values[0] == "":
		return "", absent
	}
	return values[0], once
}

func there(text string) (string, state) {
	if text == "" {
		return "", absent
	}
	return text, once
}

// proofLimits bound what is read to find a proof: whoever wrote it has proven
// nothing yet. A body that holds more has nothing at any place.
var proofLimits = event.Limits{Depth: 128, Values: 100_000}

// maxFields is how many fields of a form are read for the same reason.
const maxFields = 1000

// lookup is a value in the body's JSON, or in that of the form's field.
func (q *reading) lookup(path []string) any {
	if q.json == nil {
		raw := q.Body
		if field := q.scheme.formField; field != "" && q.formValues() != nil {
			text, _ := only(q.form[field])
			raw = []byte(text)
		}
		if proofLimits.CheckJSON(raw) != nil {
			raw = nil
		}
		q.json = event.NewBody(event.JSON, raw)
	}
	return lookup(q.json, path)
}

// lookup is a value in a body; unlike [event.Body.Lookup] a number in the path indexes a list.
func lookup(b *event.Body, path []string) any {
	if slices.ContainsFunc(path, isIndex) {
		v, err := b.Value()
		if err != nil {
			return nil
		}
		return follow(v, path)
	}
	v, err := b.Lookup(path...)
	if err != nil {
		return nil
	}
	return v
}

func isIndex(name string) bool { return name[0] >= '0' && name[0] <= '9' }

func follow(v any, path []string) any {
	for _, name := range path {
		switch inner := v.(type) {
		case map[string]any:
			v = inner[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(inner) {
				return nil
			}
			v = inner[i]
		default:
			return nil
		}
	}
	return v
}

// textOf is a scalar of JSON as a text; a number keeps the one it was written as.
func textOf(v any) (string, state) {
	switch v := v.(type) {
	case string:
		return there(v)
	case json.Number:
		return v.String(), once
	case bool:
		return strconv.FormatBool(v), once
	}
	return "", absent
}

// item is one of the signature's list.
func (q *reading) item(p *place) (string, state) {
	found, was, n := "", absent, 0
	for item := range splitList(q.items, q.scheme.list) {
		text, ok := item, n == p.item
		if p.item < 0 {
			text, ok = strings.CutPrefix(item, p.name)
		}
		n++
		switch {
		case !ok:
		case was == absent:
			found, was = text, once
		case text != found: // the same again, as where two sets stand behind each other, is no doubt
			return "", twice
		}
	}
	if found == "" {
		return "", absent
	}
	return found, was
}

// splitList are the items of a list, without the blanks around them.
func splitList(text, separators string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for separators != "" {
			i := indexOf(text, separators)
			if i < 0 {
				break
			}
			if !yield(strings.TrimSpace(text[:i])) {
				return
			}
			text = text[i+1:]
		}
		if separators != "" {
			text = strings.TrimSpace(text)
		}
		yield(text)
	}
}

// indexOf is [strings.IndexAny], faster for the one character it mostly is.
func indexOf(text, characters string) int {
	if len(characters) == 1 {
		return strings.IndexByte(text, characters[0])
	}
	return strings.IndexAny(text, characters)
}

// formValues are the fields of the body's form; nil where it has none.
func (q *reading) formValues() url.Values {
	if q.formRead {
		return q.form
	}
	q.formRead = true
	media, parameters, err := mime.ParseMediaType(q.Header.Get("Content-Type"))
	if err != nil {
		return nil
	}
	switch media {
	case urlencoded:
		q.form = urlValues(q.Body)
	case "multipart/form-data":
		q.form = multipartValues(q.Body, parameters["boundary"])
	}
	return q.form
}

const urlencoded = "application/x-www-form-urlencoded"

// isForm tells whether the body is a form whose fields are all of it. A multipart
// one can hold files, and text between its parts.
func (q *reading) isForm() bool {
	media, _, _ := mime.ParseMediaType(q.Header.Get("Content-Type"))
	return media == urlencoded && q.formValues() != nil
}

// urlValues are the fields of a urlencoded form; nil where it is broken.
func urlValues(body []byte) url.Values {
	if bytes.Count(body, []byte("&")) >= maxFields {
		return nil
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil
	}
	return values
}

// multipartValues are the fields of a multipart form that are no files; nil
// where it is broken.
func multipartValues(body []byte, boundary string) url.Values {
	values := url.Values{}
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for range maxFields {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return values
		}
		if err != nil {
			return nil
		}
		if part.FileName() != "" || part.FormName() == "" {
			continue
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return nil
		}
		values.Add(part.FormName(), string(text))
	}
	return nil
}

// sortedForm is every field of the form: its name and its values, by name.
func (q *reading) sortedForm() (string, state) {
	form := q.formValues()
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		values := slices.Sorted(slices.Values(form[name]))
		for _, value := range slices.Compact(values) {
			b.WriteString(name)
			b.WriteString(value)
		}
	}
	return there(b.String())
}

// listedHeaders are the headers that another one lists, each once. Where the time
// is signed so, it must be one of them.
func (q *reading) listedHeaders(list string) (string, state) {
	names, was := only(q.Header[list])
	if was != once {
		return "", was
	}
	var b strings.Builder
	timed := !q.scheme.timeListed
	seen := make(map[string]bool)
	for i, name := range strings.Split(names, ",") {
		name = http.CanonicalHeaderKey(strings.TrimSpace(name))
		value, was := only(q.Header[name])
		switch {
		case was != once:
			return "", was
		case seen[name]: // or a header of some kilobytes would be written as often as a list of some has room for
			return "", twice
		}
		seen[name] = true
		if i > 0 {
			b.WriteByte(';')
		}
		b.WriteString(strings.ToLower(name) + ":" + strings.TrimSpace(value))
		timed = timed || name == q.scheme.time.place.name
	}
	if !timed {
		return "", absent
	}
	return there(b.String())
}
