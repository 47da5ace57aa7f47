// Package daemon is the process around the engine: it knows when a run is due,
// starts at most one run per system at a time, and answers the control socket.
// It is the only home of the cron library, and of that library it uses the
// parser and Schedule.Next alone.
//
// What holds:
//
//  1. The last slot of every schedule is kept in the state, so a restart
//     neither loses a run nor repeats one, and a missed run is caught up once.
//  2. Triggers only set a flag; the loop decides. Asked ten times before a run
//     starts, it runs once.
//  3. A run that fails or panics ends that run and nothing else.
//  4. A stop starts nothing new and lets what is in flight reach its commit.
package daemon
