package relay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestE08_Backoff: half a second doubling to a minute, never less than half of
// that nor more than one and a half.
func TestE08_Backoff(t *testing.T) {
	t.Parallel()
	for attempts, base := range map[int]time.Duration{
		0: 500 * time.Millisecond, 1: 500 * time.Millisecond, 2: time.Second, 3: 2 * time.Second,
		7: 32 * time.Second, 8: time.Minute, 9: time.Minute, 1000: time.Minute,
	} {
		differ := map[time.Duration]bool{}
		for range 100 {
			wait := backoff(attempts)
			require.GreaterOrEqual(t, wait, base/2)
			require.Less(t, wait, base/2+base)
			differ[wait] = true
		}
		require.Greater(t, len(differ), 50, "jitter keeps many from coming at once")
	}
}
