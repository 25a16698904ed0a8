package transforms

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

// customers is a table with one row, of tenant 7 and customer a.
type customers struct {
	err   error
	asked int
}

func (c *customers) lookup(_ context.Context, sink string, key []any) ([]byte, error) {
	c.asked++
	switch {
	case c.err != nil:
		return nil, c.err
	case sink == "crm" && fmt.Sprint(key) == "[7 a]":
		return []byte(`{"name":"Zoë","since":1234567890123456789}`), nil
	case fmt.Sprint(key) == "[7 large]":
		return []byte(`"` + strings.Repeat("x", maxEnrichment) + `"`), nil
	}
	return []byte("null"), nil
}

func (c *customers) step(t *testing.T, change func(*enrichSettings)) event.Asker {
	t.Helper()
	s := &enrichSettings{Table: &enrichTable{Sink: "crm", Key: []event.Expr{expr(t, "body.tenant", event.Any), expr(t, "body.id", event.Any)}}, Into: "customer", OnFail: "dead"}
	if change != nil {
		change(s)
	}
	step, err := kindNamed(t, "enrich").Open(s, event.TransformOptions{Lookup: c.lookup})
	if err != nil {
		t.Fatal(err)
	}
	return step.(event.Asker)
}

func TestEnrichFromATable(t *testing.T) {
	c := &customers{}
	step := c.step(t, nil)
	checkBody(t, step, `{"tenant": 7, "id": "a"}`, `{"customer":{"name":"Zoë","since":1234567890123456789},"id":"a","tenant":7}`)
	checkBody(t, step, `{"tenant": 7, "id": "b"}`, `{"customer":null,"id":"b","tenant":7}`)

	e := eventtest.EventJSON(`{"tenant": 7}`)
	asked := c.asked
	if _, err := step.Ask(t.Context(), e); !event.IsPermanent(err) || !strings.Contains(err.Error(), "body.id") || c.asked != asked {
		t.Errorf("without a key: %v", err)
	}
	if _, err := step.Ask(t.Context(), eventtest.EventJSON(`{"tenant": 7, "id": "large"}`)); !event.IsPermanent(err) {
		t.Errorf("a row that is too large: %v", err)
	}
	c.err = errors.New("the database is away")
	if _, err := step.Ask(t.Context(), eventtest.EventJSON(`{"tenant": 7, "id": "a"}`)); err == nil || event.IsPermanent(err) {
		t.Errorf("a database that is away: %v", err)
	}
	c.err = event.Permanentf("no such sink")
	checkBody(t, c.step(t, func(s *enrichSettings) { s.OnFail = "pass" }), `{"tenant": 7, "id": "a"}`, `{"tenant": 7, "id": "a"}`)
}

func TestRowsAreUsedAgain(t *testing.T) {
	c := &customers{}
	step := c.step(t, func(s *enrichSettings) { s.Cache = &enrichCache{TTL: event.Duration(time.Hour)} })
	for range 3 {
		for _, id := range []string{"a", "b"} {
			if _, err := step.Ask(t.Context(), eventtest.EventJSON(`{"tenant": 7, "id": "`+id+`"}`)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if c.asked != 2 {
		t.Errorf("the table was asked %d times", c.asked)
	}
}
