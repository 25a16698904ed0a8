package eventtest

import (
	"context"
	"errors"
	"testing"

	"github.com/trotline/trotline/event"
)

// The suite holds for the simplest sink that keeps the contract.
func TestSinkSuite(t *testing.T) {
	SinkSuite(t, Sink{
		Kind: event.SinkKind{
			Name:     "recorder",
			Settings: func() any { return &recorderSettings{} },
			Open: func(_ context.Context, settings any, _ event.SinkOptions) (event.Sink, error) {
				return event.SettingsOf[recorderSettings](settings).into, nil
			},
		},
		Receiver: func(t *testing.T) Receiver {
			r := &Recorder{Judge: func(ctx context.Context, d *event.Delivery) event.Verdict {
				if d.Event.ID == "bad" {
					return event.Verdict{Err: event.Permanentf("bad")}
				}
				return event.Verdict{Err: ctx.Err()}
			}}
			return Receiver{
				Settings: &recorderSettings{into: r, Key: "k3y"},
				Arrived: func(*testing.T) []string {
					var names []string
					for _, d := range r.Delivered() {
						names = append(names, d.ID)
					}
					return names
				},
			}
		},
		Bad:    func() *event.Delivery { return Delivery("bad", nil) },
		Secret: "k3y",
	})
}

type recorderSettings struct {
	Key event.Secret `yaml:"key" doc:"a secret"`

	into *Recorder
}

func TestRecorderWait(t *testing.T) {
	var r Recorder
	go func() {
		for n := range 3 {
			r.Deliver(t.Context(), []*event.Delivery{Numbered(n)})
		}
	}()
	got, err := r.Wait(t.Context(), 3)
	if err != nil || len(got) != 3 {
		t.Fatalf("%d deliveries, %v", len(got), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Wait(ctx, 4); !errors.Is(err, context.Canceled) {
		t.Fatalf("waiting for what never comes: %v", err)
	}
}
