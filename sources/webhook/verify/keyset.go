package verify

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"

	"github.com/trotline/trotline/event"
)

// keySet are shared secrets, kept as digests: comparing those takes the same
// time whatever the secret's length and however much of it is right.
type keySet [][sha256.Size]byte

func newKeySet(secrets []event.Secret) (keySet, error) {
	if len(secrets) == 0 {
		return nil, errors.New("needs at least one")
	}
	set := make(keySet, len(secrets))
	for i, s := range secrets {
		if strings.TrimSpace(s.Reveal()) == "" {
			return nil, fmt.Errorf("number %d is empty", i+1)
		}
		set[i] = sha256.Sum256([]byte(s.Reveal()))
	}
	return set, nil
}

// holds compares with every key, found or not.
func (set keySet) holds(given string) bool {
	digest := sha256.Sum256([]byte(given))
	found := 0
	for i := range set {
		found |= subtle.ConstantTimeCompare(set[i][:], digest[:])
	}
	return found == 1
}
