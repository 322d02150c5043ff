package bank_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/bank"
	"quittance.dev/cmd/internal/books"
	"quittance.dev/cmd/internal/demo"
	"quittance.dev/cmd/internal/issuer"
	"quittance.dev/cmd/internal/knative"
	"quittance.dev/events"
	"quittance.dev/functions/api"
	"quittance.dev/functions/fn"
)

// start runs a whole bank until the test ends. A process has room for one data
// plane, so these tests do not run in parallel.
func start(t *testing.T, weather *knative.Weather) *bank.Bank {
	t.Helper()
	ctx := context.Background()
	b, err := bank.Start(ctx, bank.Options{
		DataDir: t.TempDir(), Infra: os.DirFS("../../../infra"),
		API: "127.0.0.1:0", Workbench: "127.0.0.1:0", Weather: weather,
		Logger:        slog.New(slog.NewJSONHandler(io.Discard, nil)),
		AuditDeadline: 3 * time.Second,
		Limits:        api.Limits{PerSecond: 1e6, Burst: 1e6}, // few people play many
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		stop, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		require.NoError(t, b.Close(stop))
	})
	return b
}

// rest waits until nothing is on its way, waking the audit meanwhile.
func rest(t *testing.T, b *bank.Bank) {
	t.Helper()
	var waiting int
	var err error
	ok := assertEventually(2*time.Minute, 100*time.Millisecond, func() bool {
		_ = b.Broker.Ping(context.Background(), "audit") // a lost tick is made up by the next
		waiting, err = books.Rest(context.Background(), b.Owner)
		return err == nil && waiting == 0
	})
	require.NoError(t, err)
	require.True(t, ok, "%d deliveries still wait", waiting)
}

func assertEventually(within, every time.Duration, done func() bool) bool {
	deadline := time.Now().Add(within)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for !done() {
		if time.Now().After(deadline) {
			return false
		}
		<-ticker.C
	}
	return true
}

// requireTrueBooks compares every table rule and every outside book.
func requireTrueBooks(t *testing.T, b *bank.Bank) {
	t.Helper()
	rest(t, b)
	broken, err := books.Tables(context.Background(), b.Owner)
	require.NoError(t, err)
	outside, err := books.Outside(context.Background(), b.Owner, books.Here(b.Outside))
	require.NoError(t, err)
	require.Empty(t, append(broken, outside...))
}

func options(b *bank.Bank) demo.Options {
	return demo.Options{API: b.APIURL, Logins: demo.NewLogins(b.IssuerURL), Run: uuid.NewString(), Timeout: time.Minute}
}

// said lists every event in the outbox.
func said(t *testing.T, b *bank.Bank) []fn.Envelope {
	t.Helper()
	rows, err := b.Owner.Query(context.Background(), `select `+fn.EnvelopeColumns+` from delivery.outbox order by created_at, id`)
	require.NoError(t, err)
	var all []fn.Envelope
	for rows.Next() {
		e, err := fn.ScanEnvelope(rows)
		require.NoError(t, err)
		all = append(all, e)
	}
	require.NoError(t, rows.Err())
	return all
}

// publish posts an event to a broker as the relay would.
func publish(t *testing.T, b *bank.Bank, broker string, e fn.Envelope) {
	t.Helper()
	e, err := e.Signed(b.Keys)
	require.NoError(t, err)
	post(t, b, broker, e)
}

// post posts an event to a broker as it is.
func post(t *testing.T, b *bank.Bank, broker string, e fn.Envelope) {
	t.Helper()
	r, err := e.Request(context.Background(), b.Broker.URL(broker))
	require.NoError(t, err)
	response, err := (&http.Client{Transport: b.Broker.Transport()}).Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	require.Equal(t, http.StatusAccepted, response.StatusCode)
}

// call sends a JSON request to the API and returns status and body.
func call(t *testing.T, b *bank.Bank, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, b.APIURL+path, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+token(t, b))
	r.Header.Set("Idempotency-Key", uuid.NewString())
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

// token is Ada's.
func token(t *testing.T, b *bank.Bank) string {
	t.Helper()
	token, err := b.Outside.Issuer.Token(issuer.Users()[0])
	require.NoError(t, err)
	return token
}

func count(t *testing.T, b *bank.Bank, query string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, b.Owner.QueryRow(context.Background(), query, args...).Scan(&n))
	return n
}

func withdrawalJSON(account, amount string) string {
	return fmt.Sprintf(`{"account_id":%q,"amount":%s}`, account, amount)
}

// requireSameState compares two snapshots line by line, ticks left out: time
// goes on between them.
func requireSameState(t *testing.T, want, got string) {
	t.Helper()
	lines := func(snapshot string) map[string]bool {
		set := map[string]bool{}
		for line := range strings.SplitSeq(snapshot, "\n") {
			if !strings.Contains(line, string(events.TypeTick)) {
				set[line] = true
			}
		}
		return set
	}
	before, after := lines(want), lines(got)
	for line := range before {
		require.True(t, after[line], "gone: %s", line)
	}
	for line := range after {
		require.True(t, before[line], "new: %s", line)
	}
}
