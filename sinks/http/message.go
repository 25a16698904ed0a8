package httpsink

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"sync"

	"github.com/trotline/trotline/event"
)

// messages are the buffers in which requests become bytes.
var messages = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// writeRequest writes what [http.Request.Write] would, in a quarter of its time,
// but for the order of the headers. The request is one of the sink's, to a host
// and with a Host header that are plain.
func writeRequest(b *bytes.Buffer, r *http.Request) error {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	writeAll(b, r.Method, " ", r.URL.RequestURI(), " HTTP/1.1\r\nHost: ", host, "\r\n")
	if r.ContentLength > 0 || r.Method != http.MethodDelete {
		writeAll(b, "Content-Length: ", strconv.FormatInt(r.ContentLength, 10), "\r\n")
	}
	if err := writeHeader(b, r.Header); err != nil {
		return err
	}
	writeAll(b, "\r\n")
	_, err := io.Copy(b, r.Body)
	return err
}

func writeHeader(b *bytes.Buffer, h http.Header) error {
	for name, values := range h {
		for _, value := range values {
			switch {
			case name == "User-Agent" && value == "": // none is wanted
			case !event.ValidHeaderValue(value):
				return fmt.Errorf("the header %s holds a control character", name)
			default:
				writeAll(b, name, ": ", textproto.TrimString(value), "\r\n")
			}
		}
	}
	return nil
}

func writeAll(b *bytes.Buffer, texts ...string) {
	for _, text := range texts {
		b.WriteString(text)
	}
}

// isPlainHost tells whether a host can be written as it stands: no other alphabet,
// no zone, and nothing that is no host.
func isPlainHost(host string) bool {
	for i := range len(host) {
		switch c := host[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '.', c == '-', c == '_', c == ':', c == '[', c == ']':
		default:
			return false
		}
	}
	return true
}
