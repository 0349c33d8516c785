package firmware

import "golang.org/x/sys/unix"

// synchronised asks the kernel, which the time daemon tells (adjtimex(2),
// STA_UNSYNC). An error counts as no.
func synchronised() bool {
	var t unix.Timex
	_, err := unix.Adjtimex(&t)
	return err == nil && t.Status&unix.STA_UNSYNC == 0
}
