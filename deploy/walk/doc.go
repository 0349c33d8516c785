// Package walk takes a real browser through a simulated station: a clerk loads a
// delivery, citizens collect it, the plug is pulled, and every screen that is
// reached is looked at by axe-core. Its tests need Chromium, node and npm, and
// the build tag browser:
//
//	go test -tags browser -count 1 ./deploy/walk
//
// Screenshots are left in deploy/out/walk, for people to look at.
package walk
