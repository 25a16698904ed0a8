package verify

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/trotline/trotline/event"
)

// Sign completes a request as its sender would: with a time, with ids and the
// headers of a sample where the scheme has them, and with a signature by this
// secret (a private key, where the sender's public key verifies). It changes the request's header, query, URL and
// body. id is used for all that identifies the event.
func (s *Scheme) Sign(r *event.Request, secret event.Secret, inputs map[string]event.Secret, id string) error {
	plain := make(map[string]string, len(inputs))
	for name, value := range inputs {
		plain[name] = value.Reveal()
	}
	w := &signing{scheme: s, request: r, secret: secret.Reveal(), inputs: plain, id: id}
	if s.formSigned && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", event.Form.ContentType())
	}
	for name, value := range s.sample {
		if r.Header.Get(name) == "" {
			r.Header.Set(name, value)
		}
	}
	if s.each == nil {
		return w.sign()
	}
	return w.signEach()
}

// signing is a request on its way to be signed.
type signing struct {
	scheme  *Scheme
	request *event.Request
	secret  string
	inputs  map[string]string
	id      string
	items   []string // of the list, before the signature
	stamp   string
	element []string // the path of the element that is being signed
}

// signEach signs every element of the body's list.
func (w *signing) signEach() error {
	q := w.read()
	list, _ := q.lookup(w.scheme.each).([]any)
	q.done()
	if len(list) == 0 {
		return fmt.Errorf("cannot sign: the body has no elements at %s", strings.Join(w.scheme.each, "."))
	}
	for i := range list {
		w.element, w.items = append(slices.Clone(w.scheme.each), strconv.Itoa(i)), nil
		if err := w.sign(); err != nil {
			return err
		}
	}
	return nil
}

func (w *signing) sign() error {
	s := w.scheme
	if t := s.time; t != nil && t.place.kind != inClaim {
		w.stamp = t.unit.write(w.request.Time)
		if err := w.put(t.place, w.stamp); err != nil {
			return err
		}
	}
	if err := w.fillAll(); err != nil {
		return err
	}
	signature, err := w.signature()
	if err != nil {
		return err
	}
	return w.putSignature(signature)
}

func (w *signing) putSignature(signature string) error {
	s, at := w.scheme, w.scheme.at[0]
	tag := s.tag.text
	if s.tag.any {
		tag = "trotline" + tag
	}
	if prefix, numbered := strings.CutSuffix(at.name, "*"); numbered {
		at.name = prefix + "1"
	}
	return w.put(at, s.wrap(strings.Join(append(w.items, tag+signature), s.separator())))
}

// separator is the one of the list's characters that we write.
func (s *Scheme) separator() string {
	if s.list == "" {
		return ""
	}
	return s.list[:1]
}

