package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trotline/trotline/engine/bus"
)

// remoteRig is a rig whose store is a server of its own, which can go away.
type remoteRig struct {
	*rig
	options bus.Options
	host    *bus.Bus
}

func newRemoteRig(t *testing.T) *remoteRig {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	r := &remoteRig{
		rig:     &rig{t: t, file: filepath.Join(t.TempDir(), "pipelines.yaml")},
		options: bus.Options{Dir: t.TempDir(), Listen: address, Prefix: "host", MaxDisk: 1 << 30},
	}
	r.comesBack()
	r.write(rulesBy("one"))
	text, err := os.ReadFile(r.file)
	if err != nil {
		t.Fatal(err)
	}
	remote := strings.Replace(string(text), "{embedded: {max_disk: 256MiB}}", fmt.Sprintf("{url: %q}", "nats://"+address), 1)
	if err := os.WriteFile(r.file, []byte(remote), 0o644); err != nil {
		t.Fatal(err)
	}
	r.start()
	return r
}

func (r *remoteRig) comesBack() {
	r.t.Helper()
	var err error
	if r.host, err = bus.Open(context.Background(), r.options); err != nil {
		r.t.Fatal(err)
	}
}

func (r *remoteRig) goesAway() {
	r.t.Helper()
	if err := r.host.Close(context.Background()); err != nil {
		r.t.Fatal(err)
	}
}

// While a server elsewhere is away, an edit is not held up by the janitor asking it.
func TestAServerThatIsAwayHoldsUpNobody(t *testing.T) {
	r := newRemoteRig(t)
	r.accept(1)
	r.goesAway()
	// The janitor holds the edits up while it asks: wait until it does.
	r.eventually(func() bool {
		if r.engine.mu.TryLock() {
			r.engine.mu.Unlock()
			return false
		}
		return true
	})
	began := time.Now()
	if edit := r.engine.Reload(context.Background()); edit.Result != Unchanged {
		t.Errorf("the same text is %+v", edit)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v to see that nothing has changed", took)
	}
	r.comesBack()
	r.eventually(func() bool { return r.post(2) == http.StatusAccepted })
	r.close()
	r.goesAway()
}

// A letter of which nobody knows whether its delivery is stored stays, and is
// replayed again as the same delivery.
func TestAReplayWhoseStoreGoesAwayIsRepeated(t *testing.T) {
	r := newRemoteRig(t)
	r.refuse(true)
	r.accept(numbered(1, 5)...)
	letters := r.letters(5)
	r.refuse(false)
	r.goesAway()
	var tally Tally
	if err := r.engine.replayTogether(t.Context(), letters, "", false, &tally); !errors.Is(err, bus.ErrUnavailable) || tally.Done != 0 || tally.Failed != 0 {
		t.Errorf("without a store it says %+v, %v", tally, err)
	}
	r.comesBack()
	r.eventually(func() bool { return r.post(6) == http.StatusAccepted })
	tally, err := r.engine.ReplayLetters(t.Context(), bus.DeadFilter{}, "", RunOptions{})
	if err != nil || tally.Done != 5 {
		t.Fatalf("with a store it says %+v, %v", tally, err)
	}
	ids := make(map[string]bool)
	for _, d := range letters {
		ids[d.Event.DeliveryID(d.Pipeline, d.Route)] = true
	}
	r.deliveries(6)
	for _, d := range r.got.Delivered() {
		if d.Event.ID != "6" && !ids[d.ID] {
			t.Errorf("event %s was replayed under another id", d.Event.ID)
		}
	}
	r.letters(0)
	r.close()
	r.goesAway()
}
