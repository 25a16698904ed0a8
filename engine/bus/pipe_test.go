package bus

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

func TestPipe(t *testing.T) {
	near, far := net.Pipe()
	p := newPipe(near)
	var want bytes.Buffer
	for n := range 1000 {
		part := bytes.Repeat([]byte{byte(n)}, n)
		want.Write(part)
		if _, err := p.Write(part); err != nil { // nobody reads yet
			t.Fatal(err)
		}
	}
	got := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(far)
		got <- all
	}()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if all := <-got; !bytes.Equal(all, want.Bytes()) {
		t.Errorf("%d bytes came over, want the %d that were written", len(all), want.Len())
	}
	if _, err := p.Write([]byte("more")); err == nil {
		t.Error("a write after the end succeeds")
	}
}

// A writer that is ahead waits, and learns when the other end is gone.
func TestPipeHasABound(t *testing.T) {
	near, far := net.Pipe()
	p := newPipe(near)
	failed := make(chan error)
	go func() {
		for {
			if _, err := p.Write(make([]byte, pipeMost)); err != nil {
				failed <- err
				return
			}
		}
	}()
	if _, err := io.ReadFull(far, make([]byte, 10*pipeMost)); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	far.Close()
	<-failed
	p.Close()
}

// Close does not wait for ever for somebody who does not read.
func TestPipeClosesAlone(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	p := newPipe(near)
	if _, err := p.Write([]byte("never read")); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	p.Close()
	if d := time.Since(began); d > 20*pipeClosing {
		t.Errorf("it took %v", d)
	}
}