// fillAll gives the places that are signed, and those that name the event, what the sender would.
func (w *signing) fillAll() error {
	s := w.scheme
	for _, named := range []struct {
		places template
		text   string
	}{{s.content, w.id}, {s.id.parts, w.id}, {s.typ.parts, sampleType}} {
		for p := range named.places.places() {
			if err := w.fill(p, named.text); err != nil {
				return err
			}
		}
	}
	for i := range s.required {
		e := &s.required[i]
		if e.place.kind == inClaim {
			continue
		}
		text, counts, err := w.wanted(e)
		if err == nil && counts {
			err = w.put(e.place, text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wanted is what must stand at an equality's place, and whether it counts.
func (w *signing) wanted(e *equality) (text string, counts bool, err error) {
	q := w.read()
	defer q.done()
	if !e.when.hold(q) {
		return "", false, nil
	}
	if text, err = e.want.text(q); err != nil {
		return "", false, fmt.Errorf("cannot sign: %w", err)
	}
	return text, true, nil
}

// sampleType is the type of an event whose sender's words are not known.
const sampleType = "sample"

// fill makes up what is missing at a place: an id, a nonce or a type. A body is the user's own.
func (w *signing) fill(p place, text string) error {
	switch p.kind {
	case inHeader, inQuery, inItem:
	case inHeaders:
		w.listHeaders(p.name)
		return nil
	case inBody, inForm, inElement:
		if w.scheme.at[0].kind != p.kind {
			return nil
		}
	default:
		return nil
	}
	if p.name == "" && p.path == nil {
		return nil
	}
	q := w.read()
	_, was := q.find(&p)
	q.done()
	if was != absent {
		return nil
	}
	return w.put(p, text)
}

// listHeaders lists the least that is signed: the list itself, and the time.
func (w *signing) listHeaders(list string) {
	names := []string{strings.ToLower(list)}
	if t := w.scheme.time; t != nil && t.place.kind == inHeader {
		names = append(names, strings.ToLower(t.place.name))
	}
	slices.Sort(names)
	w.request.Header.Set(list, strings.Join(names, ","))
}

func (w *signing) read() *reading {
	q := w.scheme.read(w.request, w.inputs)
	q.stamp, q.items = w.stamp, strings.Join(w.items, w.scheme.separator())
	if w.element != nil {
		q.element = q.lookup(w.element)
	}
	return q
}

func (w *signing) signature() (string, error) {
	s := w.scheme
	switch s.algorithm.family {
	case jwts:
		return w.signJWT()
	case tokens:
		if s.encoding == nil {
			return w.secret, nil
		}
		return s.encoding.encode([]byte(w.secret)), nil
	}
	raw, err := w.raw()
	if err != nil {
		return "", err
	}
	return s.encoding.encode(raw), nil
}

func (w *signing) raw() ([]byte, error) {
	s := w.scheme
	q := w.read()
	defer q.done()
	var key []byte
	if s.algorithm.family != publicKeys {
		var err error
		if key, err = s.key.derive(event.Secret(w.secret)); err != nil {
			return nil, fmt.Errorf("the secret %w", err)
		}
		q.secret = string(key)
	}
	var content buffer
	if err := s.content.write(&content, q); err != nil {
		return nil, fmt.Errorf("cannot sign: %w", err)
	}
	if s.algorithm.family == publicKeys {
		return s.algorithm.public.sign(w.secret, content)
	}
	h := s.algorithm.newHash(key)
	h.Write(content)
	return h.Sum(nil), nil
}

// put writes a text at a place.
func (w *signing) put(p place, text string) error {
	r := w.request
	switch p.kind {
	case inHeader:
		r.Header.Set(p.name, text)
	case inQuery:
		w.putQuery(p.name, text)
	case inItem:
		w.putItem(p, text)
	case inForm:
		values, err := url.ParseQuery(string(r.Body))
		if err != nil {
			return fmt.Errorf("cannot sign: the body is not a form: %w", err)
		}
		values.Set(p.name, text)
		r.Body = []byte(values.Encode())
		r.Header.Set("Content-Type", event.Form.ContentType())
	case inBody:
		if p.path == nil {
			r.Body = []byte(text)
			return nil
		}
		return w.putBody(p.path, text)
	case inElement:
		return w.putBody(append(slices.Clone(w.element), p.path...), text)
	default:
		return fmt.Errorf("cannot sign: %s cannot be written", p)
	}
	return nil
}

func (w *signing) putQuery(name, text string) {
	r := w.request
	base, raw, _ := strings.Cut(r.URL, "?")
	if raw != "" {
		raw += "&"
	}
	r.URL = base + "?" + raw + url.QueryEscape(name) + "=" + url.QueryEscape(text)
	if r.Query == nil {
		r.Query = url.Values{}
	}
	r.Query.Set(name, text)
}

func (w *signing) putItem(p place, text string) {
	if p.item < 0 {
		w.items = append(w.items, p.name+text)
		return
	}
	for len(w.items) <= p.item {
		w.items = append(w.items, "")
	}
	w.items[p.item] = text
}

func (w *signing) putBody(path []string, text string) error {
	body, err := event.Decode(event.JSON, w.request.Body)
	if err != nil {
		return fmt.Errorf("cannot sign: the body is not JSON: %w", err)
	}
	if body, err = set(body, path, text); err != nil {
		return fmt.Errorf("cannot sign: %w", err)
	}
	w.request.Body, err = event.EncodeJSON(body)
	return err
}

// set puts a text into a JSON value, and makes the objects that lead there. What
// was a number stays one.
func set(v any, path []string, text string) (any, error) {
	if len(path) == 0 {
		if _, number := v.(json.Number); number {
			return json.Number(text), nil
		}
		return text, nil
	}
	switch inner := v.(type) {
	case nil:
		made, err := set(nil, path[1:], text)
		return map[string]any{path[0]: made}, err
	case map[string]any:
		made, err := set(inner[path[0]], path[1:], text)
		inner[path[0]] = made
		return inner, err
	case []any:
		i, err := strconv.Atoi(path[0])
		if err != nil || i < 0 || i >= len(inner) {
			return nil, fmt.Errorf("the body has no %s", path[0])
		}
		inner[i], err = set(inner[i], path[1:], text)
		return inner, err
	}
	return nil, fmt.Errorf("the body's %s is in the way", path[0])
}
