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
	read func(text string) RequestInfo
	once sync.Once
	info RequestInfo
}

// Keep holds what is kept of a request.
func Keep(info RequestInfo) *Kept {
	return &Kept{info: info}
}

// KeepText holds the text of a request, and how to read it.
func KeepText(text string, read func(text string) RequestInfo) *Kept {
	return &Kept{text: text, read: read}
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
		if k.read != nil {
			k.info = k.read(k.text)
		}
	})
	return &k.info
}
