// Package staff is the office's side of a station: a page for the browser at
// the counter and a JSON API for the office's other programs, both over the
// same routes.
//
// # How data moves through it
//
//	browser, program → Host check → cross-origin check → who is it? → may the role?
//	    → strict decoder → Station.Do, Announce or Slip → answer, or a problem in plain words
//	Station.Watch → GET /api/v1/events → the page asks again for what it shows
//
// Accounts and tokens live in ONE sealed document of the store ("staff"), which
// is replaced as a whole together with an audit record. In events and in the
// audit log a person is a pseudonym ("staff:9f3c20aa"); the name stays in the
// document. Sessions, limits and the memory of Idempotency-Keys are in memory:
// after a restart people sign in again.
//
// # What it never does
//
// It decides nothing about deliveries and compartments: it sends events and says
// in words what came back. It opens no store and no lock. It never writes a
// password, a token, a factor or a pickup code into a log, and a pickup code is
// in one answer only, that of …/slip. Its argon2 runs have a worker and a limiter
// of their own, so that nobody at a sign-in form can delay a citizen.
//
// A *Staff is safe for concurrent use.
package staff
