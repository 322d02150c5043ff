package bank_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/demo"
	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/signing"
)

// D2: whoever can reach a broker cannot move money with it. What is unsigned,
// signed by somebody else, changed on its way, or meant for another consumer is
// a dead letter with its reason at once, and changes nothing.
func TestD2_ForgedEventsChangeNothing(t *testing.T) {
	b := start(t, nil)
	for _, journey := range []func(context.Context, demo.Options) (demo.Result, error){demo.Payment, demo.Closing, demo.Transfer} {
		_, err := journey(context.Background(), options(b))
		require.NoError(t, err)
	}
	requireTrueBooks(t, b)
	state := func() string { // but for the deliveries, of which the dead letters are some
		var lines []string
		for line := range strings.Lines(fntest.Snapshot(t, b.Owner)) {
			if !strings.HasPrefix(line, "delivery.") {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "")
	}
	before := state()
	mails := len(b.Outside.Mail.Mails())

	strangers := signing.Ephemeral(events.Verifying()...)
	var posts sync.WaitGroup // together: the broker holds each for as long as it is tried again
	forged, types := 0, map[events.Type]bool{}
	for _, e := range said(t, b) { // with ids of their own: copies would not show anything
		entry, _ := events.Lookup(e.Type)
		if len(entry.Verifiers()) == 0 || len(entry.Verifiers()) < len(entry.Hears) || types[e.Type] {
			continue // one of each type
		}
		types[e.Type] = true
		forged += len(entry.Verifiers())
		again := func(change func(*fn.Envelope)) {
			f := e
			f.ID, f.Time = uuid.NewString(), time.Now()
			change(&f)
			posts.Go(func() { post(t, b, string(e.Broker), f) })
		}
		signed := func(f fn.Envelope, keys *signing.Signer) fn.Envelope {
			f, err := f.Signed(keys)
			require.NoError(t, err)
			return f
		}
		again(func(*fn.Envelope) {})
		again(func(f *fn.Envelope) { *f = signed(*f, strangers) })
		again(func(f *fn.Envelope) { *f = signed(*f, b.Keys); f.ID = uuid.NewString() })
		again(func(f *fn.Envelope) { f.Signature = signed(e, b.Keys).Signature })
		again(func(f *fn.Envelope) { f.Source = "/functions/relay"; *f = signed(*f, b.Keys) })
	}
	posts.Wait()
	require.GreaterOrEqual(t, len(types), 5, "%v", types)
	rest(t, b)
	rows, err := b.Owner.Query(context.Background(), `
		select error_code || ' ' || case when reason like 'the catalogue does not let%' then 'not its sayer' else reason end, count(*)
		from delivery.dead_letter where status = 'open' group by 1`)
	require.NoError(t, err)
	letters := map[string]int{}
	var reason string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&reason, &n}, func() error { letters[reason] = n; return nil })
	require.NoError(t, err)
	require.Equal(t, map[string]int{
		"401 " + signing.ErrUnsigned.Error():   forged,
		"401 " + signing.ErrForged.Error():     2 * forged,
		"401 not its sayer":                    forged,
		"503 " + signing.ErrUnknownKey.Error(): forged,
	}, letters)
	require.Len(t, b.Outside.Mail.Mails(), mails)
	require.Equal(t, before, state())
	requireTrueBooks(t, b)
}
