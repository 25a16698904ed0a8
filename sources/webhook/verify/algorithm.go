package verify

import (
	"crypto"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"maps"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// family is what a secret is to an algorithm.
type family int

const (
	macs       family = iota // the key of an HMAC
	digests                  // a part of what is hashed
	publicKeys               // what a signature is checked with
	tokens                   // the proof itself
	jwts                     // the key of a token, or what it is checked with
)

// algorithm is a way to sign.
type algorithm struct {
	family family
	hash   func() hash.Hash // of macs and digests
	public publicKey        // of publicKeys, and of JWTs that have them
	jwt    jose.SignatureAlgorithm
}

// hashes are those of HMACs and of plain digests. MD5 and SHA-1 are what some
// senders use; as HMACs they are not known to be broken (RFC 6151, RFC 6194).
var hashes = map[string]func() hash.Hash{
	"md5":    md5.New,
	"sha1":   sha1.New,
	"sha256": sha256.New,
	"sha384": sha512.New384,
	"sha512": sha512.New,
}

// algorithms are all that a Definition can name.
var algorithms = allAlgorithms()

func allAlgorithms() map[string]algorithm {
	all := map[string]algorithm{
		"token":          {family: tokens},
		"ed25519":        {family: publicKeys, public: publicKey{kind: edwards}},
		"ecdsa-sha1":     {family: publicKeys, public: publicKey{kind: elliptic, hash: crypto.SHA1}},
		"ecdsa-sha256":   {family: publicKeys, public: publicKey{kind: elliptic, hash: crypto.SHA256}},
		"rsa-sha1":       {family: publicKeys, public: publicKey{kind: rsaPKCS, hash: crypto.SHA1}},
		"rsa-sha256":     {family: publicKeys, public: publicKey{kind: rsaPKCS, hash: crypto.SHA256}},
		"rsa-sha512":     {family: publicKeys, public: publicKey{kind: rsaPKCS, hash: crypto.SHA512}},
		"rsa-pss-sha256": {family: publicKeys, public: publicKey{kind: rsaPSS, hash: crypto.SHA256}},
	}
	for name, j := range map[string]jose.SignatureAlgorithm{"hs256": jose.HS256, "hs384": jose.HS384, "hs512": jose.HS512} {
		all["jwt-"+name] = algorithm{family: jwts, jwt: j}
	}
	for name, a := range map[string]algorithm{
		"rs256": {jwt: jose.RS256, public: publicKey{kind: rsaPKCS}}, "rs512": {jwt: jose.RS512, public: publicKey{kind: rsaPKCS}},
		"ps256": {jwt: jose.PS256, public: publicKey{kind: rsaPSS}},
		"es256": {jwt: jose.ES256, public: publicKey{kind: elliptic}},
		"eddsa": {jwt: jose.EdDSA, public: publicKey{kind: edwards}},
	} {
		a.family = jwts
		all["jwt-"+name] = a
	}
	for name, h := range hashes {
		all["hmac-"+name] = algorithm{family: macs, hash: h}
		all[name] = algorithm{family: digests, hash: h}
	}
	return all
}

// pairs tells whether the algorithm has public keys.
func (a algorithm) pairs() bool { return a.public.kind != "" }

// newHash is the hash under a key, or without one where the secret is in the content.
func (a algorithm) newHash(key []byte) hash.Hash {
	if a.family == digests {
		return a.hash()
	}
	return hmac.New(a.hash, key)
}

func sorted[V any](table map[string]V) []string { return slices.Sorted(maps.Keys(table)) }

// names are the words of a table, for an error.
func names[V any](table map[string]V) string { return strings.Join(sorted(table), ", ") }
