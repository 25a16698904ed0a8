package webhook

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/trotline/trotline/event"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// toUTF8 converts a payload that is text in another encoding: the one its byte
// order mark tells, else its Content-Type, else, of XML, its declaration (RFC
// 7303, section 3.2).
func (p *payload) toUTF8() error {
	switch p.format {
	case event.Binary, event.Multipart:
		return nil
	case event.Form:
		return p.formToUTF8()
	}
	if len(p.raw) == 0 || p.raw[0] < utf8.RuneSelf && p.format != event.XML && strings.IndexByte(p.contentType, ';') < 0 {
		return nil // no mark, and nothing is said: nearly every body
	}
	name := paramOf(p.contentType, "charset")
	if at := declaration.FindSubmatchIndex(p.raw); name == "" && p.format == event.XML && at != nil {
		name = string(p.raw[at[2]:at[3]])
	}
	enc, err := encodingOf(name, p.raw)
	if err != nil || enc == nil {
		return err
	}
	text, err := convert(enc, p.raw)
	if err != nil {
		return event.Refuse(http.StatusBadRequest, "charset", "The body is not encoded as it says.")
	}
	p.raw = bytes.TrimPrefix(text, []byte("\uFEFF"))
	if p.format == event.XML {
		p.raw = redeclared(p.raw)
	}
	p.saysUTF8()
	return nil
}

// formToUTF8 converts what the escapes of a form stand for.
func (p *payload) formToUTF8() error {
	enc, err := encodingOf(paramOf(p.contentType, "charset"), nil)
	if err != nil || enc == nil {
		return err
	}
	pairs := strings.Split(string(p.raw), "&")
	for i, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		for _, text := range []*string{&name, &value} {
			plain, err := url.QueryUnescape(*text)
			if err != nil {
				return p.unreadable(err)
			}
			converted, err := convert(enc, []byte(plain))
			if err != nil {
				return event.Refuse(http.StatusBadRequest, "charset", "The form is not encoded as it says.")
			}
			*text = url.QueryEscape(string(converted))
		}
		if pairs[i] = name; found {
			pairs[i] += "=" + value
		}
	}
	p.raw = []byte(strings.Join(pairs, "&"))
	p.saysUTF8()
	return nil
}

// saysUTF8 lets the content type tell what the payload has become.
func (p *payload) saysUTF8() {
	media, params, err := mime.ParseMediaType(p.contentType)
	if err == nil && params["charset"] != "" {
		params["charset"] = "utf-8"
		p.contentType = mime.FormatMediaType(media, params)
	}
}

// paramOf is a parameter of a content type, "" if it has none of that name.
func paramOf(contentType, name string) string {
	_, params, found := strings.Cut(contentType, ";")
	if !found {
		return ""
	}
	if strings.EqualFold(strings.TrimSpace(params), "charset=utf-8") && name == "charset" {
		return "utf-8"
	}
	_, all, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return all[name]
}

// encodingOf is the encoding of a text, nil if that is UTF-8 without a mark.
func encodingOf(name string, text []byte) (encoding.Encoding, error) {
	switch {
	case bytes.HasPrefix(text, []byte("\xEF\xBB\xBF")):
		return encoding.Nop, nil
	case bytes.HasPrefix(text, []byte("\xFE\xFF")):
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), nil
	case bytes.HasPrefix(text, []byte("\xFF\xFE")):
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), nil
	case name == "", strings.EqualFold(name, "utf-8"):
		return nil, nil
	}
	enc, err := htmlindex.Get(name)
	switch {
	case err != nil || enc == encoding.Replacement:
		return nil, event.Refuse(http.StatusUnsupportedMediaType, "charset", "The charset %.100q is not known here; send UTF-8.", name)
	case enc == unicode.UTF8:
		return nil, nil
	}
	return enc, nil
}

// convert makes UTF-8 of a text. What stands for nothing in its encoding is an error.
func convert(enc encoding.Encoding, raw []byte) ([]byte, error) {
	text, err := enc.NewDecoder().Bytes(raw)
	if err == nil && enc != encoding.Nop && bytes.ContainsRune(text, utf8.RuneError) {
		err = errors.New("not the encoding")
	}
	return text, err
}

// declaration is an XML declaration up to the name of its encoding.
var declaration = regexp.MustCompile(`^<\?xml\s[^>]{0,100}?encoding\s{0,10}=\s{0,10}["']([A-Za-z0-9._-]{1,40})["']`)

// redeclared is a document whose declaration says what it has become.
func redeclared(text []byte) []byte {
	at := declaration.FindSubmatchIndex(text)
	if at == nil {
		return text
	}
	return append(append(bytes.Clone(text[:at[2]]), "UTF-8"...), text[at[3]:]...)
}
