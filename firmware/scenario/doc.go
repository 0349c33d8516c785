// Package scenario is a whole station with its people in one goroutine and in
// virtual time: simulated citizens and clerks with ledgers, a cabinet with
// physics and faults, and judges. It is for whole-station tests and for the long
// run, `stationsim soak`.
//
// # How a run goes
//
// One seed decides everything. The Station, the Governor and the store on disk
// are the real ones, driven step by step; only clock and cabinet are simulated.
// People are stories that sleep, act with their hands on the cabinet, and ask
// the Station; they are resumed one at a time. Power may go between any two
// steps, also in the middle of a commit or of a pulse.
//
// # What is judged, and by what
//
// The truth is the physical world and the ledgers of the people: who put which
// paper where, who took it, who asked for what, who was given which code and how
// it ended. Nothing here asks the domain what is allowed; its types are used to
// talk to the Station and to read what it claims (its view and its audit log).
// What a claim says is then held against the truth.
//
// # What it leaves out
//
// A sensor that lies can not be seen through by anybody: what it hides is
// excused where it is the only cause, and counted. Hardware that hangs is not
// simulated.
package scenario
