package postgres

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/trotline/trotline/event"
)

// fault says whose an error is, and so what is to be done with the rows of the
// statement that failed.
type fault int

const (
	batchFault  fault = iota // the server's or the way's: all of them are tried again
	againFault               // two transactions in each other's way: the same at once
	schemaFault              // the table is not as we know it, or not as it has to be
	rowFault                 // a row's: it has to be found, so that the others land
	refusal                  // the same, and no retry can mend it
)

// SQLSTATEs by class: https://www.postgresql.org/docs/current/errcodes-appendix.html
var (
	refusals = []string{
		"21", // cardinality violation: two keys that look different to us are one to the server
		"22", // data exception: a value its column cannot hold
		"23", // a constraint violation
		"44", // a view's check option
		"54", // a limit of the server, such as an index entry that is too long
		"P0", // raised by a trigger
	}
	batchFaults = []string{
		"08", // the connection
		"25", // the transaction's state: a read-only standby
		"28", // the login
		"3D", // no such database
		"40", // a transaction that was rolled back
		"53", // out of memory, disk or connections
		"55", // a lock that cannot be had
		"57", // cancelled, or shutting down
		"58", // the server's disk
	}
)

func faultOf(err error) fault {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) != 5 {
		return batchFault
	}
	switch pg.Code {
	case "40001", "40P01": // serialization failure, deadlock
		return againFault
	case "26000", "3F000", "42P01", "42703", "42804", "42883", "42P10":
		// A prepared statement that is gone; no such schema, table, column; types
		// that do not go together, twice; no unique index for ON CONFLICT.
		return schemaFault
	case "42601": // a syntax error: not in our statement, but in the text of an ltree or a tsquery
		return refusal
	}
	switch class := pg.Code[:2]; {
	case slices.Contains(refusals, class):
		return refusal
	case slices.Contains(batchFaults, class):
		return batchFault
	}
	// Among the rest are no permission, which row-level security says of a single
	// row, and whatever an extension stumbles over: it may be one row's doing.
	return rowFault
}

// explain says what failed and what would mend it. What the server says of a
// row beyond its message (its detail) is left out: it can be the whole row.
func (s *sink) explain(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return fmt.Errorf("table %s: %w", s.name, err)
	}
	advice := ""
	switch {
	case len(pg.Code) == 5 && pg.Code[:2] == "28":
		advice = ": check the user and the password in dsn"
	case pg.Code == "42P10": // no unique index for the ON CONFLICT clause
		advice = ": the key needs a unique index: " + s.spec.CreateIndex(s.name)
	case pg.Code == "42501":
		advice = ": grant the user of dsn what it needs"
	case pg.Code == "25006":
		advice = ": this server is read-only, probably a standby: point dsn at the primary (target_session_attrs=read-write)"
	case pg.ConstraintName != "":
		advice = fmt.Sprintf(": constraint %q", pg.ConstraintName)
	}
	return fmt.Errorf("table %s: %w%s", s.name, err, advice)
}

// verdict is the error as the end of one row's attempt.
func (s *sink) verdict(err error) error {
	if faultOf(err) == refusal {
		return event.Permanent(s.explain(err))
	}
	return s.explain(err)
}
