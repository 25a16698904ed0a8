package postgres

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
	"github.com/trotline/trotline/internal/pgtest"
)

func TestConformance(t *testing.T) {
	server := pgtest.New(t)
	for _, key := range [][]string{nil, {"id"}} {
		t.Run(fmt.Sprintf("key %v", key), func(t *testing.T) {
			eventtest.SinkSuite(t, eventtest.Sink{
				Kind:   Kind(),
				Keyed:  true,
				Secret: pgtest.Password,
				Receiver: func(t *testing.T) eventtest.Receiver {
					server.Start(t)
					db := &database{t, server.Database(t)}
					db.exec(`CREATE TABLE orders (id text UNIQUE, n int CHECK (n >= 0), delivery_id text UNIQUE)`)
					return eventtest.Receiver{
						Settings: &Settings{DSN: event.Secret(db.dsn), Table: "orders", Key: key},
						Arrived: func(t *testing.T) []string {
							return strings.Fields((&database{t, db.dsn}).text("SELECT string_agg(id, ' ') FROM orders"))
						},
						Stop:  func(t *testing.T) { server.Stop(t) },
						Start: func(t *testing.T) { server.Start(t) },
					}
				},
				Bad: func() *event.Delivery { return eventtest.DeliveryJSON("bad", `{"id": "bad", "n": -1}`) },
			})
		})
	}
}

// Events go on arriving while the server crashes and comes back, again and again.
func TestServerRestarts(t *testing.T) {
	server := pgtest.New(t)
	db := &database{t, server.Database(t)}
	s := db.open(Settings{Table: "orders", Create: true, Key: []string{"id"}, Version: "v"})
	const keys, versions = 40, 10
	var wg sync.WaitGroup
	half, once := make(chan struct{}), sync.Once{}
	for worker := range 4 {
		wg.Go(func() {
			for v := range versions {
				var batch []*event.Delivery
				for key := worker; key < keys; key += 4 {
					batch = append(batch, eventtest.DeliveryJSON(fmt.Sprintf("%d-%d", key, v), fmt.Sprintf(`{"id": %d, "v": %d}`, key, v)))
				}
				rand.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
				untilDelivered(t, s, batch)
				if v == versions/2 {
					once.Do(func() { close(half) })
				}
			}
		})
	}
	server.Stop(t)
	server.Start(t)
	<-half
	server.Stop(t)
	server.Start(t)
	wg.Wait()
	db.want(fmt.Sprint(keys, " ", keys*(versions-1)), "SELECT count(*) || ' ' || sum(v) FROM orders")
}

func untilDelivered(t *testing.T, s event.Sink, batch []*event.Delivery) {
	for len(batch) > 0 {
		var again []*event.Delivery
		for i, v := range s.Deliver(t.Context(), batch) {
			if event.IsPermanent(v.Err) {
				t.Errorf("refused: %v", v.Err)
			} else if v.Err != nil {
				again = append(again, batch[i])
			}
		}
		if t.Context().Err() != nil {
			return
		}
		batch = again
	}
}
