package config_test

import (
	"strings"
	"testing"
	"time"
)

// TestAliasBomb writes a few lines that stand for millions of values, where each costs the most.
func TestAliasBomb(t *testing.T) {
	text := strings.Replace(small, "to: out", `to: out, steps: [{map: {
    a: &a [bodi.x, bodi.x, bodi.x, bodi.x, bodi.x, bodi.x, bodi.x, bodi.x, bodi.x, bodi.x],
    b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a],
    c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b],
    d: &d [*c, *c, *c, *c, *c, *c, *c, *c],
  }}]`, 1)
	for _, test := range []struct{ name, text string }{
		{"within bounds", text},
		{"beyond", strings.Replace(text, "&d [", "&d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c,", 1)},
	} {
		began := time.Now()
		_, problems := loadText(t, test.text)
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("%s: it took %v", test.name, d)
		} else {
			t.Log(test.name, d, len(problems))
		}
		if !problems.HasErrors() {
			t.Errorf("%s: no problem", test.name)
		}
	}
}
