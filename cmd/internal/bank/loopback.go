package bank

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// onlyLoopbackNames turns away requests for names of others, where the address is
// a loopback one: a page of a stranger whose name was made to resolve to this
// machine (DNS rebinding) would otherwise be of the bank's own origin.
func onlyLoopbackNames(address net.Addr, next http.Handler) http.Handler {
	if at, err := netip.ParseAddrPort(address.String()); err != nil || !at.Addr().IsLoopback() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopbackName(r.Host) {
			http.Error(w, "this machine goes by localhost here", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isLoopbackName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if at, err := netip.ParseAddr(host); err == nil {
		return at.IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}
