package verify

import (
	"fmt"
	"net/http"

	"github.com/trotline/trotline/event"
)

func (c *compiler) handshakes() error {
	for i, d := range c.def.Handshake {
		h, err := c.handshake(fmt.Sprintf("handshake[%d]", i), d)
		if err != nil {
			return err
		}
		c.scheme.shakes = append(c.scheme.shakes, h)
	}
	return nil
}

func (c *compiler) handshake(path string, d HandshakeDefinition) (h handshake, err error) {
	if len(d.When) == 0 {
		return h, wrong(path+".when", "", "is missing: say what tells it from an event")
	}
	h.unsigned = d.Unsigned
	if h.when, err = c.conditions(path+".when", d.When, inRequest...); err != nil {
		return h, err
	}
	if h.answer, err = c.answer(path+".answer", d.Answer); err != nil {
		return h, err
	}
	if h.tell, err = c.shown(path+".tell", d.Tell); err != nil {
		return h, err
	}
	if d.Keep != "" {
		if h.keep, err = c.keep(path, d); err != nil {
			return h, err
		}
	}
	if d.Call.At != "" {
		h.call, h.hosts, err = c.call(path, d)
	}
	return h, err
}

func (c *compiler) keep(path string, d HandshakeDefinition) (place, error) {
	guarded := false
	for _, want := range d.When {
		if t, err := parseTemplate(want); err == nil && t.uses(inInput) {
			guarded = true
		}
	}
	switch {
	case d.Unsigned && !guarded:
		return place{}, wrong(path+".when", "compare something with an {input:…}, such as query:token", "anyone could leave a key")
	case !c.def.Key.Kept:
		return place{}, wrong(path+".keep", "write key: {kept: true}", "what is kept would not be used")
	}
	return c.place(path+".keep", d.Keep, inHeader, inQuery, inForm, inBody)
}

func (c *compiler) call(path string, d HandshakeDefinition) (place, hosts, error) {
	if d.Unsigned {
		return place{}, nil, wrong(path+".call", "take unsigned away", "anyone could make us call")
	}
	p, err := c.place(path+".call.at", d.Call.At, inHeader, inQuery, inForm, inBody)
	if err != nil {
		return p, nil, err
	}
	allowed, err := parseHosts(d.Call.Hosts)
	if err != nil {
		return p, nil, wrong(path+".call.hosts", "", "%s", err)
	}
	return p, allowed, nil
}

func (c *compiler) accepted() error {
	d := c.def.Accepted
	if d.Status == 0 && d.Headers == nil && d.Body == "" && d.JSON == nil {
		return nil
	}
	a, err := c.answer("accepted", d)
	c.scheme.accepted = &a
	return err
}

// public are the places that may be shown to anyone: those of the request itself.
func public(p place) bool {
	switch p.kind {
	case inBody, inHeader, inQuery, inForm, inInput, atMethod, atHost, atPath, atURI, atURL:
		return true
	}
	return false
}

func (c *compiler) answer(path string, d AnswerDefinition) (a answer, err error) {
	a.status = d.Status
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.status < 200 || a.status > 299 {
		return a, wrong(path+".status", "", "%d is not a success: it is between 200 and 299", d.Status)
	}
	if a.headers, err = c.fields(path+".headers", d.Headers); err != nil {
		return a, err
	}
	for _, f := range a.headers {
		if !event.ValidHeaderName(f.name) {
			return a, wrong(path+".headers", "", "%q is not the name of a header", f.name)
		}
	}
	if d.JSON != nil {
		if d.Body != "" {
			return a, wrong(path, "write one of them", "says both body and json")
		}
		a.json, err = c.fields(path+".json", d.JSON)
		return a, err
	}
	a.body, err = c.shown(path+".body", d.Body)
	return a, err
}

func (c *compiler) fields(path string, texts map[string]string) ([]field, error) {
	var fields []field
	for _, name := range sorted(texts) {
		t, err := c.shown(path+"."+name, texts[name])
		if err != nil {
			return nil, err
		}
		fields = append(fields, field{name, t})
	}
	return fields, nil
}

// shown is a template of what anyone can see: an input only as a part of a hash.
func (c *compiler) shown(path, text string) (template, error) {
	t, err := c.anyTemplate(path, text, public)
	if err != nil {
		return nil, err
	}
	if err := readable(path, t); err != nil {
		return nil, err
	}
	if t.filtered("hmac") {
		if c.scheme.algorithm.family != macs {
			return nil, wrong(path, "", "the filter hmac needs an algorithm of HMAC")
		}
		c.scheme.answersHMAC = true
	}
	return t, c.hashed(path, t)
}

func (c *compiler) hashed(path string, t template) error {
	for _, part := range t {
		isHashed := false
		for _, f := range part.filters {
			isHashed = isHashed || f.raw
		}
		for _, p := range part.places {
			if p.kind == inInput && !isHashed {
				return wrong(path, "only a hash of it may: {… + "+p.String()+" | sha256 | hex}", "%s would be shown to anyone", p)
			}
		}
		if err := c.hashed(path, part.group); err != nil {
			return err
		}
	}
	return nil
}
