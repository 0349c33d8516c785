// Package sim is a simulated cabinet: a World with physics, people's hands and
// faults, a Driver that the Governor can use like any hardware, and the clocks
// that simulated stations live in.
//
// # How data moves through it
//
// The World knows for every compartment what is physically true: latch, door,
// papers, coil. A Driver energises coils and reads sensors; people pull, close,
// put and take through World's methods; faults are set by further methods. All
// of that happens at a time: the World advances lazily to the time of its clock
// whenever it is asked anything, or explicitly by Advance.
//
// The World judges nothing but electricity: a coil on for too long, too often,
// or beside another one is a violation, and every pulse that physically happened
// is recorded, so that a simulation can compare it with what was ordered.
//
// Equal seeds, times and calls give equal worlds. Methods of World may be called
// from several goroutines.
//
// # What it is not
//
// There is no bus and no board here: readings take no time and are whole or not
// at all. Doors move in tens of milliseconds and shut at once. A cut sensor wire
// is noticed, as with a supervised line; a simple contact would read open or
// closed, which StickSensor simulates.
package sim
