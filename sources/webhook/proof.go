package webhook

import (
	"errors"
	"fmt"
	"strings"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sources/webhook/verify"
)

// proof is how a sender proves itself, ready for use.
type proof struct {
	verify.Verifier
	scheme *verify.Scheme // nil where nothing is signed
	header string         // holds the secret itself; "" if no header does
	query  string         // likewise
}

const waysHint = "give one of preset, hmac, api_key, bearer and basic, or write verify: none"

// newProof makes the one way that is written down. There is no default: a
// source that verifies nothing says so.
func newProof(v *Verify) (*proof, *event.FieldError) {
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
	case len(v.Secrets) > 0 && v.Preset == "":
		return nil, &event.FieldError{Path: "verify.secrets", Msg: "belongs to a preset", Hint: "write it inside " + ways[0]}
	}
	switch {
	case v.Preset != "":
		return newPreset(v.Preset, v.Secrets)
	case v.HMAC != nil:
		return newHMAC(v.HMAC)
	case v.APIKey != nil:
		return newAPIKey(v.APIKey)
	case v.Bearer != nil:
		return newWay("verify.bearer", func() (verify.Verifier, error) { return verify.NewBearer(v.Bearer.Tokens) })
	case v.Basic != nil:
		return newWay("verify.basic", func() (verify.Verifier, error) { return verify.NewBasic(v.Basic.Users) })
	}
	if v.Scheme != "none" {
		return nil, &event.FieldError{Path: "verify", Msg: fmt.Sprintf("unknown way %q", v.Scheme), Hint: waysHint}
	}
	return &proof{Verifier: verify.Unverified{}}, nil
}

// ways are the names of those that are written down.
func (v *Verify) ways() []string {
	var ways []string
	add := func(name string, written bool) {
		if written {
			ways = append(ways, name)
		}
	}
	add("none", v.Scheme != "")
	add("preset", v.Preset != "")
	add("hmac", v.HMAC != nil)
	add("api_key", v.APIKey != nil)
	add("bearer", v.Bearer != nil)
	add("basic", v.Basic != nil)
	return ways
}

func newPreset(name string, secrets []event.Secret) (*proof, *event.FieldError) {
	scheme, err := verify.Preset(name)
	if err != nil {
		return nil, fieldError("verify.preset", err)
	}
	return newSigned(scheme, "verify.secrets", secrets)
}

func newHMAC(h *HMAC) (*proof, *event.FieldError) {
	if !event.ValidHeaderName(h.Header) {
		return nil, &event.FieldError{Path: "verify.hmac.header", Msg: fmt.Sprintf("%q is not the name of a header", h.Header)}
	}
	scheme, err := h.scheme()
	if err != nil {
		return nil, fieldError("verify.hmac", err)
	}
	return newSigned(scheme, "verify.hmac.secrets", h.Secrets)
}

// scheme is the signature of a body, and of nothing else, under a header.
func (h *HMAC) scheme() (*verify.Scheme, error) {
	d := verify.Definition{
		Header: h.Header, Tag: h.Prefix, Algorithm: h.Algorithm, Encoding: h.Encoding,
		Content: "{body}",
	}
	if d.Algorithm == "" {
		d.Algorithm = "sha256"
	}
	if d.Encoding == "" {
		d.Encoding = "hex"
	}
	return verify.Compile(d)
}

func newSigned(scheme *verify.Scheme, path string, secrets []event.Secret) (*proof, *event.FieldError) {
	v, err := scheme.Verifier(secrets)
	if err != nil {
		return nil, fieldError(path, err)
	}
	return &proof{Verifier: v, scheme: scheme}, nil
}

func newAPIKey(a *APIKey) (*proof, *event.FieldError) {
	if a.Header != "" && !event.ValidHeaderName(a.Header) {
		return nil, &event.FieldError{Path: "verify.api_key.header", Msg: fmt.Sprintf("%q is not the name of a header", a.Header)}
	}
	v, err := verify.NewAPIKey(a.Header, a.Query, a.Keys)
	if err != nil {
		return nil, fieldError("verify.api_key", err)
	}
	return &proof{Verifier: v, header: a.Header, query: a.Query}, nil
}

func newWay(path string, open func() (verify.Verifier, error)) (*proof, *event.FieldError) {
	v, err := open()
	if err != nil {
		return nil, fieldError(path, err)
	}
	return &proof{Verifier: v}, nil
}

// fieldError gives an error its place in the settings and keeps its hint.
func fieldError(path string, err error) *event.FieldError {
	var f *event.FieldError
	if errors.As(err, &f) {
		return &event.FieldError{Path: path, Msg: f.Msg, Hint: f.Hint}
	}
	return &event.FieldError{Path: path, Msg: err.Error()}
}
