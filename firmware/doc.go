// Package firmware is the station's runtime: it owns the state, decides nothing
// by itself and moves nothing before it is durable.
//
// # How data moves through it
//
//	terminal · staff · hal · clock → queue → Station (one goroutine)
//	    → store.Apply: locker.Step for each waiting event, ONE commit
//	    → new State becomes visible (View), answers go out, effects are run
//	    → slow work (pulse, bus reading, argon2) runs beside it and comes back as an event
//
// The queue is bounded. What comes from people is refused with ErrBusy when it
// is full; door readings coalesce to the newest level; results of slow work
// have reserved places. One pickup, commit by commit, is told in
// deploy/docs/decisions/0001-one-flow.md.
//
// # What it never does
//
// It never pulses before the commit, never repeats an unlock, never keeps the
// plain text of a code or factor longer than the work on it, and never opens a
// store transaction on behalf of a reader.
package firmware
