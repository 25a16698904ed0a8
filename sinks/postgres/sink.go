package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/sinks/sqltable"
)

type sink struct {
	spec  *sqltable.Spec
	name  sqltable.Name
	pool  *pgxpool.Pool
	log   *slog.Logger
	known atomic.Pointer[table] // nil until the first look
}

// Close implements [event.Closer].
func (s *sink) Close(context.Context) error {
	s.pool.Close()
	return nil
}

// Deliver implements [event.Sink]. A batch is one transaction. Only when that
// fails is each row looked at: what is known of the table may have become
// stale, so that is renewed first, and then the rows at fault are found by
// halving.
func (s *sink) Deliver(ctx context.Context, batch []*event.Delivery) []event.Verdict {
	verdicts := make([]event.Verdict, len(batch))
	rows := make([]pending, 0, len(batch))
	for i, d := range batch {
		row, err := s.spec.Row(d)
		if err != nil {
			verdicts[i].Err = fmt.Errorf("table %s: %w", s.name, err)
			continue
		}
		rows = append(rows, pending{Row: row, at: i})
	}
	if len(rows) == 0 {
		return verdicts
	}
	if known := s.known.Load(); known != nil && s.encodeAll(*known, rows) {
		err := s.send(ctx, *known, rows)
		if err == nil {
			return verdicts
		}
		if faultOf(err) < schemaFault {
			fail(rows, verdicts, s.explain(err))
			return verdicts
		}
	}
	t, err := s.learn(ctx, rows)
	if err != nil {
		fail(rows, verdicts, err)
		return verdicts
	}
	_ = s.write(ctx, t, s.encodeEach(t, rows, verdicts), verdicts) // the verdicts hold the error
	return verdicts
}

func (s *sink) encodeAll(t table, rows []pending) bool {
	for i := range rows {
		if s.encode(t, &rows[i]) != nil {
			return false
		}
	}
	return true
}

// encodeEach gives the rows that cannot be encoded their verdict and returns the others.
func (s *sink) encodeEach(t table, rows []pending, verdicts []event.Verdict) []pending {
	good := make([]pending, 0, len(rows))
	for _, r := range rows {
		if err := s.encode(t, &r); err != nil {
			verdicts[r.at].Err = err
			continue
		}
		good = append(good, r)
	}
	return good
}

// write writes the rows, each half on its own where a row is at fault. The
// halves stay in the batch's order, as rows of one key have to. It returns the
// error of what no row is to blame for, which ends all that was still to do.
func (s *sink) write(ctx context.Context, t table, rows []pending, verdicts []event.Verdict) error {
	if len(rows) == 0 {
		return nil
	}
	err := s.send(ctx, t, rows)
	switch {
	case err == nil:
		return nil
	case faultOf(err) < rowFault:
		err = s.explain(err)
		fail(rows, verdicts, err)
		return err
	case len(rows) == 1:
		verdicts[rows[0].at].Err = s.verdict(err)
		return nil
	}
	half := len(rows) / 2
	if err := s.write(ctx, t, rows[:half], verdicts); err != nil {
		fail(rows[half:], verdicts, err)
		return err
	}
	return s.write(ctx, t, rows[half:], verdicts)
}

// sends is how often a transaction is tried that another one was in the way of.
const sends = 5

// send writes all rows in one transaction, or none of them.
func (s *sink) send(ctx context.Context, t table, rows []pending) error {
	for n := 1; ; n++ {
		// Without an explicit BEGIN everything up to the end of a pgx batch is one
		// transaction, and Close reports its commit.
		err := s.pool.SendBatch(ctx, s.statements(t, rows)).Close()
		if err == nil || n == sends || faultOf(err) != againFault {
			return err
		}
	}
}

func fail(rows []pending, verdicts []event.Verdict, err error) {
	for _, r := range rows {
		verdicts[r.at].Err = err
	}
}
