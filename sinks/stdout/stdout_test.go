package stdout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/trotline/trotline/event"
	"github.com/trotline/trotline/event/eventtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lockedBuffer is an output that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestSuite(t *testing.T) {
	var out lockedBuffer
	kind := Kind()
	kind.Open = func(_ context.Context, settings any, _ event.SinkOptions) (event.Sink, error) {
		return open(settings, newPrinter(&out)), nil
	}
	eventtest.SinkSuite(t, eventtest.Sink{
		Kind: kind,
		Receiver: func(t *testing.T) eventtest.Receiver {
			before := len(out.String())
			return eventtest.Receiver{
				Settings: &Settings{Format: "event"},
				Arrived: func(t *testing.T) []string {
					var ids []string
					for line := range strings.Lines(out.String()[before:]) {
						var record struct {
							DeliveryID string `json:"delivery_id"`
						}
						if err := json.Unmarshal([]byte(line), &record); err != nil {
							t.Errorf("line %q: %v", line, err)
						}
						ids = append(ids, record.DeliveryID)
					}
					return ids
				},
			}
		},
		Bad: func() *event.Delivery { return eventtest.DeliveryJSON("bad", `{"open":`) },
	})
}

func TestFormats(t *testing.T) {
	text := eventtest.Delivery("text", nil)
	text.Event.Body = event.NewBody(event.Text, []byte("one\ntwo"))
	binary := eventtest.Delivery("binary", nil)
	binary.Event.Body = event.NewBody(event.Binary, []byte{0, 255})
	batch := []*event.Delivery{eventtest.DeliveryJSON("json", "{\n \"price\": 10.10 }"), text, binary}

	var out bytes.Buffer
	for _, v := range open(&Settings{Format: "body"}, newPrinter(&out)).Deliver(t.Context(), batch) {
		if v.Err != nil {
			t.Error(v.Err)
		}
	}
	if want := "{\"price\":10.10}\n\"one\\ntwo\"\n\"AP8=\"\n"; out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
	out.Reset()
	open(&Settings{Format: "event"}, newPrinter(&out)).Deliver(t.Context(), batch[:1])
	want := fmt.Sprintf(`{"id":"json","source":"shop","type":"order.paid","time":"2026-03-14T15:09:26.535897932Z","delivery_id":%q,"body":{"price":10.10}}`+"\n", batch[0].ID)
	if out.String() != want {
		t.Errorf("printed %s, want %s", out.String(), want)
	}
}

// Sinks that print to one output at once never tear each other's batches.
func TestBatchesStayTogether(t *testing.T) {
	var out bytes.Buffer
	to := newPrinter(&out)
	const sinks, batches, size = 4, 50, 5
	var wg sync.WaitGroup
	for s := range sinks {
		sink := open(&Settings{Format: "body"}, to)
		wg.Go(func() {
			for b := range batches {
				batch := make([]*event.Delivery, size)
				for i := range batch {
					batch[i] = eventtest.Delivery("e", fmt.Sprintf("%d/%d", s, b))
				}
				sink.Deliver(t.Context(), batch)
			}
		})
	}
	wg.Wait()
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != sinks*batches*size {
		t.Fatalf("%d lines", len(lines))
	}
	for i := 0; i < len(lines); i += size {
		for _, line := range lines[i : i+size] {
			if line != lines[i] {
				t.Fatalf("line %s within the batch %s", line, lines[i])
			}
		}
	}
}

// full is an output with room for some bytes.
type full struct {
	bytes.Buffer
	room int
}

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.room {
		n, _ := f.Buffer.Write(p[:f.room])
		f.room = 0
		return n, syscall.ENOSPC
	}
	f.room -= len(p)
	return f.Buffer.Write(p)
}

func TestFullOutput(t *testing.T) {
	out := &full{room: len("\"one\"\n\"tw")}
	sink := open(&Settings{Format: "body"}, newPrinter(out))
	batch := []*event.Delivery{
		eventtest.Delivery("1", "one"), eventtest.Delivery("2", "two"), eventtest.Delivery("3", "three"),
	}
	verdicts := sink.Deliver(t.Context(), batch)
	if verdicts[0].Err != nil {
		t.Errorf("what was printed: %v", verdicts[0].Err)
	}
	for _, v := range verdicts[1:] {
		if !errors.Is(v.Err, syscall.ENOSPC) || event.IsPermanent(v.Err) {
			t.Errorf("what was not printed: %v", v.Err)
		}
	}
	out.room = 1000
	sink.Deliver(t.Context(), batch[1:])
	if want := "\"one\"\n\"tw\n\"two\"\n\"three\"\n"; out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
}

// A reader that has stopped reading holds nobody beyond the end of the context.
func TestStuckReader(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	sink := open(&Settings{Format: "body"}, newPrinter(w))
	big := eventtest.Delivery("big", strings.Repeat("x", 1<<20)) // more than a pipe holds
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		returned := make(chan []event.Verdict)
		go func() { returned <- sink.Deliver(ctx, []*event.Delivery{big}) }()
		if _, err := r.Read(make([]byte, 1)); err != nil { // the first write has begun
			t.Fatal(err)
		}
		cancel()
		if v := <-returned; !errors.Is(v[0].Err, context.Canceled) || event.IsPermanent(v[0].Err) {
			t.Errorf("verdict %v", v[0].Err)
		}
	}
	_ = r.Close() // the write ends with EPIPE
	for w.Close(); len(sink.to.turn) > 0; {
		sink.to.turn <- struct{}{}
		<-sink.to.turn
	}
}
