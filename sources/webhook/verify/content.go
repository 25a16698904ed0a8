package verify

import (
	"errors"
	"fmt"
	"hash"
	"net/http"
	"strings"
)

// content is what a signature signs, part by part.
type content []part

// part is a literal text, the body, the timestamp or a header.
type part struct {
	literal   []byte
	header    string // canonical
	body      bool
	timestamp bool
}

// parseContent reads "{timestamp}.{body}".
func parseContent(text string, timed bool) (content, error) {
	var c content
	signsBody, signsTime := false, false
	for text != "" {
		literal, rest, found := strings.Cut(text, "{")
		if literal != "" {
			c = append(c, part{literal: []byte(literal)})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, fmt.Errorf("content: {%s is not closed", rest)
		}
		p, err := parsePart(name)
		if err != nil {
			return nil, err
		}
		c, text = append(c, p), after
		signsBody, signsTime = signsBody || p.body, signsTime || p.timestamp
	}
	if !signsBody {
		return nil, errors.New("content: the body is not signed: put {body} in it")
	}
	if signsTime != timed {
		return nil, errors.New("content: {timestamp} and the timestamp setting need each other")
	}
	return c, nil
}

func parsePart(name string) (part, error) {
	header, isHeader := strings.CutPrefix(name, "header:")
	switch {
	case name == "body":
		return part{body: true}, nil
	case name == "timestamp":
		return part{timestamp: true}, nil
	case isHeader && header != "":
		return part{header: http.CanonicalHeaderKey(header)}, nil
	}
	return part{}, fmt.Errorf("content: unknown part {%s}: there are {body}, {timestamp} and {header:Name}", name)
}

// check refuses a request that lacks a header the content is made of.
func (c content) check(h http.Header) error {
	for _, p := range c {
		if p.header == "" {
			continue
		}
		if _, err := single(h, p.header, "signature"); err != nil {
			return err
		}
	}
	return nil
}

// write writes the content into w. scratch spares an allocation for each text.
func (c content) write(w hash.Hash, h http.Header, body []byte, timestamp string, scratch []byte) []byte {
	for _, p := range c {
		switch {
		case p.body:
			w.Write(body)
		case p.timestamp:
			scratch = append(scratch[:0], timestamp...)
			w.Write(scratch)
		case p.header != "":
			scratch = append(scratch[:0], h[p.header][0]...)
			w.Write(scratch)
		default:
			w.Write(p.literal)
		}
	}
	return scratch
}
