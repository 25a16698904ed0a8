package event

import "strings"

// Nearest is the known word that a mistyped one probably stands for, "" if none
// is near: one letter in three may be wrong. It is for hints to people.
func Nearest(word string, known []string) string {
	best, bestDistance := "", maxCompared
	for _, k := range known {
		if strings.EqualFold(k, word) {
			return k
		}
		d := distance(strings.ToLower(word), strings.ToLower(k))
		if d < bestDistance && d <= max(len(word), len(k))/3 {
			best, bestDistance = k, d
		}
	}
	return best
}

// maxCompared is the length from which on words are not compared: what is as
// long is not a word, and comparing takes the product of the lengths.
const maxCompared = 64

// distance is how many letters must be put in, taken out, changed or swapped
// with their neighbour to make b of a (the optimal string alignment distance).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if max(len(x), len(y)) > maxCompared {
		return maxCompared
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
