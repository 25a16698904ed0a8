package rig

import (
	"net"
	"testing"
)

// An address can be listened on again and again, and is given to nobody else.
func TestFreeAddr(t *testing.T) {
	addr := FreeAddr(t)
	for range 3 {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		l.Close()
	}
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("somebody listens on an address that is only reserved")
	}
	if other := FreeAddr(t); other == addr {
		t.Error("the same address was given twice")
	}
}
