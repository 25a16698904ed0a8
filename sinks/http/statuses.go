package httpsink

import (
	"strconv"
	"strings"
)

// statuses are some statuses, each written 409, 5xx or 500-504.
type statuses [][2]int

// parseStatuses reads them; bad is the first that is none, "" when all are.
func parseStatuses(texts []string) (all statuses, bad string) {
	for _, text := range texts {
		from, to, ok := parseStatus(strings.TrimSpace(text))
		if !ok {
			return nil, text
		}
		all = append(all, [2]int{from, to})
	}
	return all, ""
}

func parseStatus(text string) (from, to int, ok bool) {
	if class, is := strings.CutSuffix(text, "xx"); is {
		n, err := strconv.Atoi(class)
		return 100 * n, 100*n + 99, err == nil && 3 <= n && n <= 9
	}
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	from, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0, false
	}
	to, err = strconv.Atoi(last)
	return from, to, err == nil && 300 <= from && from <= to && to <= 999
}

// has tells whether a status is one of them.
func (s statuses) has(status int) bool {
	for _, r := range s {
		if r[0] <= status && status <= r[1] {
			return true
		}
	}
	return false
}
