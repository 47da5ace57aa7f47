package main

import (
	"io"
	"net"
	"os"
)

// connect joins standard input and output to a port of this machine. qemu starts
// it for each connection that the guest makes to a forwarded port: what qemu
// forwards to by itself serves a single connection.
func connect(addr string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(os.Stdout, conn)
	return err
}
