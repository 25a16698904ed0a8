package httpsink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trotline/trotline/event"
)

const (
	// maxExcerpt is how much of the answer that refuses is kept, to show why.
	maxExcerpt = 4 << 10
	// maxDrain is how much of an answer beyond what is kept is read, so that the
	// connection can be used again. A longer one costs the connection.
	maxDrain = 256 << 10
	// maxRetryAfter is the longest wish of a receiver that is granted.
	maxRetryAfter = 24 * time.Hour
)

// judge reads the answer and says what it means. Its own error says that the
// answer broke off.
func (s *sink) judge(d *event.Delivery, resp *http.Response, host string) (event.Verdict, error) {
	defer resp.Body.Close()
	means := meaning(resp.StatusCode)
	keep := int64(event.MaxAnswer)
	if means != delivered && !s.rules.hasExpr() {
		keep = maxExcerpt
	}
	body, cut := readBody(resp, keep)
	v := event.Verdict{Answer: event.Answer{Status: resp.StatusCode, Header: lowerHeader(resp.Header), Body: body}}
	if cut != nil && means == delivered {
		// Whoever breaks off may not have finished what he says he has.
		return v, fmt.Errorf("the answer %d broke off: %w", resp.StatusCode, cut)
	}
	if v.Err = s.verdict(d, v.Answer, means, host); v.Err != nil {
		v.Answer.Body = body[:min(len(body), maxExcerpt)]
	}
	return v, nil
}

func readBody(resp *http.Response, keep int64) ([]byte, error) {
	if resp.ContentLength == 0 {
		return nil, nil
	}
	size := keep
	if n := resp.ContentLength; n > 0 && n < keep {
		size = n
		keep = n
	}
	if resp.ContentLength < 0 {
		size = min(512, keep)
	}
	body := make([]byte, 0, size)
	for {
		n, err := resp.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return body, err
		case int64(len(body)) == keep:
			_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
			return body, nil
		case len(body) == cap(body):
			grown := make([]byte, len(body), min(keep, int64(2*cap(body))))
			copy(grown, body)
			body = grown
		}
	}
}

// verdict is what an answer means: what its status does, but for what the settings say.
func (s *sink) verdict(d *event.Delivery, a event.Answer, means outcome, host string) error {
	ruled, fault := s.rules.apply(d, a, means)
	if ruled == delivered {
		return nil
	}
	err := fmt.Errorf("%s answered %d %s", host, a.Status, http.StatusText(a.Status))
	if means == refused && ruled == refused && a.Status < 400 {
		err = fmt.Errorf("%w: redirects are not followed; put the address it points to into url", err)
	}
	if err = withFault(err, fault); ruled == refused {
		return event.Permanent(err)
	}
	if after := retryAfter(a.Header["retry-after"], time.Now()); after > 0 {
		return event.RetryAfter(after, err)
	}
	return err
}

// unanswered applies the settings' rules to an attempt that was not answered. One
// that was cut short because the engine stops says nothing of the receiver.
func (s *sink) unanswered(ctx context.Context, d *event.Delivery, v event.Verdict) event.Verdict {
	if errors.Is(ctx.Err(), context.Canceled) || !s.rules.hasExpr() {
		return v
	}
	ruled, fault := s.rules.apply(d, event.Answer{Error: v.Err.Error()}, again)
	if v.Err = withFault(v.Err, fault); ruled == refused {
		v.Err = event.Permanent(v.Err)
	}
	return v
}

// retryAfter reads a Retry-After header in both its forms, seconds and a date
// (RFC 9110, section 10.2.3); 0 says nothing.
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	seconds, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, min(at.Sub(now), maxRetryAfter))
}

func lowerHeader(h http.Header) map[string]string {
	lower := make(map[string]string, len(h))
	for name, values := range h {
		lower[lowerName(name)] = strings.Join(values, ", ")
	}
	return lower
}

// lowerName is strings.ToLower without an allocation for what every receiver sends.
func lowerName(name string) string {
	switch name {
	case "Content-Length":
		return "content-length"
	case "Content-Type":
		return "content-type"
	case "Date":
		return "date"
	case "Server":
		return "server"
	}
	return strings.ToLower(name)
}
