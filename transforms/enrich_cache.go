package transforms

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// answers are what was answered lately. The library's own cache with an age
// keeps a goroutine that cannot be ended, one for each edit of a file.
type answers struct {
	known *lru.Cache[string, answered]
	ttl   time.Duration
}

type answered struct {
	body []byte
	at   time.Time
}

func newAnswers(size int, ttl time.Duration) *answers {
	known, _ := lru.New[string, answered](max(size, 1)) // it fails for no other size
	return &answers{known, ttl}
}

func (a *answers) get(key string) ([]byte, bool) {
	found, ok := a.known.Get(key)
	if !ok || time.Since(found.at) >= a.ttl {
		return nil, false
	}
	return found.body, true
}

func (a *answers) add(key string, body []byte) { a.known.Add(key, answered{body, time.Now()}) }
