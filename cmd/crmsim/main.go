// Crmsim runs the simulated vendors on loopback, filled with invented and
// untidy data, so that a crmsyncd beside it can be tried, or an administrator's
// own mapping rehearsed, without credentials and without a network.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	code := 0
	if err := newRoot().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "crmsim:", err)
		code = exitCode(err)
	}
	stop()
	os.Exit(code)
}
