package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trotline/trotline/event"
)

// didYouMean is the hint to an unknown word: the likely one, and all there are.
func didYouMean(word string, known []string) string {
	hint := ""
	if near := event.Nearest(word, known); near != "" {
		hint = fmt.Sprintf("did you mean %s? ", near)
	}
	if len(known) == 0 {
		return strings.TrimSuffix(hint, " ")
	}
	return hint + "known here: " + strings.Join(known, ", ")
}

// validName is what sources, sinks, pipelines and routes may be called, so that
// expressions can say them and subjects can hold them.
func validName(name string) bool {
	if name == "" || len(name) > maxName || name[0] < 'a' || name[0] > 'z' {
		return false
	}
	return !slices.ContainsFunc([]byte(name), func(c byte) bool { return !nameByte(c) })
}

// maxName keeps streams' subjects and consumers' names within what NATS takes.
const maxName = 64

func nameByte(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' }

// offerName is the name that was probably meant, as a hint.
func offerName(name string) string {
	if len(name) > maxName {
		return fmt.Sprintf("at most %d characters", maxName)
	}
	offer := []byte(strings.ToLower(name))
	for i, c := range offer {
		if !nameByte(c) {
			offer[i] = '_'
		}
	}
	if text := strings.Trim(string(offer), "_"); validName(text) {
		return "write " + text
	}
	return "begin with a letter, then a-z 0-9 _"
}
