package outsidetest

import (
	"sync"
	"time"
)

// Clock gives instants that rise with every call, to the microsecond, so that
// the books of emulators that share it can be put in order.
type Clock struct {
	// Source is the time to start from; time.Now if nil.
	Source func() time.Time

	mu   sync.Mutex
	last time.Time
}

// Now gives an instant after every instant given before, in UTC.
func (c *Clock) Now() time.Time {
	source := c.Source
	if source == nil {
		source = time.Now
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := source().UTC().Truncate(time.Microsecond)
	if !now.After(c.last) {
		now = c.last.Add(time.Microsecond)
	}
	c.last = now
	return now
}

// NotBefore makes later instants come after t: an emulator that reads its
// journal back calls it with each entry's instant.
func (c *Clock) NotBefore(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.last) {
		c.last = t.UTC()
	}
}
