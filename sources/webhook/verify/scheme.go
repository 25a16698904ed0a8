package verify

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/trotline/trotline/event"
)

// Scheme is a [Definition] ready for use. It is immutable.
type Scheme struct {
	algorithm   algorithm
	content     template
	at          []place
	list        string
	tag         tag
	encoding    *encoding // nil: a token as it stands
	field       string    // of the object that a place holds; "" where it holds the signature
	key         keyRule
	published   []any
	kept        bool
	certificate *certificateRule
	jwks        template   // the address of a set of keys; nil where there is none
	time        *timestamp // nil where no time is signed
	each        []string
	required    []equality
	inputs      map[string]string
	id, typ     Spot
	formField   string
	decode      string
	timeListed  bool // the time is signed as one of the headers that another lists
	formSigned  bool // the content holds the whole form
	bodyLoose   bool // the content does not hold the body: its form, or a digest, must be signed
	shakes      []handshake
	accepted    *answer
	answersHMAC bool // a handshake is answered with a MAC by the first secret
	sample      map[string]string
}

// ID is where the sender's id of an event stands; the zero Spot where it gives none.
func (s *Scheme) ID() Spot { return s.id }

// Type is where the sender's type of an event stands; the zero Spot where it gives none.
func (s *Scheme) Type() Spot { return s.typ }

// Decode is how bodies are read whatever their Content-Type says, "" where that counts.
func (s *Scheme) Decode() string { return s.decode }

// FormField is the field that holds the JSON when the body is a form, "" where the form itself is meant.
func (s *Scheme) FormField() string { return s.formField }

// tag is what a signature begins with.
type tag struct {
	text string
	any  bool // text stands somewhere, and anything before it
	fold bool // in either case: the word before a blank, as in Authorization
}

func parseTag(text string) tag {
	rest, any := strings.CutPrefix(text, "*")
	return tag{text: rest, any: any, fold: strings.HasSuffix(rest, " ")}
}

// cut is what stands behind the tag.
func (t tag) cut(item string) (text string, ok bool) {
	switch {
	case t.any:
		_, text, ok = strings.Cut(item, t.text)
		return text, ok
	case t.fold:
		if len(item) < len(t.text) || !strings.EqualFold(item[:len(t.text)], t.text) {
			return "", false
		}
		return strings.TrimSpace(item[len(t.text):]), true
	}
	return strings.CutPrefix(item, t.text)
}

// maxNumbered is how far numbered headers go, and maxSignatures how many
// signatures of a request are looked at.
const (
	maxNumbered   = 100
	maxSignatures = 100
)

// gather finds the signatures of a request: in any of their places, in each at most once.
func (s *Scheme) gather(q *reading) error {
	q.given = q.given[:0]
	for i := range s.at {
		p := &s.at[i]
		if number, numbered := strings.CutSuffix(p.name, "*"); numbered && p.kind == inHeader {
			if err := q.gatherNumbered(number); err != nil {
				return err
			}
			continue
		}
		if err := q.gather(p); err != nil {
			return err
		}
	}
	if len(q.given) == 0 {
		return &absence{s.at[0], absent}
	}
	q.items = q.given[0]
	return nil
}

func (q *reading) gather(p *place) error {
	text, was := q.find(p)
	switch was {
	case twice:
		return &absence{*p, twice}
	case once:
		q.given = append(q.given, q.scheme.unwrap(text))
	}
	return nil
}

// unwrap takes a signature out of the object that holds it; "" where that is none.
func (s *Scheme) unwrap(text string) string {
	if s.field == "" {
		return text
	}
	raw, ok := encodings["base64"].decodeAll(text)
	if !ok || proofLimits.CheckJSON(raw) != nil {
		return ""
	}
	v, _ := event.NewBody(event.JSON, raw).Lookup(s.field)
	signature, _ := v.(string)
	return signature
}

// wrap puts a signature into such an object.
func (s *Scheme) wrap(signature string) string {
	if s.field == "" {
		return signature
	}
	raw, _ := object(nil, []field{{s.field, template{{literal: []byte(signature)}}}}) // a literal is never absent
	return encodings["base64"].encode(raw)
}

func (q *reading) gatherNumbered(prefix string) error {
	for n := 1; n <= maxNumbered; n++ {
		if err := q.gather(&place{kind: inHeader, name: prefix + strconv.Itoa(n)}); err != nil {
			return err
		}
	}
	return nil
}

// anySignature tells whether one of the gathered signatures is right.
func (s *Scheme) anySignature(q *reading, right func(s *Scheme, text string) bool) bool {
	seen := 0
	for _, text := range q.given {
		for item := range splitList(text, s.list) {
			signature, ok := s.tag.cut(item)
			if !ok {
				continue
			}
			if seen++; seen > maxSignatures {
				return false
			}
			if right(s, signature) {
				return true
			}
		}
	}
	return false
}

// reason is the word for a proof that is wrong.
func (s *Scheme) reason() string {
	if s.algorithm.family == tokens {
		return reasonCredentials
	}
	return reasonSignature
}

// wrong refuses a proof without saying what would be right.
func (s *Scheme) wrong() *event.Refusal {
	if s.algorithm.family == tokens {
		refusal := event.Refuse(http.StatusUnauthorized, reasonCredentials, "The secret in %s is not valid.", s.at[0].spoken())
		refusal.Header = s.challenge()
		return refusal
	}
	return event.Refuse(http.StatusUnauthorized, reasonSignature, "The signature in %s does not match.", s.at[0].spoken())
}

// ProofAt are the headers and the query parameters where anything stands that
// proves the sender, signatures too, and whether the body has some of it.
func (s *Scheme) ProofAt() (headers, query []string, body bool) {
	headers, query = s.SecretsAt()
	places := slices.Clone(s.at)
	for _, e := range s.required {
		if e.want.uses(inInput) {
			places = append(places, e.place)
		}
	}
	for _, p := range places {
		switch p.kind {
		case inHeader:
			headers = append(headers, p.name)
		case inQuery:
			query = append(query, p.name)
		default:
			body = true
		}
	}
	return headers, query, body
}

// SecretsAt are the headers and the query parameters where a secret itself
// stands, so that they are not stored.
func (s *Scheme) SecretsAt() (headers, query []string) {
	add := func(p place) {
		switch p.kind {
		case inHeader:
			headers = append(headers, p.name)
		case inQuery:
			query = append(query, p.name)
		}
	}
	if s.algorithm.family == tokens || s.algorithm.family == jwts {
		for _, p := range s.at {
			add(p)
		}
	}
	for _, e := range s.required {
		if e.want.uses(inInput) {
			add(e.place)
		}
	}
	for _, h := range s.shakes {
		for _, c := range h.when {
			if c.want.uses(inInput) {
				add(c.place)
			}
		}
		if !h.keep.isZero() {
			add(h.keep)
		}
	}
	return headers, query
}
