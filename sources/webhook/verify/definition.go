package verify

import (
	"gopkg.in/yaml.v3"
)

// Definition is how a sender proves itself, as data: what is signed, with what,
// where the signature stands, and what else belongs to the sender (its time, its
// ids, its handshakes). The presets are Definitions, and so is what a user
// writes under verify: {scheme: …}.
//
// Two small notations run through it. A place says where something stands in a
// request, and a template is a text with places in braces.
//
//	body             the body, byte for byte
//	body.a.0.b       a text, a number or a boolean in the body's JSON; a number indexes a list
//	header:Name      a header, which must be there once
//	query:name       a parameter of the query, likewise
//	form:name        a field of the body's form (urlencoded or multipart), likewise
//	form             every field of the form: names and values by name, one behind the other
//	headers:Name     the headers that the header Name lists, as name:value with ; between them
//	method  host  path  query  uri  url  canonical
//	                 the request's line; uri is path and query, url is the whole public URL,
//	                 canonical is METHOD&path&query with the query's parameters encoded and sorted
//	item:t=          an item of the signature's list, behind what it begins with
//	item:0           an item of the signature's list, by its number
//	timestamp        the sender's time, as it was written (see Timestamp)
//	secret           the secret that is being tried
//	input:name       what the user gives under with (see Inputs)
//	claim:a.b        a claim of the token, where the algorithm is a JWT's
//	each.a.b         a field of the element at hand (see Each)
//
//	{place}          what stands there
//	{place + place}  several, one behind the other
//	{place | filter} changed by a filter: lower upper trim json url params crc32 md5 sha1 sha256 sha512 hmac hex base64 base64url
//	{? … }           a part that is dropped when a place in it is absent
//	\n \r \t \\ \{ \}
//	                 characters that are hard to write; a { before a " or a } is itself
//
// A place that is absent and stands in no {? … } refuses the request.
type Definition struct {
	// Algorithm is one of
	// hmac-md5, hmac-sha1, hmac-sha256, hmac-sha384, hmac-sha512: an HMAC of the content;
	// md5, sha1, sha256, sha384, sha512: a hash of the content, which must hold {secret};
	// ed25519, ecdsa-sha1, ecdsa-sha256 (P-256, DER), rsa-sha1, rsa-sha256, rsa-sha512 (PKCS #1 v1.5), rsa-pss-sha256: a signature of
	// the content, and the secrets are the sender's public keys;
	// jwt-hs256, -hs384, -hs512, -rs256, -rs512, -ps256, -es256, -eddsa: a compact JWT, bound to the request by require;
	// with a content a detached JWS: the content is its payload, and its claims are those of its header;
	// token: the secret itself.
	Algorithm string `yaml:"algorithm" required:"true" doc:"hmac-sha256, ed25519, rsa-sha256, token, …: how the signature is made"`
	// Content is a template of what is signed.
	Content string `yaml:"content" doc:"what is signed, such as {timestamp}.{body}"`
	// Signature is where the signature stands and how it is written.
	Signature SignatureDefinition `yaml:"signature" required:"true" doc:"where the signature stands and how it is written"`
	// Key is how a secret becomes a key.
	Key KeyDefinition `yaml:"key" doc:"how a secret becomes a key; left out, its bytes are the key"`
	// Timestamp is the time that is signed, if one is.
	Timestamp TimestampDefinition `yaml:"timestamp" doc:"the signed time, if there is one"`
	// UnsignedBody must say true where the content does not hold the body, or
	// not all of it: whoever has one signature can then send any body with it.
	UnsignedBody bool `yaml:"unsigned_body" doc:"true admits that the body is not signed, or not all of it"`
	// Each is a list in the body (body.items) whose elements are signed one by
	// one: the definition's each. places lead into an element, every element
	// must be right, and there must be one.
	Each string `yaml:"each" doc:"a list in the body whose elements are signed one by one"`
	// Require are equalities that must hold beside the signature: a digest of
	// the body that a signed header or claim holds, an issuer, an audience.
	Require []RequireDefinition `yaml:"require" doc:"what must also be equal, such as a signed digest of the body"`
	// Inputs are what the user must give under with beside the secrets, each
	// with a sentence that says what it is.
	Inputs map[string]string `yaml:"inputs" doc:"what must be given under with: a name and what it is"`

	// ID and Type are what makes a second delivery the same event, and the
	// sender's word for what happened: a place, or a template. "" where the
	// sender gives none. Absent where it should be, the request is refused; in a
	// {? … } that is dropped, there is none. They are read after the body is
	// decoded, so body is then what form_field holds.
	ID   string `yaml:"id" doc:"where the event's id stands: header:X-Id, body.id, {body.a}/{body.b}"`
	Type string `yaml:"type" doc:"where the event's type stands"`
	// Decode is json where the body is JSON whatever its Content-Type says. A
	// source's own decode goes before it.
	Decode string `yaml:"decode" enum:"json" doc:"json: the body is JSON, whatever its Content-Type says"`
	// FormField is the field that holds the JSON when the body is a form.
	// body.a.b leads into it.
	FormField string `yaml:"form_field" doc:"the field that holds the JSON when the body is a form"`

	// Handshake are the requests that want an answer and are no events. The
	// first one that is meant is answered.
	Handshake []HandshakeDefinition `yaml:"handshake" doc:"requests that want an answer and are no events"`
	// Accepted is what an accepted event is answered with, where the sender
	// wants something of its own. Left out it is 202 with the event's id.
	Accepted AnswerDefinition `yaml:"accepted" doc:"the answer to an accepted event, where the sender wants one of its own"`
	// Sample are headers that the sender writes beside the signature's, as they
	// are in an event like any other: what trotline send makes has them too.
	Sample map[string]string `yaml:"sample" doc:"more headers of a sample that trotline send makes, such as the event's type"`
}

