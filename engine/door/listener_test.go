package door

import (
	"io"
	"runtime"
	"testing"
)

func TestOneConnectionTooManyIsClosed(t *testing.T) {
	o := &seen{}
	d, addr := listen(t, Options{Store: newMemory(1), Observer: o, Table: table(t, 1, Settings{}, Route{}),
		Limits: Limits{Connections: 2}})
	const request = "POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	first, answers := dial(t, addr)
	send(t, first, request)
	if got := status(t, answers); got != 202 {
		t.Fatalf("answered %d", got)
	}
	dial(t, addr)
	third, r := dial(t, addr)
	if _, err := r.ReadByte(); err == nil {
		t.Error("the third connection is served")
	}
	third.Close()
	if n := o.count("refused  connections 503"); n != 1 {
		t.Errorf("counted %d times", n)
	}

	send(t, first, request)
	if got := status(t, answers); got != 202 {
		t.Errorf("meanwhile the first connection is answered %d", got)
	}
	send(t, first, "POST /hooks/shop HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	if _, err := io.Copy(io.Discard, answers); err != nil {
		t.Fatal(err)
	}
	for d.connections.Load() > 1 { // the place is free a moment after the connection is closed
		runtime.Gosched()
	}
	fourth, r := dial(t, addr)
	send(t, fourth, request)
	if got := status(t, r); got != 202 {
		t.Errorf("in the place that is free again: answered %d", got)
	}
}
