package event

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// decodeXML reads an XML document as an object with one field, the root
// element. An element without attributes and children is its text; any other is
// an object with a field "@name" for each attribute, one for each child, a list
// where it is repeated, and "#text" where there is text beside them. Names lose
// their namespace prefix, and its declarations are left out: a sender may call a
// namespace as it likes. Blanks around a text are nothing.
//
// Nothing outside the document is read, and no entity but XML's own five is
// known: one that a document type declares is a fault, so that none can grow.
func decodeXML(raw []byte) (any, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	x := xmlReader{dec: xml.NewDecoder(bytes.NewReader(raw))}
	// Whatever the declaration says, the bytes are UTF-8 by now.
	x.dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var root map[string]any
	for {
		token, err := x.dec.Token()
		switch {
		case errors.Is(err, io.EOF) && root != nil:
			return root, nil
		case errors.Is(err, io.EOF):
			return nil, errors.New("there is no element")
		case err != nil:
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if root != nil {
				return nil, fmt.Errorf("there is a second root element, %.100q", t.Name.Local)
			}
			value, err := x.element(t, 1)
			if err != nil {
				return nil, err
			}
			root = map[string]any{t.Name.Local: value}
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, errors.New("there is text outside the root element")
			}
		}
	}
}

type xmlReader struct {
	dec   *xml.Decoder
	spent budget
}

// element reads an element from behind its start to its end.
func (x *xmlReader) element(start xml.StartElement, depth int) (any, error) {
	if err := BodyLimits.checkDepth(depth); err != nil {
		return nil, err
	}
	if err := x.spent.spend(1 + len(start.Attr)); err != nil {
		return nil, err
	}
	fields := attributes(start.Attr)
	var text strings.Builder
	for {
		token, err := x.dec.Token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			child, err := x.element(t, depth+1)
			if err != nil {
				return nil, err
			}
			addChild(fields, t.Name.Local, child)
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			return contentOf(fields, strings.TrimSpace(text.String())), nil
		}
	}
}

func attributes(list []xml.Attr) map[string]any {
	fields := make(map[string]any)
	for _, a := range list {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			addChild(fields, "@"+a.Name.Local, a.Value)
		}
	}
	return fields
}

// addChild makes a list of what is there twice; no value is a list of itself.
func addChild(fields map[string]any, name string, value any) {
	switch before := fields[name].(type) {
	case nil:
		fields[name] = value
	case []any:
		fields[name] = append(before, value)
	default:
		fields[name] = []any{before, value}
	}
}

func contentOf(fields map[string]any, text string) any {
	if len(fields) == 0 {
		return text
	}
	if text != "" {
		fields["#text"] = text
	}
	return fields
}
