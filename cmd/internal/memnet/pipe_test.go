package memnet

import (
	"net"
	"testing"

	"golang.org/x/net/nettest"
)

// The pipe keeps net.Conn's contract: deadlines past and future, close while
// reading or writing, racing reads and writes. net/http relies on all of it.
func TestPipeIsAConnection(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		client, server := newPipe(addr("client"), addr("server"))
		return client, server, func() { client.Close(); server.Close() }, nil
	})
}
