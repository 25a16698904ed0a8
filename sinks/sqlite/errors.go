package sqlite

import (
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"

	"github.com/trotline/trotline/event"
)

// The primary result codes that can be one row's own
// (https://www.sqlite.org/rescode.html). All others are the file's, the disk's
// or another process's.
const (
	codeError      = 1  // SQL that cannot be run, or a function that failed on this row
	codeTooBig     = 18 // a value longer than a row can hold
	codeConstraint = 19 // a constraint violation, or a trigger's RAISE
	codeMismatch   = 20 // a value that a rowid cannot be
)

// codeOf is the primary result code of an error of SQLite, 0 for any other.
func codeOf(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// rowFault tells whether an error is a single row's, so that the transaction goes on without it.
func rowFault(err error) bool {
	return refusal(err) || codeOf(err) == codeError
}

// refusal tells whether the error is a row's and no retry can mend it.
func refusal(err error) bool {
	switch codeOf(err) {
	case codeTooBig, codeConstraint, codeMismatch:
		return true
	}
	return false
}

// explain says what failed and what would mend it.
func (s *sink) explain(err error) error {
	advice := ""
	if strings.Contains(err.Error(), "ON CONFLICT clause does not match") {
		advice = ": the key needs a unique index: " + s.spec.CreateIndex(s.name)
	}
	return fmt.Errorf("%s, table %s: %w%s", s.file.path, s.name, err, advice)
}

// verdict is the error as the end of one row's attempt.
func (s *sink) verdict(err error) error {
	if refusal(err) {
		return event.Permanent(s.explain(err))
	}
	return s.explain(err)
}
