// Package terminal is the citizen's screens: one session at a time, driven by
// keypad, touch and scanner, shown by a browser on the same machine.
//
// # How data moves through it
//
//	keys, touches, scans → Input → one goroutine that owns the session
//	    → Station.Enter / Station.Do (beside it) → answer
//	Station.Watch, Clock → the same goroutine → Page → GET /, /state, /events
//
// What is on the screen follows from three things only: the session (what was
// typed, what was granted), the Station's newest View (what became of the
// door), and the time. The page in the browser keeps nothing; a reload at any
// moment shows the same screen again.
//
// # What it never does
//
// It never sends a digit of the second factor to the browser (only how many
// there are), never says whether a code exists, never ends a session while the
// citizen's door is opening or open, and keeps nothing of one person for the
// next: leaving, finishing and idling wipe what was typed and reset language,
// contrast, size and height. A screen that only tells something (the end, a
// notice) swallows no key of the next person: it ends with that key. It moves no lock; it only asks the Station.
package terminal
