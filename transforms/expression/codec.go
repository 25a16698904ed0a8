package expression

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trotline/trotline/event"
)

var codecFunctions = []*function{
	define("sha256(data data) text", "the SHA-256 digest in hex", func(_ *site, _ *frame, a []any) (any, error) {
		sum := sha256.Sum256(a[0].([]byte))
		return hex.EncodeToString(sum[:]), nil
	}),
	define("hmac_sha256(secret data, data data) text", "the HMAC with SHA-256 in hex", func(_ *site, _ *frame, a []any) (any, error) {
		h := hmac.New(sha256.New, a[0].([]byte))
		h.Write(a[1].([]byte))
		return hex.EncodeToString(h.Sum(nil)), nil
	}),
	define("md5(data data) text", "the MD5 digest in hex, for systems that ask for it", func(_ *site, _ *frame, a []any) (any, error) {
		sum := md5.Sum(a[0].([]byte))
		return hex.EncodeToString(sum[:]), nil
	}),
	define("hex(data data) text", "the bytes in hex", func(_ *site, _ *frame, a []any) (any, error) {
		return hex.EncodeToString(a[0].([]byte)), nil
	}),
	define("base64(data data) text", "the bytes in base64", toBase64),
	define("base64_decode(text text) any", "what base64 says: a text, or bytes where it is none", fromBase64),
	define("toBase64(data data) text", "as base64", toBase64),
	define("fromBase64(text text) any", "as base64_decode", fromBase64),
	define("url_encode(text text) text", "escaped for a query", func(_ *site, _ *frame, a []any) (any, error) {
		return url.QueryEscape(a[0].(string)), nil
	}),
	define("parse_url(text text) object", "scheme, user, host, port, path, query and fragment of a URL", parseURL),
	define("json(value any) text", "the value as JSON on one line", encodeJSON),
	define("toJSON(value any) text", "the value as JSON, indented", indentJSON),
	define("fromJSON(text text) any", "what the JSON says; numbers keep their digits", decodeJSON),
	define("xml(object object) text", "an object with one field, the root element, as XML; @name is an attribute, #text the text", encodeXML),
}

func toBase64(_ *site, _ *frame, a []any) (any, error) {
	return base64.StdEncoding.EncodeToString(a[0].([]byte)), nil
}

// fromBase64 reads all four sorts of base64 (RFC 4648): with + / or - _, padded or not.
func fromBase64(s *site, _ *frame, a []any) (any, error) {
	text := strings.TrimRight(strings.TrimSpace(a[0].(string)), "=")
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	b, err := encoding.DecodeString(text)
	switch {
	case err != nil:
		return nil, s.fault(0, a[0], "is no base64")
	case utf8.Valid(b):
		return string(b), nil
	}
	return b, nil
}

func parseURL(s *site, _ *frame, a []any) (any, error) {
	u, err := url.Parse(a[0].(string))
	if err != nil {
		return nil, s.fault(0, a[0], "is no URL")
	}
	parts := map[string]any{
		"scheme": u.Scheme, "user": u.User.Username(), "host": u.Hostname(), "port": u.Port(),
		"path": u.Path, "fragment": u.Fragment,
	}
	parts["query"], _ = asObject(queryView(u.Query()))
	return parts, nil
}

func encodeJSON(s *site, f *frame, a []any) (any, error) {
	b, err := event.EncodeJSON(plain(a[0]))
	if err != nil {
		return nil, s.fault(0, a[0], "cannot be written as JSON")
	}
	return string(b), checkText(f, len(b))
}

func indentJSON(s *site, f *frame, a []any) (any, error) {
	line, err := encodeJSON(s, f, a)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(line.(string)), "", "  "); err != nil {
		return nil, err
	}
	return b.String(), checkText(f, b.Len())
}

func decodeJSON(s *site, _ *frame, a []any) (any, error) {
	v, err := event.Decode(event.JSON, []byte(a[0].(string)))
	if err != nil {
		return nil, s.fault(0, a[0], "is no JSON")
	}
	return v, nil
}

func encodeXML(s *site, f *frame, a []any) (any, error) {
	object := a[0].(map[string]any)
	if len(object) != 1 {
		return nil, s.fault(0, object, "has %d fields, and xml wants an object with one, the root element", len(object))
	}
	w := xmlWriter{site: s}
	for name, v := range object {
		if _, isList := asList(v); isList {
			return nil, s.fault(0, object, "has a list as the root element of the XML")
		}
		if err := w.element(name, v); err != nil {
			return nil, err
		}
	}
	return w.String(), checkText(f, w.Len())
}

type xmlWriter struct {
	strings.Builder
	site *site
}

func (w *xmlWriter) element(name string, v any) error {
	if !isXMLName(name) {
		return w.site.fault(0, name, "has a field whose name cannot be an XML element's")
	}
	if list, ok := asList(v); ok {
		for _, item := range list {
			if err := w.element(name, item); err != nil {
				return err
			}
		}
		return nil
	}
	object, isObject := asObject(v)
	w.WriteString("<" + name)
	if err := w.attributes(object); err != nil {
		return err
	}
	w.WriteString(">")
	if isObject {
		if err := w.children(object); err != nil {
			return err
		}
	} else if err := w.text(v); err != nil {
		return err
	}
	w.WriteString("</" + name + ">")
	return nil
}

func (w *xmlWriter) attributes(object map[string]any) error {
	for _, k := range sortedKeys(object) {
		name, ok := strings.CutPrefix(k, "@")
		if !ok {
			continue
		}
		if !isXMLName(name) {
			return w.site.fault(0, name, "has a field whose name cannot be an XML attribute's")
		}
		w.WriteString(" " + name + `="`)
		if err := w.text(object[k]); err != nil {
			return err
		}
		w.WriteString(`"`)
	}
	return nil
}

func (w *xmlWriter) children(object map[string]any) error {
	for _, k := range sortedKeys(object) {
		var err error
		switch {
		case strings.HasPrefix(k, "@"):
		case k == "#text":
			err = w.text(object[k])
		default:
			err = w.element(k, object[k])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// text writes a scalar; nil is nothing.
func (w *xmlWriter) text(v any) error {
	if v == nil {
		return nil
	}
	text, ok := timeText(v)
	if !ok {
		var err error
		if text, err = scalarText(v); err != nil {
			return w.site.fault(0, v, "has %s where XML wants a text", described(v))
		}
	}
	return xml.EscapeText(w, []byte(text))
}

// isXMLName is stricter than XML itself: letters, digits, _ - . and a colon for a prefix.
func isXMLName(name string) bool {
	for i, r := range name {
		if !unicode.IsLetter(r) && r != '_' && (i == 0 || !unicode.IsDigit(r) && !strings.ContainsRune("-.:", r)) {
			return false
		}
	}
	return name != ""
}
