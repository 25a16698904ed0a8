package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Outside is the world that some schemes must ask: for a certificate, for a set
// of keys, to confirm a subscription.
type Outside interface {
	// Get is what stands at an address of HTTPS. It is safe for concurrent use.
	Get(ctx context.Context, address string) ([]byte, error)
}

// outsideTime is how long an answer from outside is waited for: the sender waits too.
const outsideTime = 5 * time.Second

// maxOutside is how long an answer from outside may be.
const maxOutside = 256 << 10

// web is the world over HTTPS.
type web struct{ client *http.Client }

// NewOutside asks over HTTPS, by a transport of the caller's. It follows no
// redirect: only the address itself was checked.
func NewOutside(t http.RoundTripper) Outside {
	return &web{&http.Client{Transport: t, Timeout: outsideTime, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("it redirects, and redirects are not followed")
	}}}
}

func (w *web) Get(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if r.URL.Scheme != "https" {
		return nil, errors.New("the address is not of HTTPS")
	}
	answer, err := w.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", r.URL.Host, answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxOutside+1))
	if err == nil && len(body) > maxOutside {
		err = fmt.Errorf("%s answered with more than %d bytes", r.URL.Host, maxOutside)
	}
	return body, err
}

// budget bounds how often strangers can make us ask.
type budget struct {
	mu    sync.Mutex
	begun time.Time
	spent int
}

// maxAsked is how many addresses are asked in a minute.
const maxAsked = 20

var errBudget = errors.New("too many addresses are asked")

func (b *budget) spend(now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.begun) >= time.Minute {
		b.begun, b.spent = now, 0
	}
	if b.spent >= maxAsked {
		return errBudget
	}
	b.spent++
	return nil
}
