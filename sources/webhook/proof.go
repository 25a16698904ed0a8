package webhook

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sources/webhook/verify"
)

// proof is how a sender proves itself, ready for use.
type proof struct {
	verify.Verifier
	scheme *verify.Scheme // nil where nothing is proven
	signed *verify.Signed // likewise
	given  verify.Given
	sign   func(*event.Request) error // where there is no scheme; nil signs nothing
	// Where a secret itself stands: it is not stored.
	secretHeaders, secretQuery []string
}

// world is what a proof may need beside what the user gives.
type world struct {
	kept         func() []event.Secret
	outside      verify.Outside
	keySets      *verify.KeySets      // nil shares none
	certificates *verify.Certificates // likewise
}

const waysHint = "give one of preset, scheme, hmac, api_key, bearer, basic, jwt and mtls, or write verify: none"

// newProof makes the one way that is written down. There is no default: a
// source that verifies nothing says so.
func newProof(v *Verify, w world) (*proof, *event.FieldError) {
	if v == nil {
		return nil, &event.FieldError{Path: "verify", Msg: "is missing", Hint: waysHint}
	}
	ways := v.ways()
	switch {
	case len(ways) == 0:
		return nil, &event.FieldError{Path: "verify", Msg: "says nothing", Hint: waysHint}
	case len(ways) > 1:
		return nil, &event.FieldError{Path: "verify", Msg: "says both " + strings.Join(ways, " and "),
			Hint: "a source has one way; make a source of each"}
	case len(v.Secrets) > 0 && v.Preset == "" && v.Scheme == nil:
		return nil, &event.FieldError{Path: "verify.secrets", Msg: "belongs to a preset or a scheme", Hint: "write it inside " + ways[0]}
	case len(v.With) > 0 && v.Preset == "" && v.Scheme == nil:
		return nil, &event.FieldError{Path: "verify.with", Msg: "belongs to a preset or a scheme"}
	}
	if v.Way != "" {
		if v.Way != "none" {
			return nil, &event.FieldError{Path: "verify", Msg: fmt.Sprintf("unknown way %q", v.Way), Hint: waysHint}
		}
		return &proof{Verifier: verify.Unverified{}}, nil
	}
	switch {
	case v.JWT != nil:
		return v.JWT.proof(w)
	case v.MTLS != nil:
		return v.MTLS.proof()
	}
	way, problem := v.way()
	if problem != nil {
		return nil, problem
	}
	way.given.Kept, way.given.Outside = w.kept, w.outside
	way.given.KeySets, way.given.Certificates = w.keySets, w.certificates
	return way.proof()
}

// ways are the names of those that are written down.
func (v *Verify) ways() []string {
	var ways []string
	add := func(name string, written bool) {
		if written {
			ways = append(ways, name)
		}
	}
	add("none", v.Way != "")
	add("preset", v.Preset != "")
	add("scheme", v.Scheme != nil)
	add("hmac", v.HMAC != nil)
	add("api_key", v.APIKey != nil)
	add("bearer", v.Bearer != nil)
	add("basic", v.Basic != nil)
	add("jwt", v.JWT != nil)
	add("mtls", v.MTLS != nil)
	return ways
}

// way is a scheme with what the user gave it, and with the words under which
// both stand in the file.
type way struct {
	scheme  *verify.Scheme
	given   verify.Given
	secrets string // the path of the secrets
}

// way makes the scheme of what is written. The shorthands are schemes too.
func (v *Verify) way() (*way, *event.FieldError) {
	switch {
	case v.Preset != "":
		preset, err := verify.FindPreset(v.Preset)
		if err != nil {
			return nil, fieldError("verify.preset", err)
		}
		return &way{preset.Scheme, verify.Given{Secrets: v.Secrets, Inputs: v.With}, "verify.secrets"}, nil
	case v.Scheme != nil:
		scheme, err := verify.Compile(*v.Scheme)
		if err != nil {
			return nil, fieldError("verify.scheme", err)
		}
		return &way{scheme, verify.Given{Secrets: v.Secrets, Inputs: v.With}, "verify.secrets"}, nil
	case v.HMAC != nil:
		return shorthand("verify.hmac", "secrets", v.HMAC.definition, v.HMAC.Secrets)
	case v.APIKey != nil:
		return shorthand("verify.api_key", "keys", v.APIKey.definition, v.APIKey.Keys)
	case v.Bearer != nil:
		return shorthand("verify.bearer", "tokens", v.Bearer.definition, v.Bearer.Tokens)
	}
	return shorthand("verify.basic", "users", v.Basic.definition, v.Basic.pairs())
}

