// Command crmsyncd keeps CRM systems in step, field by field.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

func main() { os.Exit(realMain()) }

// realMain is main with an exit code, so that what is deferred runs.
func realMain() (code int) {
	a := newApp(os.Stdout, os.Stderr)
	defer func() {
		if p := recover(); p != nil {
			// What was panicked with may hold a customer's value, so only the
			// Go runtime's own words are shown.
			text := fmt.Sprintf("panic of type %T", p)
			if err, ok := p.(runtime.Error); ok {
				text = err.Error()
			}
			fmt.Fprintf(a.errs, "crmsyncd: internal error: %s\n%s", text, debug.Stack())
			code = exitFailed
		}
	}()
	return a.execute(context.Background(), os.Args[1:])
}
