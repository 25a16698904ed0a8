package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/trotline/trotline/event"
)

// Sign makes the headers and the query with which the sender of a source would
// send a body, from the source's [*Settings]: with the first of several secrets,
// and with an id of its own where the scheme has one in a header.
func Sign(settings any, body []byte, now time.Time) (http.Header, url.Values, error) {
	v := event.SettingsOf[Settings](settings).Verify
	p, problem := newProof(v)
	if problem != nil {
		return nil, nil, problem
	}
	h, q := http.Header{}, url.Values{}
	switch {
	case p.scheme != nil:
		signed, err := p.scheme.Sign(v.firstSecret(), body, now, "msg_"+rand.Text())
		if err != nil {
			return nil, nil, err
		}
		h = signed
	case v.APIKey != nil && v.APIKey.Header != "":
		h.Set(v.APIKey.Header, v.APIKey.Keys[0].Reveal())
	case v.APIKey != nil:
		q.Set(v.APIKey.Query, v.APIKey.Keys[0].Reveal())
	case v.Bearer != nil:
		h.Set("Authorization", "Bearer "+v.Bearer.Tokens[0].Reveal())
	case v.Basic != nil:
		h.Set("Authorization", "Basic "+v.Basic.first())
	}
	return h, q, nil
}

func (v *Verify) firstSecret() string {
	if v.HMAC != nil {
		return v.HMAC.Secrets[0].Reveal()
	}
	return v.Secrets[0].Reveal()
}

// first is the first user by name, so that the same one signs each time.
func (b *Basic) first() string {
	user := slices.Sorted(maps.Keys(b.Users))[0]
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + b.Users[user].Reveal()))
}
