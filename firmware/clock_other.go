//go:build !linux

package firmware

// synchronised is unknown here, and what is unknown is not trusted.
func synchronised() bool { return false }
