package expression

import (
	"slices"
	"strings"
)

// sentence joins names for an error, at most a dozen of them.
func sentence(names []string) string {
	const most = 12
	names = slices.Clone(names)
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return strings.Join(names, ", ")
}
