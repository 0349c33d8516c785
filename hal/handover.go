package hal

// Handover returns a sink for Cabinet.Run and the bounded channel it feeds. The
// sink never blocks: when n events wait, the next is replaced by one Resync, and
// further ones are dropped until the receiver has taken that Resync. Whoever
// receives a Resync takes a Snapshot, which is newer than all that was dropped.
func Handover(n int) (sink func(Event), events <-chan Event) {
	n = max(n, 1)
	ch := make(chan Event, n+1) // one place is the Resync's
	lost := false
	return func(e Event) {
		if lost {
			// The Resync is the last in the channel, so it is taken when that is empty.
			if len(ch) > 0 {
				return
			}
			lost = false
		}
		if len(ch) >= n {
			ch <- Event{Seq: e.Seq, Kind: Resync, At: e.At}
			lost = true
			return
		}
		ch <- e
	}, ch
}
