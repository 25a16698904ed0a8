package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const lookupSite = `
server: {listen: "DOOR", admin: {listen: "ADMIN"}}
nats: {embedded: {max_disk: 256MiB}}
sources:
  crm: {path: /hooks/crm, verify: none}
  shop: {path: /hooks/shop, verify: none, id: body.id}
sinks:
  customers: {type: sqlite, path: customers.db, table: customers, key: [id], create: true}
  orders: {type: file, path: orders.jsonl}
pipelines:
  customers: {from: crm, to: [customers]}
  orders:
    from: shop
    steps:
      - enrich: {table: {sink: customers, key: body.customer}, into: customer}
      - map: {id: body.id, name: body.customer.name}
    to: [orders]
`

// TestARowIsLookedUp fills a table through one pipeline and asks it in another,
// before it is there, and across a restart.
func TestARowIsLookedUp(t *testing.T) {
	s := newSite(t, lookupSite)
	r := s.run()
	n := 0
	order := func() (id string) {
		n++
		id = fmt.Sprintf("o-%d", n)
		s.must("send", "shop", "--data", fmt.Sprintf(`{"id": %q, "customer": "c-1"}`, id))
		return id
	}
	delivered := func(id string) (line string) {
		t.Helper()
		eventually(t, id+" is delivered", func() bool {
			at := slices.IndexFunc(s.lines("orders.jsonl"), func(l string) bool { return strings.Contains(l, `"`+id+`"`) })
			if at >= 0 {
				line = s.lines("orders.jsonl")[at]
			}
			return at >= 0
		})
		return line
	}
	if got, want := delivered(order()), `{"id":"o-1","name":null}`; got != want {
		t.Errorf("before there is a table: got %s, want %s", got, want)
	}
	s.must("send", "crm", "--data", `{"id": "c-1", "name": "Zoë"}`)
	eventually(t, "the row is found", func() bool { return strings.Contains(delivered(order()), `"name":"Zoë"`) })
	r.stop()
	s.run()
	if got := delivered(order()); !strings.Contains(got, `"name":"Zoë"`) {
		t.Errorf("after a restart: %s", got)
	}
}
