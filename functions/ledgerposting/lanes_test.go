package ledgerposting_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/ledgerposting"
	"quittance.dev/functions/pgtest"
)

// meeting holds whoever comes until another has come, once.
type meeting struct {
	mu   sync.Mutex
	here int
	met  chan struct{}
}

func (m *meeting) join() error {
	m.mu.Lock()
	m.here++
	if m.here == 2 {
		close(m.met)
	}
	m.mu.Unlock()
	select {
	case <-m.met:
		return nil
	case <-time.After(20 * time.Second):
		return errors.New("nobody else came")
	}
}

// TestTwoLanesGiveTheSameBooks: with two transactions in flight, one of them held
// until the other is as far, the book in the end is that of one event after the
// other.
func TestTwoLanesGiveTheSameBooks(t *testing.T) {
	t.Parallel()
	calm, calmOwner := open(t)
	for _, e := range begin(t, calmOwner, calm) {
		settle(t, calm, e)
	}

	db := pgtest.New(t)
	owner := db.Pool("")
	together, crowd := &meeting{met: make(chan struct{})}, false
	door := fntest.Open(t, ledgerposting.New(), db.Pool(role), fn.Options{Failpoint: func(point string) error {
		if crowd && strings.HasSuffix(point, ".before-commit") {
			return together.join()
		}
		return nil
	}})
	rest := begin(t, owner, door)
	crowd = true // before the first of these is sent
	var wg sync.WaitGroup
	for _, e := range rest {
		wg.Go(func() { settle(t, door, e) })
	}
	wg.Wait()
	select {
	case <-together.met:
	default:
		t.Fatal("two transactions were never in flight")
	}
	require.Equal(t, books(t, calmOwner), books(t, owner))
}
