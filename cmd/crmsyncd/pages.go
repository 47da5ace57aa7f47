package main

import (
	"fmt"
	"log/slog"
	"net"

	"crmsyncd/configs"
	"crmsyncd/sync/daemon"
)

// servePages answers on the address of the status pages. They are a
// convenience: a taken port is told and keeps nobody from working.
func servePages(api *daemon.API, admin configs.Admin, log *slog.Logger) (stop func()) {
	l, err := net.Listen("tcp", admin.Listen) //nolint:noctx // it is closed with the process
	if err != nil {
		log.Warn("no status pages", "address", admin.Listen, "err", err)
		api.Warnings = append(api.Warnings, fmt.Sprintf("no status pages, for admin.listen (%s) cannot be had: %v; what answers there is another process", admin.Listen, err))
		return func() {}
	}
	return daemon.Serve(l, api.Pages(daemon.Readers{Token: reader(admin.Token), Anywhere: !admin.Loopback()}), log)
}