// SignatureDefinition is where signatures stand and how one is written. Any of
// them counts, in any of the places.
type SignatureDefinition struct {
	// At are the places. header:X-Signature-* is any of X-Signature-1, -2, … -100.
	At Places `yaml:"at" required:"true" doc:"where it stands: header:X-Signature, or a list of places"`
	// List are the characters that separate the items where the place holds a
	// list; blanks around an item are nothing. Left out, all of it is one signature.
	List string `yaml:"list" doc:"the characters between the items, where it is a list"`
	// Tag is what a signature begins with: "sha256=", "v1,". What begins
	// otherwise is not a signature of this scheme. A * at its start is any text
	// without what follows: "*|" is up to the first |.
	Tag string `yaml:"tag" doc:"what a signature begins with, such as sha256= or v1,"`
	// Encoding is how the bytes are written: hex, base64 or base64url, each in
	// either case or with or without padding. A token may go without.
	Encoding string `yaml:"encoding" enum:"hex,base64,base64url" doc:"how its bytes are written"`
	// Field says that the place holds a JSON object, written as base64, and the
	// signature is this field of it.
	Field string `yaml:"field" doc:"the place holds a JSON object as base64, and the signature is this field of it"`
}

// KeyDefinition is how a secret becomes a key.
type KeyDefinition struct {
	// Strip is taken off the secret's start if it stands there.
	Strip string `yaml:"strip" doc:"what is taken off the secret's start, such as whsec_"`
	// Encoding is how the rest is read: utf8, hex, base64 or base64url. A secret
	// is utf8 (as it stands) unless this says otherwise. A public key is PEM, or
	// in the encoding (base64) the raw key or an SPKI (the DER inside a PEM).
	Encoding string `yaml:"encoding" enum:"utf8,hex,base64,base64url" doc:"how the secret is read (utf8); a public key (base64) may always be PEM"`
	// Digest, sha1, sha256 or md5, is made of it.
	Digest string `yaml:"digest" enum:"md5,sha1,sha256" doc:"a hash of the secret is the key"`
	// Published are public keys that the sender publishes for everyone. With
	// them, secrets are not needed.
	Published Places `yaml:"published" doc:"public keys that are the same for everyone; secrets are then not needed"`
	// Certificate is where the request names the certificate it is signed with.
	Certificate CertificateDefinition `yaml:"certificate" doc:"the request names its certificate's address"`
	// JWKS is the address of the sender's set of keys (RFC 7517): a template
	// that may hold inputs, and nothing of the request. The set is asked again
	// each hour, and when a token names a key that is not in it.
	JWKS string `yaml:"jwks" doc:"the address of the sender's JSON Web Key Set"`
	// Kept says that the key comes from a handshake that keeps it.
	Kept bool `yaml:"kept" doc:"true: the key comes from a handshake; secrets may still be given"`
}

