package verify

import (
	"fmt"
	"strings"

	"github.com/trotline/trotline/event"
)

// Compile makes a scheme of its definition. An error is a [*event.FieldError]
// whose path leads to the word at fault.
func Compile(d Definition) (*Scheme, error) {
	c := compiler{scheme: &Scheme{formField: d.FormField, decode: d.Decode, inputs: d.Inputs, kept: d.Key.Kept, sample: d.Sample}, def: &d}
	for _, step := range []func() error{
		c.algorithm, c.signature, c.key, c.otherKeys, c.each, c.timestamp, c.require, c.content, c.covered, c.spots, c.handshakes, c.accepted, c.sample,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return c.scheme, nil
}

// compiler has a definition and what is made of it so far.
type compiler struct {
	scheme *Scheme
	def    *Definition
}

func wrong(path, hint, format string, args ...any) error {
	return &event.FieldError{Path: path, Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// unknownWord is the error of a word that a table does not have.
func unknownWord[V any](path, word string, table map[string]V) error {
	known := sorted(table)
	if word == "" {
		return wrong(path, "there are "+strings.Join(known, ", "), "is missing")
	}
	if near := event.Nearest(word, known); near != "" {
		return wrong(path, "did you mean "+near+"?", "unknown word %q", word)
	}
	return wrong(path, "there are "+strings.Join(known, ", "), "unknown word %q", word)
}

func (c *compiler) algorithm() error {
	a, ok := algorithms[c.def.Algorithm]
	if !ok {
		return unknownWord("algorithm", c.def.Algorithm, algorithms)
	}
	c.scheme.algorithm = a
	return nil
}

func (c *compiler) sample() error {
	for _, name := range sorted(c.def.Sample) {
		if !event.ValidHeaderName(name) {
			return wrong("sample", "", "%q is not the name of a header", name)
		}
	}
	return nil
}

func (c *compiler) signature() error {
	d, s := c.def.Signature, c.scheme
	if len(d.At) == 0 {
		return wrong("signature.at", "such as header:X-Signature", "is missing: say where the signature stands")
	}
	for i, text := range d.At {
		path := "signature.at"
		if len(d.At) > 1 {
			path = fmt.Sprintf("%s[%d]", path, i)
		}
		p, err := c.place(path, text, inHeader, inQuery, inForm, inBody, inElement)
		if err != nil {
			return err
		}
		whole := p.path == nil && p.name == "" && p.kind != inElement
		if whole && (p.kind != inBody || s.algorithm.family != jwts || len(d.At) > 1) {
			return wrong(path, "name the field that holds it", "%s is not a place for a signature", p)
		}
		s.at = append(s.at, p)
	}
	s.list, s.tag, s.field = d.List, parseTag(d.Tag), d.Field
	if s.field != "" && s.list != "" {
		return wrong("signature.field", "", "an object holds one signature, and no list")
	}
	if s.tag.any && s.tag.text == "" {
		return wrong("signature.tag", `"*|" is up to the first |`, "a * needs what follows it")
	}
	switch {
	case s.algorithm.family == jwts && d.Encoding != "":
		return wrong("signature.encoding", "leave it out", "a JWT has its own")
	case d.Encoding == "" && (s.algorithm.family == tokens || s.algorithm.family == jwts):
		return nil
	}
	e, ok := encodings[d.Encoding]
	if !ok {
		return unknownWord("signature.encoding", d.Encoding, encodings)
	}
	s.encoding = &e
	return nil
}

func (c *compiler) key() error {
	d, s := c.def.Key, c.scheme
	s.key = keyRule{strip: d.Strip}
	name := d.Encoding
	if name == "" && s.algorithm.pairs() {
		name = "base64"
	}
	if name != "" && name != "utf8" {
		e, ok := encodings[name]
		if !ok {
			return unknownWord("key.encoding", name, encodings)
		}
		s.key.encoding, s.key.name = &e, name
	}
	if d.Digest != "" {
		h, ok := hashes[d.Digest]
		if !ok {
			return unknownWord("key.digest", d.Digest, hashes)
		}
		s.key.digest = h
	}
	if len(d.Published) > 0 && !s.algorithm.pairs() {
		return wrong("key.published", "", "belongs to an algorithm with public keys")
	}
	for i, text := range d.Published {
		key, err := s.algorithm.public.parse(text, encodings["base64"])
		if err != nil {
			return wrong("key.published", "", "number %d %s", i+1, err)
		}
		s.published = append(s.published, key)
	}
	return nil
}

// otherKeys are those that do not come from the user.
func (c *compiler) otherKeys() error {
	d, s := c.def.Key, c.scheme
	if d.Kept && s.algorithm.family != macs {
		return wrong("key.kept", "", "belongs to an algorithm of HMAC")
	}
	if d.JWKS != "" {
		if err := c.jwks(d.JWKS); err != nil {
			return err
		}
	}
	if d.Certificate.At == "" {
		return nil
	}
	if s.algorithm.family != publicKeys {
		return wrong("key.certificate", "", "belongs to an algorithm with public keys")
	}
	p, err := c.place("key.certificate.at", d.Certificate.At, inHeader, inBody)
	if err != nil {
		return err
	}
	allowed, err := parseHosts(d.Certificate.Hosts)
	if err != nil {
		return wrong("key.certificate.hosts", "", "%s", err)
	}
	s.certificate = &certificateRule{p, allowed}
	return nil
}

// jwks is an address that the request has no part in.
func (c *compiler) jwks(text string) (err error) {
	s := c.scheme
	if s.algorithm.family != jwts || !s.algorithm.pairs() {
		return wrong("key.jwks", "", "belongs to a JWT with public keys")
	}
	if !strings.HasPrefix(text, "https://") {
		return wrong("key.jwks", "", "%q is not an address of HTTPS", text)
	}
	s.jwks, err = c.template("key.jwks", text, func(p place) bool { return p.kind == inInput })
	return err
}

func (c *compiler) each() error {
	if c.def.Each == "" {
		return nil
	}
	p, err := parsePlace(c.def.Each)
	if err != nil {
		return wrong("each", "", "%s", err)
	}
	if p.kind != inBody || p.path == nil {
		return wrong("each", "such as body.items", "%s is not a list in the body", p)
	}
	c.scheme.each = p.path
	return nil
}

func (c *compiler) timestamp() error {
	d := c.def.Timestamp
	if d == (TimestampDefinition{}) {
		return nil
	}
	if d.At == "" {
		return wrong("timestamp.at", "such as header:X-Timestamp", "is missing: say where the time stands")
	}
	p, err := c.place("timestamp.at", d.At, inHeader, inQuery, inForm, inBody, inElement, inItem, inClaim)
	if err != nil {
		return err
	}
	u, ok := units[d.Unit]
	if !ok {
		return unknownWord("timestamp.unit", d.Unit, units)
	}
	t := &timestamp{place: p, unit: u, unbounded: d.Tolerance == "none"}
	if !t.unbounded {
		tolerance, err := event.ParseDuration(d.Tolerance)
		if err != nil {
			return wrong("timestamp.tolerance", "such as 5m, or none", "%s", err)
		}
		t.tolerance = tolerance.Std()
	}
	c.scheme.time = t
	return nil
}

func (c *compiler) content() error {
	s := c.scheme
	switch {
	case c.def.Content == "" && (s.algorithm.family == tokens || s.algorithm.family == jwts):
		return nil
	case s.algorithm.family == tokens:
		return wrong("content", "leave it out", "a token signs nothing else")
	case s.tokenIsBody():
		return wrong("content", "leave it out", "the body is the token, with what it signs")
	}
	hashed := s.algorithm.family == macs || s.algorithm.family == digests
	t, err := c.template("content", c.def.Content, func(p place) bool { return p.kind != inClaim && (p.kind != atSecret || hashed) })
	if err != nil {
		return err
	}
	s.content = t
	if s.algorithm.family == digests && !t.holds(func(p place) bool { return p.kind == atSecret }) {
		return wrong("content", "put {secret} in it, or use an HMAC", "anyone can make a hash without a secret")
	}
	return nil
}

// covered refuses what a replay could change: a body, its digest or a time that is not signed.
func (c *compiler) covered() error {
	s := c.scheme
	s.formSigned = s.content.holds(place.isForm)
	s.bodyLoose = s.algorithm.family != tokens && !c.def.UnsignedBody && !s.tokenIsBody() && !s.content.holds(place.isBody)
	digested, err := c.digested()
	switch {
	case err != nil:
		return err
	case s.time != nil && !c.signs(s.time.place):
		return wrong("content", "put {timestamp} in it", "the timestamp is not signed: whoever repeats a request could change it")
	case !s.bodyLoose || s.formSigned || digested:
		return nil
	case s.algorithm.family == jwts:
		return wrong("require", "require a claim that is a hash of it, or write unsigned_body: true where the sender binds none", "the body is not signed")
	}
	return wrong("content", "put {body} in it, or write unsigned_body: true where the sender signs none of it", "the body is not signed")
}

// digested tells whether a digest of the body must stand somewhere. It must be signed there.
func (c *compiler) digested() (found bool, err error) {
	for i := range c.scheme.required {
		e := &c.scheme.required[i]
		if !e.digestsBody() {
			continue
		}
		if !c.signs(e.place) {
			return false, wrong(fmt.Sprintf("require[%d].at", i), "put it in the content",
				"%s is not signed: whoever changes the body could change it", e.place)
		}
		found = true
	}
	return found, nil
}

// signs tells whether what stands at a place is signed, whatever else a request lacks.
func (c *compiler) signs(at place) bool {
	s := c.scheme
	if at.kind == inHeader && s.content.uses(inHeaders) && s.time != nil && s.time.place.same(at) {
		s.timeListed = true
		return true
	}
	return at.kind == inClaim || s.content.holds(func(p place) bool {
		return p.same(at) || at.inside(p) || p.kind == atTimestamp && s.time.place.same(at)
	})
}

func (c *compiler) require() error {
	for i, d := range c.def.Require {
		path := fmt.Sprintf("require[%d]", i)
		e, err := c.equality(path, d)
		if err != nil {
			return err
		}
		c.scheme.required = append(c.scheme.required, e)
	}
	return nil
}

func (c *compiler) equality(path string, d RequireDefinition) (e equality, err error) {
	if d.At == "" {
		return e, wrong(path+".at", "", "is missing: say what must be equal")
	}
	if e.place, err = c.place(path+".at", d.At, anywhere...); err != nil {
		return e, err
	}
	if d.Is == "" {
		return e, wrong(path+".is", "", "is missing: say what must stand there")
	}
	if e.want, err = c.template(path+".is", d.Is, notSecret); err != nil {
		return e, err
	}
	e.when, err = c.conditions(path+".when", d.When, anywhere...)
	return e, err
}

// inRequest is where something of any request can stand, and anywhere where
// something of a signed one can.
var (
	inRequest = []kind{inHeader, inQuery, inForm, inBody, atMethod, atHost, atPath, atURI, atURL}
	anywhere  = append([]kind{inElement, inItem, inHeaders, inClaim}, inRequest...)
)

func notSecret(p place) bool { return p.kind != atSecret && p.kind != atTimestamp }

// conditions are those of a when, the cheap ones first: events are asked them too.
func (c *compiler) conditions(path string, when map[string]string, kinds ...kind) (conditions, error) {
	var cheap, costly conditions
	for _, text := range sorted(when) {
		p, err := c.place(path, text, kinds...)
		if err != nil {
			return nil, err
		}
		cond := condition{place: p, any: when[text] == "*", none: when[text] == ""}
		if !cond.any && !cond.none {
			if cond.want, err = c.template(path+"."+text, when[text], notSecret); err != nil {
				return nil, err
			}
		}
		if p.kind == inBody || p.kind == inForm {
			costly = append(costly, cond)
		} else {
			cheap = append(cheap, cond)
		}
	}
	return append(cheap, costly...), nil
}

func (c *compiler) spots() (err error) {
	if c.scheme.id, err = c.spot("id", c.def.ID); err != nil {
		return err
	}
	c.scheme.typ, err = c.spot("type", c.def.Type)
	return err
}

// spot is read when the event is made: what is then left of the request is less.
func (c *compiler) spot(path, text string) (Spot, error) {
	if text == "" {
		return Spot{}, nil
	}
	t, err := parseSpot(text)
	if err != nil {
		return Spot{}, wrong(path, "", "%s", err)
	}
	if t.filtered("hmac") {
		return Spot{}, wrong(path, "", "the filter hmac cannot stand here: it is for the answer to a handshake")
	}
	for p := range t.places() {
		switch p.kind {
		case inBody, inHeader, inQuery, inForm, atMethod, atPath:
		default:
			return Spot{}, wrong(path, "an event has its body, headers, query, form, method and path", "%s is not part of an event", p)
		}
	}
	return Spot{text: text, parts: t, scheme: c.scheme}, readable(path, t)
}

// readable refuses a template that ends with bytes where a text belongs.
func readable(path string, t template) error {
	for _, part := range t {
		if n := len(part.filters); n > 0 && part.filters[n-1].raw {
			name := part.filters[n-1].name
			return wrong(path, "write | "+name+" | hex", "%s gives bytes, not a text", name)
		}
		if err := readable(path, part.group); err != nil {
			return err
		}
	}
	return nil
}

// place parses a place that must be of one of the kinds.
func (c *compiler) place(path, text string, kinds ...kind) (place, error) {
	p, err := parsePlace(text)
	if err != nil {
		return p, wrong(path, "", "%s", err)
	}
	for _, k := range kinds {
		if p.kind == k {
			return p, c.known(path, p)
		}
	}
	return p, wrong(path, "", "%s cannot stand here", p)
}

// template parses a template whose places must be allowed.
func (c *compiler) template(path, text string, allowed func(place) bool) (template, error) {
	t, err := c.anyTemplate(path, text, allowed)
	if err == nil && t.filtered("hmac") {
		err = wrong(path, "", "the filter hmac cannot stand here: it is for the answer to a handshake")
	}
	return t, err
}

// anyTemplate is template with the filters that need a key.
func (c *compiler) anyTemplate(path, text string, allowed func(place) bool) (template, error) {
	t, err := parseTemplate(text)
	if err != nil {
		return nil, wrong(path, "", "%s", err)
	}
	for p := range t.places() {
		if !allowed(p) {
			return nil, wrong(path, "", "{%s} cannot stand here", p)
		}
		if err := c.known(path, p); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// known refuses a place that this definition does not have.
func (c *compiler) known(path string, p place) error {
	d := c.def
	switch p.kind {
	case atTimestamp:
		if d.Timestamp.At == "" {
			return wrong(path, "", "{timestamp} needs the timestamp setting: say where the time stands")
		}
	case inItem:
		if d.Signature.List == "" {
			return wrong(path, "say in signature.list what stands between the items", "%s needs a list", p)
		}
	case inElement:
		if d.Each == "" {
			return wrong(path, "", "%s needs the each setting: say where the list stands", p)
		}
	case inInput:
		if _, ok := d.Inputs[p.name]; !ok {
			return wrong(path, "describe it under inputs", "%s is not one of the inputs", p)
		}
	case inClaim:
		if c.scheme.algorithm.family != jwts {
			return wrong(path, "", "%s needs an algorithm of JWT", p)
		}
	}
	return nil
}
