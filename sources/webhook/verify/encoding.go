package verify

import (
	"encoding/base64"
	"encoding/hex"
)

// encoding is a way to write bytes as text.
type encoding struct {
	// decode writes the bytes of text into dst, which need not be long enough
	// for every text: one that cannot be a digest is not ok.
	decode func(dst, text []byte) (decoded []byte, ok bool)
	encode func(raw []byte) string
}

var encodings = map[string]encoding{
	"hex": {
		decode: func(dst, text []byte) ([]byte, bool) {
			if hex.DecodedLen(len(text)) > len(dst) {
				return nil, false
			}
			n, err := hex.Decode(dst, text)
			return dst[:n], err == nil
		},
		encode: hex.EncodeToString,
	},
	"base64":    base64Encoding(base64.StdEncoding),
	"base64url": base64Encoding(base64.RawURLEncoding),
}

// base64Encoding reads base64 with and without its padding, which senders
// treat differently, and writes it as b does.
func base64Encoding(b *base64.Encoding) encoding {
	unpadded := b.WithPadding(base64.NoPadding)
	return encoding{
		decode: func(dst, text []byte) ([]byte, bool) {
			for len(text) > 0 && text[len(text)-1] == '=' {
				text = text[:len(text)-1]
			}
			if unpadded.DecodedLen(len(text)) > len(dst) {
				return nil, false
			}
			n, err := unpadded.Decode(dst, text)
			return dst[:n], err == nil
		},
		encode: b.EncodeToString,
	}
}

// decodeAll reads a text of any length.
func (e encoding) decodeAll(text string) ([]byte, bool) {
	return e.decode(make([]byte, len(text)), []byte(text))
}
