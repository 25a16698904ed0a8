package verify

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trotline/trotline/event"
)

// timestamp is where the signed time of a request stands, and how far it may be from ours.
type timestamp struct {
	header    string // canonical; "" where it is an item of the signature's list
	field     string
	tolerance int64 // seconds, either way
}

// text is the time as the sender wrote it; that text is what is signed.
func (t *timestamp) text(h http.Header, signatures, separator string) (string, error) {
	if t.header != "" {
		return single(h, t.header, "timestamp")
	}
	var found string
	for item := range strings.SplitSeq(signatures, separator) {
		value, ok := strings.CutPrefix(strings.TrimSpace(item), t.field)
		if !ok {
			continue
		}
		if found != "" {
			return "", event.Refuse(http.StatusUnauthorized, "timestamp", "The signature has more than one time.")
		}
		found = value
	}
	if found == "" {
		return "", event.Refuse(http.StatusUnauthorized, "timestamp", "The signature has no time.")
	}
	return found, nil
}

// check refuses what is too old, which may be a replay, and what is too far
// ahead, which could be replayed for as long.
func (t *timestamp) check(text string, now time.Time) error {
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return event.Refuse(http.StatusUnauthorized, "timestamp", "The time of the signature is not a number of seconds.")
	}
	if ours := now.Unix(); seconds < ours-t.tolerance || seconds > ours+t.tolerance {
		return event.Refuse(http.StatusUnauthorized, "timestamp",
			"The time of the signature is more than %d seconds from ours.", t.tolerance)
	}
	return nil
}
