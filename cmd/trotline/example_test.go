package main

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/trotline/trotline/admin"
)

// orders are the ids in a table of the demo's database; none before there is a table.
func (s *site) orders(table string) (ids []string) {
	s.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.dir, "data", "shop.db")+"?mode=ro")
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("select order_id from " + table + " order by order_id")
	if err != nil {
		return nil
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			s.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

func order(id string, amount string) string {
	return `{"event": "new_order", "order_id": "` + id + `", "customer_id": "c-7", "amount": ` + amount + `}`
}

func TestExample(t *testing.T) {
	s := newExample(t)
	if got := s.must("check"); !strings.Contains(got, "2 pipelines, 2 sources, 6 sinks: no problems") {
		t.Errorf("check says %q", got)
	}
	r := s.run()

	if got := s.must("send", "shop", "--data", order("big", "1250.50")); !strings.Contains(got, "202") || !strings.Contains(got, `"id":"big/new_order"`) {
		t.Errorf("send says %q", got)
	}
	if got := s.must("send", "shop", "--data", order("big", "1250.50")); !strings.Contains(got, `"duplicate":true`) {
		t.Errorf("sending again says %q", got)
	}
	s.must("send", "shop", "--data", order("small", "80"))
	s.must("send", "shop", "--data", order("middle", "100"))
	s.must("send", "shop", "--data", `{"event": "refund", "order_id": "back", "customer_id": 7, "amount": 5}`)
	s.must("send", "github", "--data",
		`{"ref": "refs/heads/main", "repository": {"full_name": "trotline/trotline"}, "pusher": {"name": "ada"}}`)

	eventually(t, "the orders are rows", func() bool { return slices.Equal(s.orders("orders"), []string{"big", "middle"}) })
	eventually(t, "the big order is a row", func() bool { return slices.Equal(s.orders("big_orders"), []string{"big"}) })
	eventually(t, "the big order is a job", func() bool {
		return slices.Equal(s.lines("data/retrain-jobs.jsonl"), []string{`{"because_of":"big","job":"retrain","total":1250.5}`})
	})
	eventually(t, "the dashboard has two lines", func() bool { return len(s.lines("data/dashboard.jsonl")) == 2 })
	eventually(t, "the refund is a line", func() bool { return strings.Contains(s.lines("data/refunds.jsonl")[0], `"back"`) })
	eventually(t, "the push is a line", func() bool {
		return slices.Equal(s.lines("data/pushes.jsonl"), []string{`{"branch":"refs/heads/main","by":"ada","repository":"trotline/trotline"}`})
	})

	generation := r.status().Generation
	s.edit("body.amount >= 100", "body.amount >= 50")
	r.edited(generation)
	s.must("send", "shop", "--data", order("small2", "80"))
	eventually(t, "the edit holds", func() bool { return slices.Equal(s.orders("orders"), []string{"big", "middle", "small2"}) })

	s.looksAtEvents()
}

func (s *site) looksAtEvents() {
	t := s.t
	t.Helper()
	list := s.must("events", "list", "--source", "shop")
	if lines := strings.Split(strings.TrimSpace(list), "\n"); len(lines) != 6 || !strings.Contains(lines[1], "small2/new_order") {
		t.Errorf("events list says\n%s", list)
	}
	var found admin.Events
	if err := json.Unmarshal([]byte(s.must("events", "list", "--id", "middle/new_order", "--json")), &found); err != nil || len(found.Events) != 1 {
		t.Errorf("events list --id finds %v, %v", found, err)
	}
	shown := s.must("events", "show", "big/new_order")
	for _, want := range []string{`"amount": 1250.50`, "POST /hooks/shop from 127.0.0.1", "X-Shop-Signature", "new_order"} {
		if !strings.Contains(shown, want) {
			t.Errorf("events show does not hold %q:\n%s", want, shown)
		}
	}
	if r := s.trotline("events", "show", "nothing/of/the/kind"); r.code != exitNo || !strings.Contains(r.errOut, "there is no event") {
		t.Errorf("showing what is not there: %+v", r)
	}
}
