package engine

import (
	"context"
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

// While a server elsewhere is away, an edit is not held up by the janitor asking it.
func TestAServerThatIsAwayHoldsUpNobody(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	dir := t.TempDir()
	elsewhere := func() *bus.Bus {
		t.Helper()
		b, err := bus.Open(context.Background(), bus.Options{Dir: dir, Listen: address, Prefix: "host", MaxDisk: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	host := elsewhere()
	r := &rig{t: t, file: filepath.Join(t.TempDir(), "pipelines.yaml")}
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
	r.accept(1)
	if err := host.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
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
	host = elsewhere()
	r.eventually(func() bool { return r.post(2) == http.StatusAccepted })
	r.close()
	if err := host.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
