package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	ec "crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// keyKind is a kind of key pair with its way to sign.
type keyKind string

const (
	edwards  keyKind = "Ed25519"
	elliptic keyKind = "ECDSA P-256"
	rsaPKCS  keyKind = "RSA"
	rsaPSS   keyKind = "RSA-PSS"
)

// publicKey is an algorithm with a key pair.
type publicKey struct {
	kind keyKind
	hash crypto.Hash // 0: the content itself is signed
}

// parse reads a public key: PEM, a raw key, or an SPKI in an encoding.
func (p publicKey) parse(text string, e encoding) (crypto.PublicKey, error) {
	text = strings.TrimSpace(text)
	key, err := parsePublic(text, e)
	if err != nil {
		return nil, err
	}
	return p.fit(key)
}

// fit refuses a key of another kind.
func (p publicKey) fit(key crypto.PublicKey) (crypto.PublicKey, error) {
	fits := false
	switch key := key.(type) {
	case ed25519.PublicKey:
		fits = p.kind == edwards
	case *ecdsa.PublicKey:
		fits = p.kind == elliptic && key.Curve == ec.P256()
	case *rsa.PublicKey:
		fits = (p.kind == rsaPKCS || p.kind == rsaPSS) && key.Size() >= 128
	}
	if !fits {
		return nil, fmt.Errorf("is a key of another kind: the sender signs with %s", p.kind)
	}
	return key, nil
}

var errNoPublicKey = errors.New("is not a public key: give its PEM, or the key as the sender's page shows it")

func parsePublic(text string, e encoding) (crypto.PublicKey, error) {
	if strings.HasPrefix(text, "-----BEGIN") {
		return parsePEM(text)
	}
	der, ok := e.decodeAll(text)
	if !ok {
		return nil, errNoPublicKey
	}
	switch {
	case len(der) == ed25519.PublicKeySize:
		return ed25519.PublicKey(der), nil
	case len(der) == 65 && der[0] == 4:
		return ecdsa.ParseUncompressedPublicKey(ec.P256(), der)
	}
	return parseDER(der)
}

func parsePEM(text string) (crypto.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errNoPublicKey
	}
	if strings.Contains(block.Type, "PRIVATE KEY") {
		return nil, errors.New("is a private key: give the sender's public key")
	}
	return parseDER(block.Bytes)
}

// parseDER reads what a PEM can hold: an SPKI, a bare RSA key, or a certificate.
func parseDER(der []byte) (crypto.PublicKey, error) {
	if key, err := x509.ParsePKIXPublicKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return key, nil
	}
	if c, err := x509.ParseCertificate(der); err == nil {
		return c.PublicKey, nil
	}
	return nil, errNoPublicKey
}

// digest is what is signed of a content.
func (p publicKey) digest(content []byte) []byte {
	if p.hash == 0 {
		return content
	}
	h := p.hash.New()
	h.Write(content)
	return h.Sum(nil)
}

// verify tells whether a signature of a digest is right. The key is one that parse gave.
func (p publicKey) verify(key crypto.PublicKey, digest, signature []byte) bool {
	switch key := key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(key, digest, signature)
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, digest, signature)
	case *rsa.PublicKey:
		if p.kind == rsaPSS {
			return rsa.VerifyPSS(key, p.hash, digest, signature, nil) == nil
		}
		return rsa.VerifyPKCS1v15(key, p.hash, digest, signature) == nil
	}
	return false
}

// sign signs a content with a private key's PEM (PKCS #8, PKCS #1 or SEC 1).
func (p publicKey) sign(private string, content []byte) ([]byte, error) {
	key, err := p.private(private)
	if err != nil {
		return nil, err
	}
	var options crypto.SignerOpts = p.hash
	if p.kind == rsaPSS {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: p.hash}
	}
	return key.Sign(rand.Reader, p.digest(content), options)
}

// private reads a private key's PEM.
func (p publicKey) private(text string) (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || !strings.Contains(block.Type, "PRIVATE KEY") {
		return nil, fmt.Errorf("the sender signs with the private key of a pair (%s), and here is but the public one: give a private one, as PEM", p.kind)
	}
	key, err := parsePrivate(block.Bytes)
	if err != nil {
		return nil, err
	}
	_, err = p.fit(key.Public())
	return key, err
}

func parsePrivate(der []byte) (crypto.Signer, error) {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	return nil, errors.New("is not a private key")
}
