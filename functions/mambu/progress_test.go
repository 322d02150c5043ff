package mambu_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/mambu"
	"quittance.dev/functions/mambu/mambutest"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/outside/outsidetest"
)

// net/http waits for another answer after a 102; the client must not.
func TestFinal102DoesNotHang(t *testing.T) {
	b := newBench(t, mambutest.Options{}, func(c *mambu.Config) { c.HTTP.AttemptTimeout = time.Minute })
	require.NoError(t, b.emulator.Moods.Script(outsidetest.Mood{Kind: outsidetest.InProgress}))
	began := time.Now()
	_, err := b.client.Close(deadline(t, 20*time.Second), b.request)
	require.ErrorIs(t, err, outside.ErrInProgress)
	require.Less(t, time.Since(began), 5*time.Second)
	require.Len(t, b.emulator.Book().Attempts, 1, "not retried within the call")
}

// Two deliveries at once: the second is told that the first is running, and
// the same request later finds its result.
func TestA22_SecondCallWithTheKeyMeetsTheFirst(t *testing.T) {
	b := newBench(t, mambutest.Options{}, func(c *mambu.Config) { c.HTTP.AttemptTimeout = time.Minute })
	require.NoError(t, b.emulator.Moods.Script(outsidetest.Mood{
		Kind: outsidetest.Busy, Delay: outsidetest.Duration(300 * time.Millisecond),
	}))
	ctx := deadline(t, 10*time.Second)
	type answer struct {
		result mambu.CloseResult
		err    error
	}
	first := make(chan answer, 1)
	go func() {
		result, err := b.client.Close(ctx, b.request)
		first <- answer{result, err}
	}()
	require.Eventually(t, func() bool { return len(b.emulator.Book().Attempts) == 1 }, 5*time.Second, time.Millisecond)
	_, err := b.client.Close(ctx, b.request)
	require.ErrorIs(t, err, outside.ErrInProgress)

	got := <-first
	require.NoError(t, got.err)
	again, err := b.client.Close(ctx, b.request)
	require.NoError(t, err)
	require.Equal(t, got.result, again)
	b.closedOnce(t, true)
}

func TestRetryAfterReachesTheCaller(t *testing.T) {
	b := newBench(t, mambutest.Options{})
	for _, mood := range []outsidetest.Mood{
		{Kind: outsidetest.TooMany, RetryAfter: outsidetest.Duration(time.Minute)},
		{Kind: outsidetest.Locked, RetryAfter: outsidetest.Duration(time.Minute)},
	} {
		require.NoError(t, b.emulator.Moods.Script(mood))
		began := time.Now()
		_, err := b.client.Close(deadline(t, 10*time.Second), b.request)
		var u *outside.Unknown
		require.ErrorAs(t, err, &u)
		require.Equal(t, time.Minute, u.RetryAfter)
		require.Less(t, time.Since(began), 5*time.Second, "a minute is beyond the deadline: not waited for")
	}
}

func TestTheDeadlineHolds(t *testing.T) {
	b := newBench(t, mambutest.Options{}, func(c *mambu.Config) { c.HTTP.AttemptTimeout = time.Minute })
	require.NoError(t, b.emulator.Moods.Script(outsidetest.Mood{Kind: outsidetest.TimeoutAfter, Op: "close", Times: 9}))
	began := time.Now()
	_, err := b.client.Close(deadline(t, 200*time.Millisecond), b.request)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), 3*time.Second)

	result, err := b.client.Read(deadline(t, time.Second), account)
	require.NoError(t, err)
	require.Equal(t, mambu.StateClosed, result.State, "the caller finds out by reading back")
}
