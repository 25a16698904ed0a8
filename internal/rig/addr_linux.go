package rig

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// reserve finds a free port and keeps it bound: who asks the kernel for any port
// does not get it, nor does a connection as its own end. With SO_REUSEADDR, which
// Go's listeners have, it can be listened on all the same, because here nobody
// listens (ip(7), socket(7)).
func reserve() (addr string, release func(), err error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", nil, fmt.Errorf("reserve a port: %w", err)
	}
	release = func() { _ = unix.Close(socket) } // nothing was ever written to it
	err = unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil {
		err = unix.Bind(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	var name unix.Sockaddr
	if err == nil {
		name, err = unix.Getsockname(socket)
	}
	if err != nil {
		release()
		return "", nil, fmt.Errorf("reserve a port: %w", err)
	}
	return fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port), release, nil
}
