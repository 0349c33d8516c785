// Package locker is the pure domain of a document pickup station: deliveries,
// compartments, pickup codes, hold periods and custody.
//
// # How data moves through it
//
// One function decides everything:
//
//	Rules.Step(State, Event, Now) → Result{State, Records, Effects, Answer, Refusal}
//
// A State is an immutable value made of rows. Step never writes to a row that
// it was given: it copies the row, changes the copy and puts it into a new
// State that shares all other rows. Whoever stores a State therefore finds what
// has to be written by comparing pointers (see Diff), and nobody can forget to
// store a change. Records are what the audit log keeps, Effects are what the
// outside shall do *after* the new State and its Records are durable, and the
// Answer is for the one who asked.
//
// Slow or impure work comes in as events: an argon2 result, a door reading, a
// random code's tags, the time of day. A delivery and a compartment each have a
// state; what the table in deploy/docs/lifecycle.md does not allow is refused
// with a Refusal, and then the State is exactly the one given.
//
// # What it never does
//
// It never reads a clock, a random source, a file or the network, never imports
// the hardware layer, never repeats an unlock whose outcome is unknown, and
// never calls a compartment free unless a sensor says empty behind a closed
// door or a clerk has looked in. What is unknown is "to check".
//
// Everything here is safe for concurrent use in so far as it is immutable;
// Step itself keeps no state.
package locker
