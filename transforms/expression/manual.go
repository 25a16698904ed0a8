package expression

import (
	"cmp"
	"slices"
)

// Entry is a line of the manual: a function or a variable.
type Entry struct {
	Name      string
	Signature string // of a function: its parameters and what it gives
	Doc       string
}

// Functions are all functions that expressions know, sorted by name.
func Functions() []Entry {
	var entries []Entry
	for _, fn := range functions {
		if predicates[fn.name].signature == "" {
			entries = append(entries, Entry{fn.name, fn.signature, fn.doc})
		}
	}
	for name, p := range predicates {
		entries = append(entries, Entry{name, p.signature, p.doc})
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	return entries
}

// Variables are all variables that expressions know, in the order of the manual.
func Variables() []Entry {
	entries := make([]Entry, len(variables))
	for i, v := range variables {
		entries[i] = Entry{Name: v.name, Doc: v.doc}
	}
	return entries
}