func shorthand(path, secrets string, definition func() (verify.Definition, *event.FieldError), given []event.Secret) (*way, *event.FieldError) {
	d, problem := definition()
	if problem != nil {
		problem.Path = strings.TrimSuffix(path+"."+problem.Path, ".")
		return nil, problem
	}
	scheme, err := verify.Compile(d)
	if err != nil {
		return nil, fieldError(path, err)
	}
	return &way{scheme, verify.Given{Secrets: given}, path + "." + secrets}, nil
}

func (w *way) proof() (*proof, *event.FieldError) {
	signed, err := w.scheme.Verifier(w.given)
	if err != nil {
		var f *event.FieldError
		if errors.As(err, &f) && f.Path == "secrets" {
			return nil, &event.FieldError{Path: w.secrets, Msg: f.Msg, Hint: f.Hint}
		}
		return nil, fieldError("verify", err)
	}
	p := &proof{Verifier: signed, scheme: w.scheme, signed: signed, given: w.given}
	p.secretHeaders, p.secretQuery = w.scheme.SecretsAt()
	return p, nil
}

// definition is the signature of a body, and of nothing else, under a header.
func (h *HMAC) definition() (verify.Definition, *event.FieldError) {
	d := verify.Definition{
		Algorithm: "hmac-sha256", Content: "{body}",
		Signature: verify.SignatureDefinition{At: verify.Places{"header:" + h.Header}, Tag: h.Prefix, Encoding: "hex"},
	}
	if h.Algorithm != "" {
		d.Algorithm = "hmac-" + h.Algorithm
	}
	if h.Encoding != "" {
		d.Signature.Encoding = h.Encoding
	}
	return d, headerName("header", h.Header)
}

// definition is a token in a header or in the query.
func (a *APIKey) definition() (verify.Definition, *event.FieldError) {
	switch {
	case (a.Header == "") == (a.Query == ""):
		return verify.Definition{}, &event.FieldError{Msg: "needs either header or query: where the sender writes the key"}
	case a.Header != "":
		return token("header:"+a.Header, "", ""), headerName("header", a.Header)
	}
	return token("query:"+a.Query, "", ""), nil
}

func (b *Bearer) definition() (verify.Definition, *event.FieldError) {
	return token("header:Authorization", "Bearer ", ""), nil
}

func (b *Basic) definition() (verify.Definition, *event.FieldError) {
	for user, password := range b.Users {
		switch {
		case user == "" || strings.Contains(user, ":"):
			return verify.Definition{}, &event.FieldError{Path: "users", Msg: fmt.Sprintf("%q cannot be a user's name: it must have letters and no colon", user)}
		case strings.TrimSpace(password.Reveal()) == "":
			return verify.Definition{}, &event.FieldError{Path: "users", Msg: fmt.Sprintf("the password of %s is empty", user)}
		}
	}
	return token("header:Authorization", "Basic ", "base64"), nil
}

// pairs are the users with their passwords, by name, so that the same one signs each time.
func (b *Basic) pairs() []event.Secret {
	var pairs []event.Secret
	for _, user := range slices.Sorted(maps.Keys(b.Users)) {
		pairs = append(pairs, event.Secret(user+":"+b.Users[user].Reveal()))
	}
	return pairs
}

func token(at, tag, encoding string) verify.Definition {
	return verify.Definition{Algorithm: "token", Signature: verify.SignatureDefinition{At: verify.Places{at}, Tag: tag, Encoding: encoding}}
}

func headerName(path, name string) *event.FieldError {
	if event.ValidHeaderName(name) {
		return nil
	}
	return &event.FieldError{Path: path, Msg: fmt.Sprintf("%q is not the name of a header", name)}
}

// fieldError gives an error its place in the settings and keeps its hint.
func fieldError(path string, err error) *event.FieldError {
	var f *event.FieldError
	if errors.As(err, &f) {
		return &event.FieldError{Path: strings.TrimSuffix(path+"."+f.Path, "."), Msg: f.Msg, Hint: f.Hint}
	}
	return &event.FieldError{Path: path, Msg: err.Error()}
}
