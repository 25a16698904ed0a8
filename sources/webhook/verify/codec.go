package verify

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
)

// algorithms are the hashes an HMAC can be made with. SHA-1 is still what some
// senders use; as an HMAC it is not known to be broken (RFC 6194, section 3.3).
var algorithms = map[string]func() hash.Hash{
	"sha1":   sha1.New,
	"sha256": sha256.New,
	"sha384": sha512.New384,
	"sha512": sha512.New,
}

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
	"base64url": base64Encoding(base64.URLEncoding),
}

// base64Encoding reads base64 with and without its padding, which senders
// treat differently, and writes it with.
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
