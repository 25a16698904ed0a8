package event

import (
	"net/http"
	"net/url"
	"sync"
)

// RequestInfo is what is kept of the request that brought an event. What the
// sender proved itself with is not among it.
type RequestInfo struct {
	Method   string
	Path     string
	RemoteIP string
	Header   http.Header
	Query    url.Values
	Params   map[string]string // the {name} parts of the path
}

// Kept holds a [RequestInfo], or the text in which the store has it: that is
// read on first need, and handed on as it is, since few events are asked for
// the request they came with. It is safe for concurrent use; nil holds nothing.
type Kept struct {
	text string
	form *KeptForm
	once sync.Once
	info RequestInfo
}

// KeptForm is how to read the text a store has of a request: the whole of it, or
// the first value of one header field, "" if it is not there. The name of the
// field is in canonical form ([http.CanonicalHeaderKey]).
type KeptForm struct {
	Read   func(text string) RequestInfo
	Header func(text, name string) string
}

// Keep holds what is kept of a request.
func Keep(info RequestInfo) *Kept {
	return &Kept{info: info}
}

// KeepText holds the text of a request, and how to read it.
func KeepText(text string, form *KeptForm) *Kept {
	return &Kept{text: text, form: form}
}

// Text is the text it was made of, "" if it was made of none.
func (k *Kept) Text() string {
	if k == nil {
		return ""
	}
	return k.text
}

// Info is what is kept. It must not be changed.
func (k *Kept) Info() *RequestInfo {
	if k == nil {
		return &RequestInfo{}
	}
	k.once.Do(func() {
		if k.form != nil {
			k.info = k.form.Read(k.text)
		}
	})
	return &k.info
}

// Header is the first value of a header field, "" if it is not there. The name
// must be in canonical form. For one field less is read than for [Kept.Info].
func (k *Kept) Header(name string) string {
	switch {
	case k == nil:
		return ""
	case k.form != nil:
		return k.form.Header(k.text, name)
	}
	return k.info.Header.Get(name)
}
