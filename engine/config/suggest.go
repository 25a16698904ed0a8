package config

import (
	"fmt"
	"slices"
	"strings"
)

// didYouMean is the hint to an unknown word: the likely one, and all there are.
func didYouMean(word string, known []string) string {
	hint := ""
	if near := nearest(word, known); near != "" {
		hint = fmt.Sprintf("did you mean %s? ", near)
	}
	if len(known) == 0 {
		return strings.TrimSuffix(hint, " ")
	}
	return hint + "known here: " + strings.Join(known, ", ")
}

// nearest is the known word that a mistyped one probably stands for, "" if none is near.
func nearest(word string, known []string) string {
	best, bestDistance := "", 1+len(word)/3
	for _, k := range known {
		if strings.EqualFold(k, word) {
			return k
		}
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d <= bestDistance && (best == "" || d < bestDistance) {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is how many letters must be put in, taken out, changed or swapped
// with their neighbour to make b of a.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if max(len(x), len(y)) > 64 {
		return 64
	}
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			change := 1
			if x[i-1] == y[j-1] {
				change = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(x)][len(y)]
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
