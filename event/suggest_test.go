package event

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"out", "filter", "public_url", "POST"}
	for word, want := range map[string]string{
		"ot": "out", "ouch": "", "a": "", "": "", "fliter": "filter", "filtre": "filter", "publicurl": "public_url",
		"post": "POST", "pos": "POST", "größe": "", strings.Repeat("filter", 20): "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("nearest to %q is %q, want %q", word, got, want)
		}
	}
	if got := Nearest("word", nil); got != "" {
		t.Errorf("of none the nearest is %q", got)
	}
}