// CertificateDefinition is a certificate that the request names by its address.
// It is fetched over HTTPS from the hosts alone, and kept.
type CertificateDefinition struct {
	// At is the place of the address.
	At string `yaml:"at" required:"true" doc:"where the certificate's address stands"`
	// Hosts are where it may be fetched; a * is a part between two dots, or of one.
	Hosts Places `yaml:"hosts" required:"true" doc:"the hosts it may be fetched from, such as sns.*.amazonaws.com"`
}

// TimestampDefinition is where the signed time stands and how far it may be from ours.
type TimestampDefinition struct {
	// At is the place. It must be signed: by {timestamp} in the content, or as part of what is.
	At string `yaml:"at" required:"true" doc:"where it stands: header:X-Timestamp, item:t=, body.time"`
	// Unit is s or ms since 1970, rfc3339, rfc1123, or auto: seconds, or
	// milliseconds where it has more than eleven digits, or RFC 3339.
	Unit string `yaml:"unit" required:"true" enum:"s,ms,rfc3339,rfc1123,auto" doc:"how it is written"`
	// Tolerance is how far the time may be from ours, either way (5m), or none
	// where the sender repeats a request with its first time.
	Tolerance string `yaml:"tolerance" required:"true" doc:"how far it may be from ours, either way, such as 5m; or none"`
}

// RequireDefinition is an equality that must hold.
type RequireDefinition struct {
	// When is as in a handshake: the equality counts only for requests so.
	When map[string]string `yaml:"when" doc:"only for requests that are so"`
	// At is the place, and Is the template of what must stand there.
	At string `yaml:"at" required:"true" doc:"the place"`
	Is string `yaml:"is" required:"true" doc:"what must stand there"`
}

// HandshakeDefinition is a request that wants an answer and is no event.
type HandshakeDefinition struct {
	// When tells it from events: places, and for each the template of what
	// stands there, "*" for anything, or "" for nothing. A method that is no
	// event's (GET, HEAD, OPTIONS) is taken because it stands here.
	When map[string]string `yaml:"when" doc:"what tells it: a place and what stands there; * is anything, an empty text nothing"`
	// Unsigned must say true where the sender does not sign it. Else the
	// signature is checked as an event's.
	Unsigned bool `yaml:"unsigned" doc:"true: the sender does not sign it, and anyone is answered"`
	// Answer is the answer; 200 without a body if left out.
	Answer AnswerDefinition `yaml:"answer" doc:"the answer; 200 if left out"`
	// Keep is the place of a secret that is kept, durably, as a key from now
	// on. Such a handshake must compare something with an input, or anyone could
	// leave a key.
	Keep string `yaml:"keep" doc:"the place of a secret to be kept as the key"`
	// Tell is a template of what the operator must be told; it goes to the log.
	Tell string `yaml:"tell" doc:"what the operator must be told, in the log"`
	// Call is an address to be called before the answer, as a confirmation.
	// Only a signed handshake may.
	Call CallDefinition `yaml:"call" doc:"an address that is called to confirm"`
}

// CallDefinition is a GET of an address that the request names, over HTTPS and
// to the hosts alone.
type CallDefinition struct {
	At    string `yaml:"at" required:"true" doc:"where the address stands"`
	Hosts Places `yaml:"hosts" required:"true" doc:"the hosts that may be called, such as sns.*.amazonaws.com"`
}

// AnswerDefinition is an answer.
type AnswerDefinition struct {
	// Status is 200 if left out.
	Status int `yaml:"status" min:"200" max:"299" doc:"the status (200)"`
	// Headers are names and templates.
	Headers map[string]string `yaml:"headers" doc:"the headers, each a template"`
	// Body is a template. It is text/plain unless headers has a Content-Type.
	Body string `yaml:"body" doc:"the body, a template; text/plain unless headers says otherwise"`
	// JSON is, instead of body, an object of names and templates.
	JSON map[string]string `yaml:"json" doc:"instead of body, an object of texts, each a template"`
}

// Places is a list of texts that may be written as one.
type Places []string

// UnmarshalYAML reads a text or a list.
func (p *Places) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*p = Places{n.Value}
		return nil
	}
	return n.Decode((*[]string)(p))
}
