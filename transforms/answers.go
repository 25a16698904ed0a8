package transforms

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// answers are those that are used again. The cache of the same library that
// knows of ages has a goroutine, which cannot be stopped and would outlive every
// edit of the configuration.
type answers struct {
	ttl time.Duration
	lru *lru.Cache[string, answer]
}

type answer struct {
	body  []byte
	until time.Time
}

func newAnswers(size int, ttl time.Duration) *answers {
	c, err := lru.New[string, answer](size)
	if err != nil {
		panic(err) // the size is checked
	}
	return &answers{ttl: ttl, lru: c}
}

func (a *answers) add(key string, body []byte) {
	a.lru.Add(key, answer{body, time.Now().Add(a.ttl)})
}

func (a *answers) get(key string) ([]byte, bool) {
	found, ok := a.lru.Get(key)
	if !ok || time.Now().After(found.until) {
		return nil, false
	}
	return found.body, true
}
