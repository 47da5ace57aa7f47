package main

import (
	"log/slog"
	"net"

	"crmsyncd/sync/daemon"
)

// servePages answers on the address of the status pages. They are a
// convenience: a taken port is told and keeps nobody from working.
func servePages(api *daemon.API, addr string, log *slog.Logger) (stop func()) {
	l, err := net.Listen("tcp", addr) //nolint:noctx // it is closed with the process
	if err != nil {
		log.Warn("no status pages", "address", addr, "err", err)
		return func() {}
	}
	return daemon.Serve(l, api.Pages(), log)
}
