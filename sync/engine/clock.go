package engine

// The order of our own reads and writes is told by our clock, and a clock may be
// set back. A time of ours that has not come yet was noted before that, so it is
// earlier than all that is noted now.

// past is a noted time in unix ms, 0 where it has not come yet.
func (e *Engine) past(ms int64) int64 {
	if ms > unixMilli(e.now()) {
		return 0
	}
	return ms
}
