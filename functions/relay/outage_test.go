package relay_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/delivery/deliverytest"
	"quittance.dev/functions/relay"
)

// refusals reads from the relay's log how long it waits after each.
type refusals struct {
	mu    sync.Mutex
	waits []time.Duration
}

func (r *refusals) Write(line []byte) (int, error) {
	var said struct {
		Msg  string
		Wait time.Duration
	}
	if err := json.Unmarshal(bytes.TrimSpace(line), &said); err != nil {
		return 0, err
	}
	if said.Msg == "not published" {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.waits = append(r.waits, said.Wait)
	}
	return len(line), nil
}

// all are the waits, and how long they are together.
func (r *refusals) all() (waits []time.Duration, together time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.waits {
		together += w
	}
	return append(waits, r.waits...), together
}

// E08: a broker is down for half a minute. The event is posted again, ever more
// slowly as the policy says, and is published once when the broker is back. The half
// minute is that of the waits: each is cut short once it has begun.
func TestE08_ABrokerThatIsDownFor30Seconds(t *testing.T) {
	t.Parallel()
	b, log := newBench(t), &refusals{}
	var up atomic.Bool
	b.broker.Answers(func(int, deliverytest.Heard) (int, string) {
		if up.Load() {
			return http.StatusAccepted, ""
		}
		return http.StatusServiceUnavailable, "down"
	})
	b.start(relay.Options{Logger: slog.New(slog.NewJSONHandler(log, nil))})
	e := b.Commit(1)[0]
	const resting = `from delivery.queue where leased_until = '-infinity' and attempts > 0 and due_at > now()`
	for {
		b.Eventually(1, resting)
		require.Equal(t, 0, b.Count(sent), "E09: not before the broker has it")
		if _, together := log.all(); together >= 30*time.Second {
			break
		}
		b.Exec(`update delivery.queue set due_at = now() where leased_until = '-infinity'`)
	}
	up.Store(true)
	b.Exec(`update delivery.queue set due_at = now()`)
	b.Eventually(1, sent)
	waits, _ := log.all()
	require.Greater(t, len(waits), 4)
	require.Less(t, len(waits), 12)
	for n, wait := range waits {
		base := 500 * time.Millisecond << n // doubling, give or take half
		require.GreaterOrEqual(t, wait, base/2, "after attempt %d", n+1)
		require.Less(t, wait, base/2+base, "after attempt %d", n+1)
	}
	require.Equal(t, len(waits)+1, b.broker.Times(e.ID), "once more, and published")
}
