package knative

import (
	"hash/maphash"
	"sync"
)

// attempts counts how often an event has come to a place: Knative tells nobody.
// It remembers the last few hundred thousand pairs of event and place; an older
// one starts again at 1.
type attempts struct {
	seed   maphash.Seed
	shards [16]attemptShard
}

// attemptShard keeps two generations, so that forgetting costs nothing.
type attemptShard struct {
	mu           sync.Mutex
	young, older map[place]int
}

const shardGeneration = 8192

// place is where an event comes to.
type place struct {
	id, source, consumer, trigger, path string
}

func newAttempts() *attempts { return &attempts{seed: maphash.MakeSeed()} }

// next returns 1 for the first time, 2 for the second, and so on.
func (a *attempts) next(p place) int {
	s := &a.shards[maphash.Comparable(a.seed, p)%uint64(len(a.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	n, known := s.young[p]
	if !known {
		n = s.older[p]
	}
	n++
	if s.young == nil || !known && len(s.young) >= shardGeneration {
		s.older, s.young = s.young, make(map[place]int)
	}
	s.young[p] = n
	return n
}
