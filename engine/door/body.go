package door

import (
	"io"
	"net/http"
)

// firstRead is how much memory a body gets before a byte of it is there: a
// Content-Length is only a claim. More is given as the bytes come.
const firstRead = 64 << 10

// held is a body and the memory it takes up.
type held struct {
	bytes []byte
	taken int64
	from  semaphore
}

// release gives the memory back. Whoever still has the bytes may keep them.
func (h *held) release() { h.from.release(h.taken) }

// read reads a request's body whole. One that is longer than the limit is
// refused, before it is read where its length is known; it is never cut short.
func (h *held) read(r *http.Request, limit int64) error {
	if r.ContentLength > limit {
		return tooLarge(limit)
	}
	size, most := int64(4<<10), limit+1 // one byte more than the limit tells a body that is too long
	if r.ContentLength >= 0 {
		size, most = firstRead, r.ContentLength
	}
	if err := h.fill(r.Body, size, most); err != nil {
		return brokenOff(err)
	}
	if int64(len(h.bytes)) > limit {
		return tooLarge(limit)
	}
	_ = r.Body.Close() // or net/http would look for more of it; all of it is here
	return nil
}

// fill reads to the end, or as many bytes as most. It begins with room for size bytes.
func (h *held) fill(r io.Reader, size, most int64) error {
	if err := h.grow(min(size, most)); err != nil {
		return err
	}
	for int64(len(h.bytes)) < most {
		if len(h.bytes) == cap(h.bytes) {
			if err := h.grow(min(2*int64(cap(h.bytes)), most)); err != nil {
				return err
			}
		}
		n, err := r.Read(h.bytes[len(h.bytes):cap(h.bytes)])
		h.bytes = h.bytes[:len(h.bytes)+n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// grow makes room for size bytes.
func (h *held) grow(size int64) error {
	more := size - int64(cap(h.bytes))
	if !h.from.tryAcquire(more) {
		return busy("Too many bodies are being received.")
	}
	h.taken += more
	grown := make([]byte, len(h.bytes), size)
	copy(grown, h.bytes)
	h.bytes = grown
	return nil
}
