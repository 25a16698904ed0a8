package expression

import (
	"slices"
	"strings"
)

// nearest is the known name that was probably meant, "" if none is near.
func nearest(name string, known []string) string {
	best, bestDistance := "", 3
	switch {
	case len(name) < 3:
		bestDistance = 1
	case len(name) < 5:
		bestDistance = 2
	}
	for _, k := range known {
		switch {
		case strings.EqualFold(name, k):
			return k
		case len(name)-len(k) < -2 || len(name)-len(k) > 2:
			continue
		}
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap to make a into b.
func distance(a, b string) int {
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// sentence joins names for an error, at most a dozen of them.
func sentence(names []string) string {
	const most = 12
	names = slices.Clone(names)
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return strings.Join(names, ", ")
}
